"""What verbs of `bootentries` and of the real `ostree admin` take, in turn on the same sysroots.

Both run in one Debian chroot, ours installed there with its bytecode.  What counts is what a
verb takes beyond process start; that is measured as its `--help`.
"""

import hashlib
import itertools
import json
import shutil
import statistics
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trees  # type: ignore[import-not-found]  # tests/ns, put on the path by `scripts/bench`
from chroots import (  # type: ignore[import-not-found]
    CHECKOUT,
    PACKAGES,
    Machine,
    machine,
    package_version,
)

from bench import alternate, table
from bench.errors import BenchError
from guest import commit as guest_commit
from guest.tree import Tree
from prepare_root.formats.commit import COMMIT_TYPE, object_path
from prepare_root.formats.gvariant import decode, encode

HEADINGS = ("", "ours", "peer", "ours / peer", "processor, ours", "peer", "ours / peer")
SUITE = "sid"
ETC_FILES = 20_000
ETC_CHANGES = 1_000
LISTED = 500
WRITTEN = 50
ROOT_MIB = 6144
SYSROOT = "--sysroot=/tmp/sysroot"
_INSTALLED = "/tmp/installed"  # noqa: S108
_PYTHON = ("python3", "-P")
_PROGRAM = f"{_INSTALLED}/bootentries-program"
ENVIRON = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"PYTHONPATH={_INSTALLED}")
_CLICK = "import click"
# The verbs whose start is shown: one that reads, and those with most to load.
STARTS = ("status", "instutil set-kargs", "deploy", "upgrade")


@dataclass(frozen=True, slots=True)
class Taken:
    """Medians, in seconds."""

    wall: float
    processor: float

    def __sub__(self, other: "Taken") -> "Taken":
        # Noise must not make nothing, or less, of what took next to no time.
        wall, processor = self.wall - other.wall, self.processor - other.processor
        return Taken(max(wall, 1e-5), max(processor, 1e-5))


@dataclass(frozen=True, slots=True)
class VerbRow:
    """One comparison, by the clock and by the processor."""

    what: str
    ours: Taken
    peer: Taken

    def cells(self) -> tuple[str, ...]:
        """Return the row's texts, as many as there are headings."""
        result = [self.what]
        for ours, peer in (
            (self.ours.wall, self.peer.wall),
            (self.ours.processor, self.peer.processor),
        ):
            shown = (table.number(value * 1000, "ms") for value in (ours, peer))
            result += [*shown, f"{ours / peer:.2f}"]
        return tuple(result)


@dataclass(frozen=True, slots=True)
class Verbs:
    """All that was measured, and what was compared with what."""

    versions: str
    starts: tuple[VerbRow, ...]
    rows: tuple[VerbRow, ...]


def ours(*words: str) -> list[str]:
    """Return our command line."""
    return [_PROGRAM, *words]


def start_case(runs: int) -> alternate.Case:
    """Process start: that of `import click` in the same Python, and ours."""
    programs = {_CLICK: [*_PYTHON, "-c", _CLICK], "--version": ours("--version")}
    programs |= {f"{verb} --help": ours(*verb.split(), "--help") for verb in STARTS}
    return alternate.Case(name="start", runs=runs, programs=programs, after={})


def verb_case(name: str, runs: int, verb: str, *args: str, undo: str = "") -> alternate.Case:
    """A verb of both on the same sysroot, and its `--help`; `undo` is a verb that follows."""
    words = verb.split()
    programs = {
        "ours": ours(*words, SYSROOT, *args),
        "our start": ours(*words, "--help"),
        "peer": ["ostree", "admin", *words, SYSROOT, *args],
        "peer's start": ["ostree", "admin", *words, "--help"],
    }
    back = ["ostree", "admin", *undo.split(), SYSROOT]
    after = {"ours": back, "peer": back} if undo else {}
    return alternate.Case(name=name, runs=runs, programs=programs, after=after)


def run_cases(box: Machine, cases: tuple[alternate.Case, ...]) -> dict[str, dict[str, Taken]]:
    """Return the medians by name and label; raises BenchError."""
    shutil.copy(alternate.__file__, _inside(box, "/tmp/alternate.py"))  # noqa: S108
    program = ["chroot", str(box.root), *ENVIRON, "python3", "/tmp/alternate.py"]  # noqa: S108
    done = subprocess.run(
        ["nsenter", f"--mount=/proc/{box.pid}/ns/mnt", "--", *program],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode:
        first = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise BenchError("run verbs", SUITE, first)
    return medians(json.loads(done.stdout))


def medians(
    taken: Mapping[str, Mapping[str, list[tuple[float, float]]]],
) -> dict[str, dict[str, Taken]]:
    """Return the medians of what `alternate` printed."""
    return {
        name: {
            label: Taken(*(statistics.median(column) for column in zip(*values, strict=True)))
            for label, values in programs.items()
        }
        for name, programs in taken.items()
    }


def start_rows(found: Mapping[str, Taken]) -> tuple[VerbRow, ...]:
    """Return each start of ours beside that of `import click`."""
    click = found[_CLICK]
    return tuple(
        VerbRow(f"`bootentries {words}` / `python3 -c 'import click'`", taken, click)
        for words, taken in found.items()
        if words != _CLICK
    )


def verb_row(name: str, found: Mapping[str, Taken]) -> VerbRow:
    """Return what the verb took beyond process start."""
    return VerbRow(name, found["ours"] - found["our start"], found["peer"] - found["peer's start"])


@contextmanager
def box(work: Path, root_mib: int = ROOT_MIB) -> Iterator[Machine]:
    """Hold a chroot with our program in it, and an empty sysroot with one stateroot."""
    with machine(SUITE, work, root_mib=root_mib) as found:
        install(found)
        found.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")  # noqa: S108
        found.admin("os-init", "os")
        yield found


def install(found: Machine) -> None:
    """Copy the checkout's packages into the chroot and compile them, as an installer does."""
    place = _inside(found, _INSTALLED)
    place.mkdir()
    for package in ("bootentries", "prepare_root"):
        shutil.copytree(
            CHECKOUT / package, place / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for extension in CHECKOUT.glob("_bootsys*.so"):
        shutil.copy(extension, place)
    script = _inside(found, _PROGRAM)
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    script.write_text(entry_script(project["project"]["scripts"]["bootentries"]))
    script.chmod(0o755)
    compileall = ["python3", "-m", "compileall", "-q", _INSTALLED]
    found.run(["chroot", str(found.root), *ENVIRON, *compileall])


def entry_script(entry_point: str) -> str:
    """Return what pip makes of an entry point `MODULE:FUNCTION`."""
    module, _, function = entry_point.partition(":")
    return (
        f"#!/usr/bin/python3 -P\nimport sys\nfrom {module} import {function}\n"
        f'if __name__ == "__main__":\n    sys.exit({function}())\n'
    )


def _inside(found: Machine, path: str) -> Path:
    """Return a place in the chroot as this process, outside of the namespace, sees it."""
    return Path(f"/proc/{found.pid}/root{found.root}{path}")


def measure(debian: Tree, work: Path, quick: bool) -> Verbs:
    """Everything, each on a sysroot of its own."""
    runs = 3 if quick else 11
    times: dict[str, dict[str, Taken]] = {}
    with box(work / "start") as found:
        starts = start_rows(run_cases(found, (start_case(runs * 4),))["start"])
        versions = ", ".join(f"{name} {package_version(found.root, name)}" for name in PACKAGES)
    for name, prepare in (("listed", listed), ("written", written), ("etc", etc)):
        with box(work / name) as found:
            times |= run_cases(found, prepare(found, work / name, runs))
    with box(work / "debian") as found:
        times |= run_cases(found, whole_debian(found, debian, runs))
    rows = tuple(verb_row(name, found) for name, found in times.items())
    return Verbs(f"Debian {SUITE}: {versions}", starts, rows)


def listed(
    found: Machine, work: Path, runs: int, count: int = LISTED
) -> tuple[alternate.Case, ...]:
    """A long list to read."""
    found.commit(trees.build(work / "trees", trees.PLAIN), "os", "1.0")
    found.admin("deploy", "--os=os", "os")
    grow(found.view, count)
    # It is short, and so more of it is other programs' noise.
    return (verb_case(f"`status` of {count} deployments", runs * 4, "status"),)


def written(
    found: Machine, work: Path, runs: int, count: int = WRITTEN
) -> tuple[alternate.Case, ...]:
    """A list to write, made by the real program."""
    found.commit(trees.build(work / "trees", trees.PLAIN), "os", "1.0")
    for _ in range(count):
        found.admin("deploy", "--os=os", "--retain", "os")
    name = f"`instutil set-kargs` with {count} deployments"
    return (verb_case(name, runs, "instutil set-kargs", "quiet"),)


def etc(
    found: Machine, work: Path, runs: int, files: int = ETC_FILES, changes: int = ETC_CHANGES
) -> tuple[alternate.Case, ...]:
    """An /etc to compare, and to merge into the next deployment."""
    root = trees.build(work / "trees", trees.PLAIN)
    for number in range(files):
        place = root / f"usr/etc/d{number % 200}"
        place.mkdir(exist_ok=True)
        (place / f"file{number}.conf").write_text(f"setting = {number}\n")
    found.commit(root, "os")
    found.admin("deploy", "--os=os", "os")
    (deployment,) = (found.view / "ostree/deploy/os/deploy").glob("*.0")
    for number in range(changes):
        (deployment / f"etc/d{number % 200}/file{number}.conf").write_text("changed\n")
    name = f"`deploy` with {files:,} files in /etc, {changes:,} of them changed"
    return (
        verb_case(f"`config-diff` of {files:,} files", runs, "config-diff", "--os=os"),
        verb_case(name, runs, "deploy", "--os=os", "--no-prune", "os", undo="undeploy 0"),
    )


def whole_debian(found: Machine, debian: Tree, runs: int) -> tuple[alternate.Case, ...]:
    """A whole Debian system to deploy."""
    repo = guest_commit.repository(debian)
    inside = found.root / "tmp/repo"
    found.run(["mkdir", str(inside)])
    found.run(["mount", "--bind", str(repo), str(inside)])
    checksum = found.ostree("rev-parse", "--repo=/tmp/repo", "base").strip()
    own = "--repo=/tmp/sysroot/ostree/repo"
    found.ostree("pull-local", own, "/tmp/repo", checksum)  # noqa: S108
    found.ostree("refs", own, "--create=os", checksum)
    found.admin("deploy", "--os=os", "os")
    name = "`deploy` of the Debian tree"
    return (verb_case(name, runs, "deploy", "--os=os", "--no-prune", "os", undo="undeploy 0"),)


def grow(sysroot: Path, count: int) -> None:
    """Turn a list of one deployment into one of `count`, each of a commit of its own."""
    (entry,) = (sysroot / "boot/loader/entries").iterdir()
    text = entry.read_text()
    (links,) = (sysroot / "ostree").glob("boot.[01].[01]/os/*")
    (deployment,) = (sysroot / "ostree/deploy/os/deploy").glob("*.0")
    origin = deployment.with_name(f"{deployment.name}.origin")
    commits = commit_copies(sysroot / "ostree/repo", deployment.name.partition(".")[0])
    for number, checksum in zip(range(1, count), commits, strict=False):
        name = f"{checksum}.0"
        deployment.with_name(name).mkdir()
        shutil.copy(origin, origin.with_name(f"{name}.origin"))
        (links / str(number)).symlink_to(f"../../../deploy/os/deploy/{name}")
    for number in range(count):
        changed = text.replace("version 1\n", f"version {count - number}\n")
        changed = changed.replace(f"/{links.name}/0", f"/{links.name}/{number}")
        entry.with_name(f"ostree-{count - number}.conf").write_text(changed)


def commit_copies(repo: Path, checksum: str) -> Iterator[str]:
    """Write copies of a commit that differ in their body, and yield their checksums."""
    data = (repo / object_path(checksum, "commit").decode()).read_bytes()
    fields = decode(COMMIT_TYPE, data, big=False)
    if not isinstance(fields, tuple):
        raise BenchError("copy commit", checksum, "not a commit")
    for number in itertools.count():
        copy = encode(COMMIT_TYPE, (*fields[:4], f"copy {number}", *fields[5:]), big=False)
        name = hashlib.sha256(copy).hexdigest()
        place = repo / object_path(name, "commit").decode()
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(copy)
        yield name
