"""Bad input and writing verbs: one line for what is wrong, and the sysroot stays as it was.

Beside each spoiled sysroot stands what the real `ostree admin` makes of it.
"""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from badinput import CASES, fields, special
from chroots import CHECKOUT, Machine, machine
from sidebyside import facts
from test_interop import deployed
from test_swap import assert_clean
from trees import PLAIN, TREES, Tree, build
from victims import Victim, put

from bootentries.repo import read_commit
from bootentries.root import open_root
from bootentries.txn.lock import lock_fd

pytestmark = pytest.mark.ns

AGAIN = Tree("again", PLAIN.modules, pretty="Again OS")
# Trees that are committed, and cannot be deployed
SPOILED = (
    Tree("bare"),
    Tree("two", {"vmlinuz": "k", "../7.0/vmlinuz": "k"}),
    Tree("noetc", PLAIN.modules),
)
SPOILED_BY = {"noetc": "usr/etc"}
# What libostree takes and we refuse; it refuses every other case, too.
ACCEPTED = {
    # A wrong boolean is false to it, a wrong string is missing.
    "origin/pinned-perhaps",
    "origin/unknown-escape",
    # It follows links out of the sysroot, and out of a tree.
    "a_boot_that_leads_out",
    "a_kernel_that_leads_out_of_the_tree",
    # It takes the one that the directory lists first.
    "a_tree_with_two_kernels",
    "a_tree_with_two_kernels_of_the_old_layout",
}
# It would wait for a writer, or read until memory is full.
ENDLESS = ("pipe", "device")


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Machine]:
    """A sysroot with two deployments of one kernel at `base`, made by the real ostree."""
    work = tmp_path_factory.mktemp("bad")
    with machine("trixie", work, root_mib=512) as box:
        box.run(["mkdir", str(box.root / "tmp/checkout"), str(box.sysroot / "base")])
        box.run(["mount", "--bind", str(CHECKOUT), str(box.root / "tmp/checkout")])
        box.ostree("admin", "init-fs", "--modern", "/tmp/sysroot/base")
        box.ostree("admin", "os-init", "--sysroot=/tmp/sysroot/base", "testos")
        for number, tree in enumerate((PLAIN, AGAIN, *SPOILED)):
            root = build(work / "trees", tree)
            if tree.name in SPOILED_BY:
                shutil.rmtree(root / SPOILED_BY[tree.name])
            box.run(["mkdir", "-p", str(box.root / "tmp/tree")])
            box.run(["mount", "--bind", str(root), str(box.root / "tmp/tree")])
            box.ostree(
                "commit", "--repo=/tmp/sysroot/base/ostree/repo", f"--branch={tree.name}",
                f"--add-metadata-string=version=1.{number}", "/tmp/tree",
            )  # fmt: skip
            box.run(["umount", str(box.root / "tmp/tree")])
            if tree in SPOILED:
                continue
            box.ostree(
                "admin", "deploy", "--sysroot=/tmp/sysroot/base", "--os=testos", "--retain",
                "--karg=root=UUID=a", tree.name,
            )  # fmt: skip
        yield box


@contextmanager
def copied(box: Machine) -> Iterator[Path]:
    """Hold a copy of the base sysroot; yields its path for the test itself."""
    box.run(["cp", "-a", str(box.sysroot / "base"), str(box.sysroot / "copy")])
    try:
        yield box.view / "copy"
    finally:
        box.run(
            ["sh", "-c", f"chattr -R -i {box.sysroot}/copy 2>/dev/null; rm -rf {box.sysroot}/copy*"]
        )


def ours(box: Machine, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run our program in the chroot on the copy."""
    program = [
        "timeout",
        "60",
        "env",
        "PYTHONPATH=/tmp/checkout",
        "PYTHONPYCACHEPREFIX=/tmp/pycache",
    ]
    program += ["python3", "-P", "-m", "bootentries", "--sysroot=/tmp/sysroot/copy"]
    return box.attempt(["chroot", str(box.root), *program, *args], env)


# The trees here have an initramfs that is a word; to be told so is a remark, and no error.
REMARK = "bootentries: the configuration in the initramfs was not checked: "


def errors(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith(REMARK)]


def assert_refused(done: "subprocess.CompletedProcess[str]", lines: list[str]) -> None:
    assert errors(done) == lines
    assert done.returncode == 1
    assert done.stdout == ""


# Runs `undeploy 1` on each directory named, in a process of its own that is forked: a new
# interpreter for each takes longer than all the rest.
EACH = """
import json, os, sys
from bootentries.cli import run
found = {}
for name in sys.argv[1:]:
    files = [os.memfd_create("out"), os.memfd_create("err")]
    child = os.fork()
    if child == 0:
        os.dup2(files[0], 1)
        os.dup2(files[1], 2)
        status = run(["--sysroot", f"/tmp/sysroot/{name}", "undeploy", "1"])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    _, status = os.waitpid(child, 0)
    said = [os.pread(file, 1 << 20, 0).decode() for file in files]
    found[name] = (os.waitstatus_to_exitcode(status), *said)
    for file in files:
        os.close(file)
print(json.dumps(found))
"""
# The same for libostree; prints a line with the exit status for each.
EACH_OF_THEIRS = """
for name; do
    timeout 30 ostree admin undeploy --sysroot=/tmp/sysroot/$name 1 >/dev/null 2>&1
    echo "$name $?"
done
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: ours, what it changed, and libostree's status (None: not run)."""

    lines: list[str]
    status: int
    out: str
    err: str
    changed: list[str]
    theirs: int | None


@pytest.fixture(scope="module")
def outcomes(shared: Machine) -> dict[str, Outcome]:
    """Every case on a copy of its own, spoiled, then given to both programs."""
    names = {f"case-{number}": case for number, case in enumerate(CASES)}
    lines, before = {}, {}
    for name, case in names.items():
        shared.run(["cp", "-a", str(shared.sysroot / "base"), str(shared.sysroot / name)])
        victim = Victim(shared.view / name)
        lines[name] = case.lines(victim)
        case.spoil(victim)
        before[name] = facts(shared.view / name)
    inside = ["chroot", str(shared.root)]
    python = [
        "env",
        "PYTHONPATH=/tmp/checkout",
        "PYTHONPYCACHEPREFIX=/tmp/pycache",
        "python3",
        "-P",
    ]
    found = json.loads(shared.run([*inside, *python, "-c", EACH, *names]))
    after = {name: facts(shared.view / name) for name in names}
    asked = [name for name, case in names.items() if not case.name.endswith(ENDLESS)]
    said = shared.run([*inside, "sh", "-c", EACH_OF_THEIRS, "sh", *asked])
    theirs = {name: int(status) for name, status in map(str.split, said.splitlines())}
    shared.run(
        ["sh", "-c", f"chattr -R -i {shared.sysroot}/case-*; rm -rf {shared.sysroot}/case-*"]
    )
    return {
        case.name: Outcome(
            lines[name], *found[name],
            sorted(
                path for path in {*before[name], *after[name]}
                if before[name].get(path) != after[name].get(path)
            ),
            theirs.get(name),
        )
        for name, case in names.items()
    }  # fmt: skip


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_a_spoiled_sysroot_is_refused_and_left_alone(name, outcomes):
    found = outcomes[name]
    assert found.err.splitlines() == found.lines
    assert (found.status, found.out, found.changed) == (1, "", [])
    if not name.endswith(ENDLESS):
        assert found.theirs == (0 if name in ACCEPTED else 1)


# What else can be in the way

WRITERS = (
    "undeploy 1",
    "set-default 1",
    "pin 0",
    "cleanup",
    "set-origin --index=0 up http://u b",
    "kargs edit-in-place --append-if-missing=a",
    "os-init new",
    "instutil set-kargs --merge a",
    "deploy --os=testos plain",
    "switch --os=testos again",
    "upgrade --os=testos",
    "loader set grub2",
    "loader run-pending",
)


def test_a_lock_that_is_held(shared: Machine):
    with copied(shared) as top:
        before = facts(top)
        with (top / "ostree/lock").open("wb") as file:
            lock_fd(file.fileno(), exclusive=True)
            for command in WRITERS:
                done = ours(shared, *command.split(), "--lock-timeout=0.1")
                assert_refused(
                    done,
                    [
                        "bootentries: waiting for another process to release the sysroot lock",
                        "bootentries: lock sysroot: ostree/lock: held by another process for 0.1 s",
                        "hint: wait for the other ostree or bootentries command",
                    ],
                )
        assert facts(top) == before


@pytest.mark.parametrize("kind", ["directory", "loop"])
def test_a_lock_that_is_none(kind, shared: Machine):
    reason = {"directory": "Is a directory", "loop": "Too many levels of symbolic links"}[kind]
    with copied(shared) as top:
        special(kind)(top / "ostree/lock")
        before = facts(top)
        done = ours(shared, "undeploy", "1")
        assert_refused(done, [f"bootentries: lock sysroot: ostree/lock: {reason}"])
        assert facts(top) == before


def test_a_lock_that_leads_out_is_made_inside(shared: Machine, tmp_path):
    """The name is looked up in the sysroot, so nothing outside is touched or waited for."""
    with copied(shared) as top:
        (top / "ostree/lock").symlink_to("../../outside")
        done = ours(shared, "undeploy", "1")
        assert done.returncode == 0, done.stderr
        assert not (top.parent / "outside").exists()


def test_a_sysroot_that_cannot_be_written(shared: Machine):
    with copied(shared) as top:
        before = facts(top)
        shared.run(["mount", "-o", "remount,ro", str(shared.sysroot)])
        try:
            for command in WRITERS:
                assert_refused(
                    ours(shared, *command.split()),
                    ["bootentries: lock sysroot: ostree/lock: Read-only file system"],
                )
        finally:
            shared.run(["mount", "-o", "remount,rw", str(shared.sysroot)])
        assert facts(top) == before


def test_nobody_may_look_but_not_write(shared: Machine):
    with copied(shared) as top:
        before = facts(top)
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

        def as_nobody(command: str, debug: str = "") -> "subprocess.CompletedProcess[str]":
            program = [
                "env",
                "PYTHONPATH=/tmp/checkout",
                f"OSTREE_SYSROOT_DEBUG={debug}",
                "python3",
            ]
            program += ["-B", "-P", "-m", "bootentries", "--sysroot=/tmp/sysroot/copy"]
            return shared.attempt(["chroot", str(shared.root), *user, *program, *command.split()])

        for command in WRITERS:
            assert_refused(
                as_nobody(command),
                [
                    "bootentries: write deployments: /tmp/sysroot/copy: this needs root",
                    "hint: run it with sudo",
                ],
            )
        # Who says that it may is believed, and the kernel decides.
        assert_refused(
            as_nobody("undeploy 1", "mutable-deployments"),
            ["bootentries: lock sysroot: ostree/lock: Permission denied"],
        )
        status = as_nobody("status")
        assert (status.returncode, status.stderr) == (0, "")
        assert as_nobody("undeploy --dry-run 1").returncode == 0
        assert facts(top) == before


# Commits and refs that cannot be deployed

REF = "ostree/repo/refs/heads/broken"


def _ref(text: bytes) -> Callable[[Path], None]:
    return lambda top: put(top / REF, text)


def a_partial_commit(top: Path) -> None:
    checksum = (top / "ostree/repo/refs/heads/plain").read_text().strip()
    (top / f"ostree/repo/state/{checksum}.commitpartial").write_bytes(b"")
    put(top / REF, checksum)
    # A file's object is missing: what a pull that was cut short leaves.
    for path in (top / "ostree/repo/objects").glob("*/*.file"):
        if not path.is_symlink() and path.read_bytes() == b"a=1\n":
            path.unlink()


def a_directory_without_its_object(top: Path) -> None:
    put(top / REF, (top / "ostree/repo/refs/heads/plain").read_text())
    for path in (top / "ostree/repo/objects").glob("*/*.dirtree"):
        path.unlink()


_NO_CHECKSUM = "resolve: broken: refs/heads/broken holds no checksum"
_PULL = "ostree refs lists the refs; ostree pull brings one"
UNDEPLOYABLE = {
    "no such ref": (
        "none", None,
        "resolve: none: no such ref or commit in the repository",
        _PULL,
    ),
    "no such commit": (
        "c" * 64, None,
        f"resolve: {'c' * 64}: commit {'c' * 64} is not in the repository",
        "pull it first: ostree pull REMOTE REF",
    ),
    "a ref that goes up": (
        "../heads/plain", None,
        "resolve: ../heads/plain: no such ref or commit in the repository", _PULL,
    ),
    "an absolute ref": (
        "/etc/passwd", None, "resolve: /etc/passwd: no such ref or commit in the repository", _PULL,
    ),
    "an empty ref": ("", None, "resolve: : no such ref or commit in the repository", _PULL),
    "a ref that is a directory": (
        "ostree/1", None, "resolve: ostree/1: no such ref or commit in the repository",
        _PULL,
    ),
    "a ref with garbage": ("broken", _ref(b"junk\n"), _NO_CHECKSUM, None),
    "a ref that is empty": ("broken", _ref(b""), _NO_CHECKSUM, None),
    "a ref that is not ASCII": (
        "broken", _ref(b"\xff" * 64), _NO_CHECKSUM, None,
    ),
    "a ref that is huge": (
        "broken", lambda top: special("huge")(top / REF),
        "resolve: broken: refs/heads/broken: Larger than 4194304 bytes", None,
    ),
    "a ref that is a pipe": (
        "broken", lambda top: special("pipe")(top / REF),
        "resolve: broken: refs/heads/broken: Not a regular file", None,
    ),
    "a pipe with the name of a checksum's start": (
        "bad", lambda top: special("pipe")(top / "ostree/repo/refs/heads/bad"),
        "resolve: bad: refs/heads/bad: Not a regular file", None,
    ),
    "a ref that is a circle": (
        "broken", lambda top: special("loop")(top / REF),
        "resolve: broken: refs/heads/broken: Too many levels of symbolic links", None,
    ),
    "a partial commit": (
        "broken", a_partial_commit,
        "check out: {checksum}: ostree failed (1): error: Opening content object {file}: "
        "Couldn't find file object '{file}'", None,
    ),
    "a tree that is not there": (
        "broken", a_directory_without_its_object,
        "check out: {checksum}: ostree failed (1): error: No such metadata object {tree}.dirtree",
        None,
    ),
    "no kernel": (
        "bare", None,
        "find kernel: {checksum}.0: no kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot",
        "a tree needs usr/lib/modules/KVER/vmlinuz",
    ),
    "two kernels": (
        "two", None,
        "find kernel: {checksum}.0: several kernels in /usr/lib/modules: 6.1.0-test, 7.0",
        "leave one vmlinuz in the tree: which one boots would be left to chance",
    ),
    "no usr/etc": (
        "noetc", None, "merge /etc: etc of the new deployment: No such file or directory", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNDEPLOYABLE)
def test_what_cannot_be_deployed(case, shared: Machine):
    ref, spoil, text, hint = UNDEPLOYABLE[case]
    with copied(shared) as top:
        named = {"checksum": "", "tree": ""}
        source = top / "ostree/repo/refs/heads" / ("plain" if ref == "broken" else ref)
        if ref and source.is_file() and not ref.startswith("/"):
            named["checksum"] = source.read_text().strip()
            with open_root(str(top)) as root:
                commit = read_commit(root.fd, named["checksum"])
            named["tree"] = commit.tree
            named["file"] = next(
                f"{path.parent.name}{path.stem}"
                for path in (top / "ostree/repo/objects").glob("*/*.file")
                if not path.is_symlink() and path.read_bytes() == b"a=1\n"
            )
        if spoil is not None:
            spoil(top)
        before = facts(top)
        done = ours(shared, "deploy", "--os=testos", "--", ref)
        lines = [f"bootentries: {text.format_map(named)}"]
        assert_refused(done, [*lines, *([f"hint: {hint}"] if hint else [])])
        assert facts(top) == before


BAD_OPTIONS = {
    "--os=none plain": ("deploy: none: no such stateroot\nmake it with: bootentries os-init none"),
    "--os=../testos plain": "deploy: '../testos': not the name of a stateroot",
    "--os=.. plain": "deploy: '..': not the name of a stateroot",
    "--os= plain": "deploy: '': not the name of a stateroot",
    "plain": (
        "choose stateroot: /tmp/sysroot/copy: not booted into an OSTree system, and no --os given\n"
        "name the stateroot with --os"
    ),
    "--os=testos --origin-file=/none plain": "read origin: /none: No such file or directory",
    "--os=testos --origin-file=/etc plain": "read origin: /etc: Is a directory",
    "--os=testos --origin-file=/dev/zero plain": (
        "read origin: /dev/zero: larger than 4194304 bytes"
    ),
    "--os=testos --origin-file=/etc/passwd plain": (
        "read origin: /etc/passwd: line 1: 'root:x:0:0:root:/root:/bin/bash' is not a key, "
        "a group or a comment"
    ),
    "--os=testos --overlay-initrd=/none plain": (
        "read overlay initrd: /none: No such file or directory"
    ),
    "--os=testos --overlay-initrd=/etc plain": "read overlay initrd: /etc: not a regular file",
    "--os=testos --overlay-initrd=/dev/zero plain": (
        "read overlay initrd: /dev/zero: not a regular file"
    ),
    "--os=testos --karg-delete=root=x plain": (
        "delete kernel argument: root=x: 'root' has no value 'x'\n"
        "the arguments are: root=UUID=a ostree={link}"
    ),
    "--os=testos --stage plain": (
        "stage: /tmp/sysroot/copy: not booted into an OSTree system\n"
        "only a running system can finalise it: leave --stage out"
    ),
}


@pytest.mark.parametrize("command", BAD_OPTIONS)
def test_deploy_with_bad_options(command, shared: Machine):
    with copied(shared) as top:
        text, *hints = BAD_OPTIONS[command].format_map(fields(Victim(top))).split("\n")
        before = facts(top)
        done = ours(shared, "deploy", *command.split(" "))
        assert_refused(done, [f"bootentries: {text}", *(f"hint: {hint}" for hint in hints)])
        assert facts(top) == before


# A /boot of its own, and disks that are full


@pytest.fixture
def apart(tmp_path) -> Iterator[Machine]:
    """The same with a /boot on an image of its own; the sysroot is the top of its image."""
    with machine("trixie", tmp_path, own_boot=True) as box:
        box.run(["mkdir", str(box.root / "tmp/checkout")])
        box.run(["mount", "--bind", str(CHECKOUT), str(box.root / "tmp/checkout")])
        yield deployed(box, tmp_path, PLAIN, TREES[1])


def on_top(box: Machine, *args: str) -> "subprocess.CompletedProcess[str]":
    program = ["env", "PYTHONPATH=/tmp/checkout", "PYTHONPYCACHEPREFIX=/tmp/pycache"]
    program += ["python3", "-P", "-m", "bootentries", "--sysroot=/tmp/sysroot"]
    return box.attempt(["chroot", str(box.root), *program, *args])


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Use every block of a filesystem for a block, by a file without a name."""
    fd = os.open(directory, os.O_TMPFILE | os.O_WRONLY)
    try:
        for size in (1 << 20, 1 << 12, 1 << 10):
            try:
                while os.write(fd, bytes(size)) == size:
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC
        os.sync()
        yield
    finally:
        os.close(fd)


def test_a_boot_that_cannot_be_written(apart: Machine):
    before = facts(apart.view)
    apart.run(["mount", "-o", "remount,ro", str(apart.sysroot / "boot")])
    directory = "create empty directory boot/loader.1/entries: loader.1"
    active = (apart.view / "boot/loader").readlink().name
    directory = directory.replace("loader.1", "loader.0" if active == "loader.1" else "loader.1")
    entry = f"write boot/{active}/entries/ostree-2.conf: .ostree-2.conf.tmp"
    refused = {
        "undeploy 1": directory,
        "set-default 1": directory,
        "instutil set-kargs --merge a": directory,
        "kargs edit-in-place --append-if-missing=a": entry,
    }
    for command, text in refused.items():
        done = on_top(apart, *command.split())
        assert_refused(done, [f"bootentries: {text}: Read-only file system"])
        assert facts(apart.view) == before, command
    done = on_top(apart, "deploy", "--os=testos", "plain")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(": Read-only file system")
    assert facts(apart.view) == before
    # What needs no /boot goes on.
    assert on_top(apart, "pin", "0").returncode == 0
    assert on_top(apart, "pin", "-u", "0").returncode == 0
    assert on_top(apart, "verify").stdout.count("fault: ") == 0


_DEPLOY = "deploy --os=testos plain"
FILLING = {
    "boot": ("undeploy 1", "set-default 1", "instutil set-kargs --merge a", _DEPLOY),
    ".": ("undeploy 1", "set-default 1", "instutil set-kargs --merge a", _DEPLOY, "os-init new"),
}


@pytest.mark.parametrize("where", FILLING)
def test_a_full_disk(where, apart: Machine):
    active = (apart.view / "boot/loader").readlink().name
    # What was begun beside the active list may stay: the next write begins with removing it.
    begun = "boot/loader.0" if active == "loader.1" else "boot/loader.1"
    before = facts(apart.view)
    with filled(apart.view / where):
        for command in FILLING[where]:
            done = on_top(apart, *command.split())
            *_, last = done.stderr.splitlines()
            assert done.returncode == 1, command
            assert last.startswith("bootentries: ")
            assert last.endswith(": No space left on device"), command
            assert len(errors(done)) == 1, done.stderr
            now = facts(apart.view)
            changed = {name for name in {*before, *now} if before.get(name) != now.get(name)}
            assert all(f"{name}/".startswith(f"{begun}/") for name in changed), command
            assert where == "." or not changed
            assert "fault: " not in on_top(apart, "verify").stdout
    # With room again the next command works, and takes away what is left.
    done = on_top(apart, "set-default", "1")
    assert done.returncode == 0, done.stderr
    assert on_top(apart, "verify").returncode == 0
    assert apart.admin("status").count("Version: 1.") == 2
    assert_clean(apart)


# Writers that are killed, and files that nobody may remove


@pytest.mark.parametrize("command", ["undeploy 1", "set-default 1", "deploy --os=testos plain"])
def test_a_writer_that_is_killed_at_any_time(command, apart: Machine):
    """The next command finds the old list or the new one, and cleans up behind the other."""
    random = Random(command)
    for _ in range(4):
        argv = ["chroot", str(apart.root), "env", "PYTHONPATH=/tmp/checkout"]
        argv += ["PYTHONPYCACHEPREFIX=/tmp/pycache", "python3", "-P", "-m", "bootentries"]
        argv += ["--sysroot=/tmp/sysroot", *command.split()]
        killed = ["timeout", "--signal=KILL", f"{random.uniform(0.1, 0.7):.3f}", *argv]
        apart.attempt(killed)
        status = on_top(apart, "status")
        assert status.returncode == 0, status.stderr
        assert "fault: " not in on_top(apart, "verify").stdout
        # libostree, too, goes on from there.
        assert apart.admin("status").count("Version: 1.") >= 1
        done = on_top(apart, "instutil", "set-kargs", "--merge", "--append=n")
        assert done.returncode == 0, done.stderr
        assert_clean(apart)
        if "undeploy" in command and apart.admin("status").count("Version: 1.") == 1:
            break
    assert on_top(apart, "verify").returncode == 0


def test_an_immutable_directory_in_what_is_deleted(shared: Machine):
    with copied(shared) as top:
        victim = Victim(top)
        kept = victim.deployment(1) / "usr/lib"
        shared.run(["chattr", "+i", str(shared.sysroot / "copy" / kept.relative_to(top))])
        name = victim.item(1).name
        note = f"bootentries: remove deployment testos/{name}: left for later: "
        done = ours(shared, "undeploy", "1")
        # The list is written: what cannot be deleted is a note, and stays for the next time.
        assert done.returncode == 0
        # What is in the directory cannot go; which of it is first is up to the filesystem.
        assert done.stderr in {
            f"{note}{name}/usr/lib/{inside.name}: Operation not permitted\n"
            for inside in kept.iterdir()
        }
        again = ours(shared, "cleanup")
        assert again.returncode == 1
        first, second, *_ = again.stderr.splitlines()
        assert first.startswith(note)
        assert second == (
            "bootentries: clean up: /tmp/sysroot/copy: not everything could be removed"
        )
        shared.run(["chattr", "-i", str(shared.sysroot / "copy" / kept.relative_to(top))])
        done = ours(shared, "cleanup")
        assert (done.returncode, done.stderr) == (0, "")
        assert not victim.deployment(1).exists()
