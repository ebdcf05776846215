"""What may be true after a call failed, or the program was killed: old or new, and all said."""

import errno
import os
import re
from dataclasses import dataclass, replace

from sidebyside import Facts, facts

from bootentries.booted import Staged, read_staged
from bootentries.check.codes import Severity
from bootentries.check.finding import Finding
from bootentries.check.verify import verify
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.root import open_root
from bootentries.sysroot import load
from callfaults.calls import Call
from callfaults.cases import Case
from callfaults.lab import Fault, Lab, Outcome, State

_KILLED = (-9, 137)
OLD, NEW, EITHER = "old", "new", "either"
_REFS = "ostree/repo/refs/heads/ostree"
# Why a finalisation failed, and how often: for the next boot.
_STAMPS = ("boot/ostree/finalize-failure.stamp", "boot/ostree/finalize-attempts.stamp")
_LATER = re.compile(r"^bootentries: .*: left for later: .+", re.MULTILINE)
_UNTOLD = re.compile(r"^bootentries: the next boot w\w+ not tell ", re.MULTILINE)
_ERROR = re.compile(r"^bootentries: (?P<operation>[^:]+): (?P<object>.+?): (?P<reason>.+)$")

# Calls whose failure may pass without a word, and why.
BY_DESIGN: tuple[tuple[str, str], ...] = (
    (r'^mkdir\("/run/ostree"', "it is there already, and Python looks before it complains"),
    (r'^umount2\("/run/ostree/.unlock-', "a mount below /run ends with the next boot"),
    (r'^rmdir\("/run/ostree/.unlock-', "an empty directory in /run is no reason to fail"),
    (r'^unlinkat\(.*"lock"', "the lock ends with its fd: the file alone hinders nobody"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What makes up the active list, by our reader and by libostree's."""

    status: str
    items: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A case without a fault: before and after it, and what is left once all is tidied up.

    `finals` are the sysroot after the case once, and after it twice; `codes` what `verify`
    says of a tidy one, and `mounts` are those that the case makes.
    """

    before: Seen
    after: Seen
    finals: tuple[Facts, ...]
    codes: frozenset[str]
    mounts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problems` is empty for a good end; `ended` says which list is active then."""

    ended: str
    status: int | None
    problems: tuple[str, ...]
    said: str = ""
    reason: str = ""


def measure(lab: Lab, case: Case, state: State) -> Baseline:
    """Run a case without a fault, once and twice."""
    lab.restore(state)
    before = look(lab)
    codes = {finding.code.name for finding in findings(lab)}
    finals = []
    after = before
    made: frozenset[str] = frozenset()
    for count in (1, 2):
        lab.restore(state)
        mounts = set(lab.mounts())
        for number in range(count):
            done = lab.ours(case.argv)
            if done.status != 0 and not (number == 1 and _says_again(case, done)):
                raise RuntimeError(f"{case.name}: {done.stderr}")
        if count == 1:
            after = look(lab)
            made = frozenset(set(lab.mounts()) - mounts)
            codes |= {finding.code.name for finding in findings(lab)}
        tidy_up(lab)
        finals.append(tidy_facts(lab))
    if state.run:
        # What was staged may be given up, which is said.
        lab.restore(replace(state, run={}))
        tidy_up(lab)
        finals.append(tidy_facts(lab))
    return Baseline(before, after, tuple(finals), frozenset(codes), made)


def tidy_up(lab: Lab) -> Outcome | None:
    """Run `cleanup`, where there is a sysroot to clean."""
    if not (lab.view / "ostree/repo/config").exists():
        return None
    return lab.ours(("cleanup",))


def tidy_facts(lab: Lab) -> Facts:
    """Return what is in a sysroot, whichever of the two versions of everything is active."""
    found = facts(lab.view)
    for name in _STAMPS:
        found.pop(name, None)
    loader = lab.view / "boot/loader"
    if not loader.is_symlink():
        return found
    n = loader.readlink().name[-1]
    m = (lab.view / f"ostree/boot.{n}").readlink().name[-1]
    renamed = {
        f"ostree/boot.{n}.{m}": "ostree/boot.N.M", f"ostree/boot.{n}": "ostree/boot.N",
        f"boot/loader.{n}": "boot/loader.N", f"{_REFS}/{n}/{m}": f"{_REFS}/N/M",
    }  # fmt: skip
    texts = {f"boot.{n}.{m}": "boot.N.M", f"boot.{n}/": "boot.N/", f"loader.{n}": "loader.N"}
    result = {}
    for name, value in found.items():
        old = next((old for old in renamed if f"{name}/".startswith(f"{old}/")), "")
        renamed_to = renamed[old] + name[len(old) :] if old else name
        result[renamed_to] = tuple(_replaced(part, texts) for part in value)
    return result


def _replaced(part: object, texts: dict[str, str]) -> object:
    for old, new in texts.items():
        if isinstance(part, bytes):
            part = part.replace(old.encode(), new.encode())
        elif isinstance(part, str):
            part = part.replace(old, new)
    return part


def look(lab: Lab) -> Seen:
    """Read the active list twice: by the real `ostree admin status`, and by our own reader."""
    if not (lab.view / "ostree/repo/config").exists():
        return Seen("", ())
    status = lab.ostree("admin", "status", f"--sysroot={lab.path}")
    with open_root(str(lab.view)) as root:
        items = load(root, run="/nonexistent").deployments
    staged = () if lab.running is None else (read_staged(str(lab.running.run)),)
    return Seen(status, (*staged, *map(_item, items)))


def _item(item: Deployment) -> tuple[object, ...]:
    words = [word for word in item.options.split() if not word.startswith("ostree=")]
    return (item.stateroot, item.name, item.bootcsum, " ".join(words), item.origin.data)


def findings(lab: Lab) -> tuple[Finding, ...]:
    """Return what `verify` says."""
    if not (lab.view / "ostree/repo/config").exists():
        return ()
    with open_root(str(lab.view)) as root:
        return verify(root, run="/nonexistent").findings


def judge(
    lab: Lab,
    case: Case,
    base: Baseline,
    made: tuple[Fault, Call, set[str]],
    done: Outcome,
    *,
    exact: bool,
) -> Verdict:
    """Say what is wrong with the sysroot, and with what was said, after a fault.

    `made` are the fault, its call, and the mounts before it.  The same command is run once
    more then, and the sysroot tidied up.  What is said is judged for an `exact` fault.
    """
    fault, call, mounts = made
    problems: list[str] = []
    reason = ""
    if done.status is None:
        return Verdict("unknown", None, ("it hangs",))
    if lab.is_frozen():
        problems.append("the filesystem was left frozen")
    now = set(lab.mounts())
    if done.status in _KILLED or call.name == "umount2":
        # The namespace of a process that is killed goes with it; PID 1's does not, and the next
        # `unlock` does not mind.
        now = {line for line in now if "/run/ostree/.unlock-" not in line}
    if now != mounts and now != mounts | base.mounts:
        problems.append(f"the mount table is another: {sorted(now ^ mounts)}")
    ended, found = _active(lab, case, base)
    problems += found
    if exact and (fault.error is not None or fault.process):
        wrong, reason = _message(call, fault, done, ended)
        problems += wrong
    problems += _again(lab, case, base, ended)
    return Verdict(ended, done.status, tuple(problems), done.stderr.strip(), reason)


def _active(lab: Lab, case: Case, base: Baseline) -> tuple[str, list[str]]:
    """Return which list is active, and what is wrong with it."""
    problems = []
    try:
        seen = look(lab)
    except (OSError, RuntimeError, BootentriesError) as error:
        if case.begins:
            return OLD, problems
        return "unknown", [f"the list cannot be read: {error}"]
    ended = "unknown"
    if case.begins:
        return (NEW if seen == base.after else OLD), problems
    if base.before == base.after == seen or case.loose:
        ended = EITHER
    elif seen == base.before:
        ended = OLD
    elif seen == base.after:
        ended = NEW
    elif _gave_up(seen, base):
        ended = OLD
    elif case.by_item and all(
        item in pair
        for item, *pair in zip(seen.items, base.before.items, base.after.items, strict=False)
    ):
        # Entries that are edited where they are change one by one.
        ended = EITHER
    else:
        problems.append(f"neither the old list nor the new one: {seen.status}{seen.items}")
    problems += chain(lab)
    for finding in findings(lab):
        if finding.code.severity is not Severity.LEFTOVER and finding.code.name not in base.codes:
            problems.append(f"verify: {finding.code.name}: {finding.place}: {finding.reason}")
    return ended, problems


def _gave_up(seen: Seen, base: Baseline) -> bool:
    """Whether the list is the old one without what was staged: finalising takes that first."""
    first = base.before.items[0] if base.before.items else None
    return isinstance(first, Staged) and seen.items == (None, *base.before.items[1:])


def chain(lab: Lab) -> list[str]:
    """Follow every entry by hand: its kernel is the deployment's, and its link leads there."""
    problems = []
    for entry in sorted(lab.view.glob("boot/loader/entries/*.conf")):
        lines = (line.split(None, 1) for line in entry.read_text().splitlines() if " " in line)
        keys: dict[str, str] = {}
        for key, value in lines:
            # Of several initrds the first is the tree's.
            keys.setdefault(key, value)
        link = next(word for word in keys["options"].split() if word.startswith("ostree="))
        deployment = lab.view / link.removeprefix("ostree=/")
        if not (deployment / "usr/bin/tool").is_file():
            problems.append(f"{entry.name}: {link} leads to no deployment")
            continue
        modules = next((deployment / "usr/lib/modules").iterdir())
        for key, source in (("linux", "vmlinuz"), ("initrd", "initramfs.img")):
            place = lab.view / f"boot{keys[key]}"
            if not place.is_file():
                problems.append(f"{entry.name}: {place.name} is not there")
            elif place.read_bytes() != (modules / source).read_bytes():
                problems.append(f"{entry.name}: {place.name} is not the deployment's")
    return problems


def _message(call: Call, fault: Fault, done: Outcome, ended: str) -> tuple[list[str], str]:
    """Return what is wrong with status and text, and why a success is none."""
    problems = []
    if "Traceback" in done.stderr:
        problems.append("a traceback")
    if done.status == 0:
        if ended == OLD:
            problems.append("success is reported, and the old list is active")
        if _LATER.search(done.stderr):
            return problems, "what comes after the swap is left for later, and said so"
        if _UNTOLD.search(done.stderr):
            return problems, "only the note for the next boot is missing, and that is said"
        if fault.error == "EINTR":
            return problems, "an interrupted call is made again"
        if fault.process and fault.error is not None:
            return problems, "the `ostree` that was hit goes on without it"
        for pattern, why in BY_DESIGN:
            if re.search(pattern, call.text):
                return problems, why
        return [*problems, "success is reported"], ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("bootentries: ")]
    match = _ERROR.match(lines[-1]) if lines else None
    if match is None:
        problems.append("no error of the right form")
    elif match["object"] in ("-", "None", "system call") or match["object"].isdigit():
        problems.append("the error names no object")
    elif fault.process == 0 and fault.error is not None:
        text = os.strerror(getattr(errno, fault.error))
        if text not in done.stderr:
            problems.append(f"the error does not say {text!r}")
    return problems, ""


def _again(lab: Lab, case: Case, base: Baseline, ended: str) -> list[str]:
    """Run the same command again, tidy up, and return what is wrong then."""
    problems = []
    done = lab.ours(case.argv)
    if done.status != 0 and not (ended != OLD and _says_again(case, done)):
        problems.append(f"the same command fails then: {done.stderr.strip()}")
    problems += [f"after the same command: {text}" for text in _faults(lab, base)]
    problems += chain(lab)
    tidied = tidy_up(lab)
    if tidied is not None and tidied.status != 0:
        problems.append(f"cleanup fails then: {tidied.stderr.strip()}")
    left, finals = tidy_facts(lab), base.finals
    kept = [name for name in left if re.search(case.leaves, name) and name not in finals[0]]
    if kept:
        # It is a ref: what it names is not pruned.
        left, *others = (
            _without(found, (*kept, "ostree/repo/objects")) for found in (left, *finals)
        )
        finals = tuple(others)
    if left not in finals and not case.loose:
        problems.append(f"after cleanup: {_difference(left, finals)}")
    return problems


def _without(found: Facts, names: tuple[str, ...]) -> Facts:
    return {name: value for name, value in found.items() if not name.startswith(names)}


def _faults(lab: Lab, base: Baseline) -> list[str]:
    return [
        f"verify: {finding.code.name}: {finding.place}"
        for finding in findings(lab)
        if finding.code.severity is not Severity.LEFTOVER and finding.code.name not in base.codes
    ]


def _says_again(case: Case, done: Outcome) -> bool:
    return case.again is not None and case.again in done.stderr


def _difference(left: Facts, finals: tuple[Facts, ...]) -> str:
    """Return in what few names a sysroot differs from the one that it is most like."""
    differences = [
        sorted(name for name in {*left, *final} if left.get(name) != final.get(name))
        for final in finals
    ]
    names = min(differences, key=len)
    texts = []
    for name in names[:4]:
        final = finals[differences.index(names)]
        kind = "left over" if name not in final else "missing" if name not in left else "another"
        texts.append(f"{kind}: {name}")
    return "; ".join(texts) + (f"; and {len(names) - 4} more" if len(names) > 4 else "")
