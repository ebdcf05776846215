"""Every failure's whole line and hint, by the host's interpreter and by the static executable.

As a service both run on a sysroot that is broken in one way.  As /init they are process 1
of a PID namespace, where reboot(2) ends the namespace and nothing else.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import namespace
import pytest
import sysroots
from namespace import CHECKOUT, Outcome, Run
from sysroots import BOOTCSUM, COMMIT, DEPLOYMENT, OSTREE_KARG, STATEROOT, Layout

from prepare_root.image import binary

pytestmark = pytest.mark.ns

CONFIG = "/etc/ostree/prepare-root.conf"
LINK = f"/ostree/boot.1/{STATEROOT}/{BOOTCSUM}/0"
BOOTLINK = f"ostree/boot.1.1/{STATEROOT}/{BOOTCSUM}/0"
UNREADABLE = f"read configuration: {CONFIG}: configuration unreadable: "

ENTRY_HINT = "choose another entry in the boot menu"
CONFIG_HINT = "correct the file on the system that builds the initramfs, and build it again"
NO_IMAGE_HINT = (
    "deploy with [ex-integrity] composefs=true in the repository's configuration,"
    " or set [composefs] enabled=maybe"
)


@dataclass(frozen=True, slots=True)
class Program:
    """A prepare-root: how it is started, with what environment and files."""

    start: tuple[str, ...]
    environ: dict[str, str]
    programs: dict[str, Path]

    def run(self, run: Run, *arguments: str, prefix: tuple[str, ...] = ()) -> Run:
        """`run` by this program."""
        return replace(
            run,
            program=(*prefix, *self.start, *arguments),
            environ={**run.environ, **self.environ},
            programs={**run.programs, **self.programs},
        )


@pytest.fixture(scope="module", params=["interpreter", "executable"])
def program(request: pytest.FixtureRequest) -> Program:
    if request.param == "executable":
        return Program(("/run/prepare-root",), {}, {"prepare-root": binary.cached()})
    start = (sys.executable, "-B", "-m", "prepare_root")
    return Program(start, {"PYTHONPATH": str(CHECKOUT)}, {})


def check(outcome: Outcome, line: str, hint: str | None) -> None:
    """The error is exactly `line` and `hint`, at the top and once; then comes the report."""
    assert outcome.status == 1
    lines = said(outcome)
    assert lines[0] == line
    assert lines[1:2] == [f"hint: {hint}"] or hint is None
    report = lines[2:] if hint else lines[1:]
    assert all(text.startswith(("mount: ", "block devices: ", "link: ")) for text in report), report
    assert report[0].startswith("mount: ")
    assert sum(text.startswith("block devices: ") for text in report) == 1
    assert outcome.booted is None
    assert not outcome.below("/sysroot.tmp")


def said(outcome: Outcome) -> list[str]:
    """The lines on standard error; each must carry the program's name."""
    lines = outcome.stderr.splitlines()
    assert all(line.startswith("prepare-root: ") for line in lines), outcome.stderr
    return [line.removeprefix("prepare-root: ") for line in lines]


# ---- as a service -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """What is broken, and what is said about it."""

    name: str
    line: str
    hint: str | None = None
    layout: Layout = field(default_factory=Layout)
    run: Run = field(default_factory=lambda: Run((), immutable=False))


def broken(name: str, line: str, hint: str | None = None, **layout: object) -> Case:
    """A case whose fault is in the sysroot."""
    return Case(name, line, hint, layout=Layout(**layout))  # type: ignore[arg-type]


def arranged(name: str, line: str, hint: str | None = None, **run: object) -> Case:
    """A case whose fault is in what the initramfs got, or made by shell lines."""
    return Case(name, line, hint, run=Run((), immutable=False, **run))  # type: ignore[arg-type]


def configured(name: str, text: str, reason: str) -> Case:
    return arranged(name, UNREADABLE + reason, CONFIG_HINT, config=text)


def transient(key: str) -> Case:
    return arranged(
        f"[root] {key} of a plain root",
        "read configuration: [root] transient: only a composefs image can have a transient root,"
        " and this root has none",
        "set [composefs] enabled=yes, and deploy with composefs",
        config=f"[root]\n{key}=true\n",
    )


def imageless(word: str) -> Case:
    return arranged(
        f"[composefs] enabled={word}, and no image",
        f"mount root: {DEPLOYMENT}/.ostree.cfs: the deployment has no composefs image",
        NO_IMAGE_HINT,
        config=f"[composefs]\nenabled={word}\n",
    )


OUTSIDE = f"find deployment: {LINK}: leads outside the sysroot"
ELSEWHERE = "../../../deploy"
NO_PATH = "is not ostree/deploy/STATEROOT/deploy/CHECKSUM.SERIAL"
NOT_ONE = f"find deployment: {LINK}: not a deployment: "
DIRECTORY = f"look at deployment: {DEPLOYMENT}: not a deployment: it has no directory "
VAR = f"ostree/deploy/{STATEROOT}/var"
FULL_CONFIG = "[sysroot]\nreadonly=true\n[var]\nmount=yes\n"

CASES = [
    arranged(
        "no ostree=",
        "find deployment: kernel command line: no ostree= argument",
        "boot an entry that was written for a deployment; its options carry ostree=",
        cmdline="root=LABEL=x quiet",
    ),
    arranged(
        "unknown slot",
        "find deployment: kernel command line: androidboot.slot_suffix: _c:"
        " not a known slot (_a or _b)",
        cmdline="androidboot.slot_suffix=_c",
    ),
    broken(
        "link missing", f"find deployment: {LINK}: no such link", ENTRY_HINT, remove=(BOOTLINK,)
    ),
    broken(
        "first link missing",
        f"find deployment: {LINK}: no such link",
        ENTRY_HINT,
        remove=("ostree/boot.1", "ostree/boot.1.1"),
    ),
    broken(
        "link dangling",
        f"find deployment: {LINK}: dangling link: the deployment is gone",
        ENTRY_HINT,
        remove=(DEPLOYMENT,),
    ),
    arranged(
        "link to itself",
        f"find deployment: {LINK}: Too many levels of symbolic links",
        setup=(f"ln -sfn 0 sysroot/{BOOTLINK}",),
    ),
    arranged(
        "no link at all",
        f"find deployment: /{DEPLOYMENT}: not a symbolic link",
        cmdline=f"ostree=/{DEPLOYMENT}",
    ),
    broken("outside: absolute", OUTSIDE, symlinks={BOOTLINK: "/" + DEPLOYMENT}),
    broken("outside: dots", OUTSIDE, symlinks={BOOTLINK: "../" * 12 + "etc"}),
    broken("outside: first link", OUTSIDE, symlinks={"ostree/boot.1": "/ostree/boot.1.1"}),
    broken(
        "not a deployment: other directory",
        f"{NOT_ONE}ostree/deploy/{STATEROOT} {NO_PATH}",
        symlinks={BOOTLINK: f"{ELSEWHERE}/{STATEROOT}"},
    ),
    arranged(
        "not a deployment: a file",
        f"{NOT_ONE}{DEPLOYMENT} {NO_PATH}",
        setup=(f"rm -r sysroot/{DEPLOYMENT}; echo text >sysroot/{DEPLOYMENT}",),
    ),
    arranged(
        "not a deployment: no serial",
        f"{NOT_ONE}ostree/deploy/{STATEROOT}/deploy/{COMMIT} {NO_PATH}",
        setup=(
            f"cd sysroot/ostree; mv deploy/{STATEROOT}/deploy/{COMMIT}.0"
            f" deploy/{STATEROOT}/deploy/{COMMIT};"
            f" ln -sfn {ELSEWHERE}/{STATEROOT}/deploy/{COMMIT} ../{BOOTLINK}",
        ),
    ),
    broken(
        "not a deployment: no usr",
        f"{NOT_ONE}{DEPLOYMENT} has no directory 'usr'",
        remove=(f"{DEPLOYMENT}/usr",),
    ),
    arranged(
        "not a deployment: usr is a link",
        f"{NOT_ONE}{DEPLOYMENT} has no directory 'usr'",
        setup=(f"cd sysroot/{DEPLOYMENT}; mv usr lib; ln -s lib usr",),
    ),
    broken(
        "not a deployment: no sysroot",
        f"{DIRECTORY}'sysroot' to mount on",
        remove=(f"{DEPLOYMENT}/sysroot",),
    ),
    *(
        arranged(
            f"not a deployment: {name} is a link",
            f"{DIRECTORY}'{name}' to mount on",
            config=FULL_CONFIG,
            setup=(f"cd sysroot/{DEPLOYMENT}; mv {name} other; ln -s other {name}",),
        )
        for name in ("sysroot", "etc", "var")
    ),
    *(
        arranged(
            f"stateroot's var: {name}",
            f"look at sysroot: {VAR}: {reason}",
            config=FULL_CONFIG,
            setup=(f"rm -r sysroot/{VAR}", arrange),
        )
        for name, arrange, reason in (
            ("gone", "true", "No such file or directory"),
            ("a file", f"touch sysroot/{VAR}", "Not a directory"),
            ("absolute link", f"ln -s /etc sysroot/{VAR}", "leads outside the sysroot"),
            ("dots", f"ln -s {'../' * 9}etc sysroot/{VAR}", "leads outside the sysroot"),
        )
    ),
    arranged(
        "boot leads outside",
        "look at sysroot: boot: leads outside the sysroot",
        setup=(
            "rm -r sysroot/boot; mkdir -p booty; ln -s x booty/loader; ln -s /booty sysroot/boot",
        ),
    ),
    configured("bracket", "[sysroot\n", "line 1: '[sysroot' is not a key, a group or a comment"),
    configured("no group", "a=b\n", "line 1: a key comes before the first group"),
    configured("group name", "\n[]\n", "line 2: invalid group name ''"),
    configured("key name", "[a]\n[b]c=d\n", "line 2: invalid key name '[b]c'"),
    configured(
        "boolean",
        "[sysroot]\nreadonly=yes\n",
        "line 2: [sysroot] readonly: 'yes' is not true, 1, false or 0",
    ),
    configured("escape", "[boot]\nmount=\\q\n", "line 2: [boot] mount: invalid escape in '\\\\q'"),
    configured("switch", "[boot]\nmount=perhaps\n", "[boot] mount: 'perhaps' is not yes or no"),
    configured("choice", "[var]\nmount=x\n", "[var] mount: 'x' is not one of auto, yes, no"),
    configured(
        "seconds", "[failure]\ndelay=soon\n", "[failure] delay: 'soon' is not a number of seconds"
    ),
    configured(
        "both transient",
        "[root]\ntransient=true\ntransient-ro=true\n",
        "[root] transient and transient-ro exclude each other",
    ),
    configured(
        "composefs",
        "[composefs]\nenabled=on\n",
        "[composefs] enabled: 'on' is not one of yes, no, maybe, signed, verity",
    ),
    configured(
        "link name",
        "[links]\n../etc=x\n",
        "[links] ../etc: 'x' is not a link for a name below the root",
    ),
    arranged(
        "configuration is a directory",
        f"{UNREADABLE}Is a directory",
        CONFIG_HINT,
        setup=(f"mkdir -p .{CONFIG}",),
    ),
    arranged(
        "configuration is a link to itself",
        f"{UNREADABLE}Too many levels of symbolic links",
        CONFIG_HINT,
        setup=(f"mkdir -p .{Path(CONFIG).parent}; ln -s prepare-root.conf .{CONFIG}",),
    ),
    arranged(
        "the vendor's configuration",
        UNREADABLE.replace("/etc/", "/usr/lib/")
        + "line 1: '[sysroot' is not a key, a group or a comment",
        CONFIG_HINT,
        setup=("mkdir -p usr/lib/ostree; echo '[sysroot' >usr/lib/ostree/prepare-root.conf",),
    ),
    *map(transient, ("transient", "transient-ro")),
    *map(imageless, ("yes", "signed", "verity")),
    arranged(
        "fstab is a directory",
        "look at deployment: etc/fstab: Is a directory",
        setup=(f"mkdir sysroot/{DEPLOYMENT}/etc/fstab",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_service(tmp_path: Path, program: Program, case: Case) -> None:
    image = sysroots.image(tmp_path / "image", case.layout)
    run = program.run(case.run, "/sysroot", "/cmdline")
    check(namespace.execute(tmp_path / "work", image, run), case.line, case.hint)


def test_no_sysroot_at_all(tmp_path: Path, program: Program) -> None:
    image = sysroots.image(tmp_path / "image", Layout())
    run = program.run(Run(()), "/none", "/cmdline")
    outcome = namespace.execute(tmp_path / "work", image, run)
    check(outcome, "open sysroot: /none: No such file or directory", None)


def test_no_command_line(tmp_path: Path, program: Program) -> None:
    image = sysroots.image(tmp_path / "image", Layout())
    run = program.run(Run(()), "/sysroot", "/none")
    outcome = namespace.execute(tmp_path / "work", image, run)
    check(outcome, "read kernel command line: /none: No such file or directory", None)


@pytest.mark.parametrize("error", ["EIO", "EACCES"])
def test_configuration_that_the_disk_does_not_give(
    tmp_path: Path, program: Program, error: str
) -> None:
    """Read errors that only a failing medium makes, injected into reads of that one file."""
    image = sysroots.image(tmp_path / "image", Layout())
    file = str(namespace.initramfs(tmp_path / "work")) + CONFIG
    wrapper = ("strace", "-f", "-o", str(tmp_path / "trace"), "-P", file, "-e", "trace=read")
    wrapper += ("-e", f"inject=read:error={error}")
    run = program.run(Run((), config=FULL_CONFIG, wrapper=wrapper), "/sysroot", "/cmdline")
    outcome = namespace.execute(tmp_path / "work", image, run)
    words = {"EIO": "Input/output error", "EACCES": "Permission denied"}[error]
    check(outcome, UNREADABLE + words, CONFIG_HINT)


def test_targets_are_not_made_where_var_is_a_link(tmp_path: Path, program: Program) -> None:
    """It is not ours to mount here, so that it is a note; nothing is made where it leads."""
    image = sysroots.image(tmp_path / "image", Layout())
    setup = f"mkdir sysroot/other; rm -r sysroot/{VAR}; ln -s ../../../other sysroot/{VAR}"
    run = program.run(Run((), setup=(setup,)), "/sysroot", "/cmdline")
    outcome = namespace.execute(tmp_path / "work", image, run)
    assert outcome.status == 0
    notes = [line for line in said(outcome) if line.endswith(": Not a directory; not fatal")]
    assert f"link home: make sure of directory /sysroot/{VAR}/home: Not a directory; not fatal" in (
        notes
    )
    assert not [name for name in outcome.sysroot if name.startswith("sysroot/other/")]


# ---- each step that can fail ----------------------------------------------------------------

MOUNTING = ("bind ", "remount ", "make / ", "make /sysroot.tmp", "move ", "overlay ")
STEPS = {
    *("private", "root", "boot", "etc", "usr", "sysroot", "stateroot var", "var", "link srv"),
    *("move", "sysroot read-only"),
}


def plan(tmp_path: Path, program: Program, image: Path) -> list[str]:
    """The lines of --dry-run that are a mount(2) each."""
    run = program.run(Run((), config=FULL_CONFIG), "--dry-run", "/sysroot", "/cmdline")
    outcome = namespace.execute(tmp_path / "dry", image, run)
    assert (outcome.status, outcome.stderr) == (0, "")
    lines = outcome.stdout.splitlines()
    return [line for line in lines if line.partition(": ")[2].startswith(MOUNTING)]


def test_each_failed_mount_names_its_step(tmp_path: Path, program: Program) -> None:
    """The Nth mount(2) fails: the error is the Nth such line of --dry-run, and the reason."""
    layout = Layout(links={"srv": sysroots.EMPTY})
    mounts = plan(tmp_path, program, sysroots.image(tmp_path / "image", layout))
    assert {line.partition(": ")[0] for line in mounts} == STEPS
    assert "stateroot var: bind " in " ".join(mounts)
    for number, line in enumerate(mounts, 1):
        work = tmp_path / str(number)
        image = sysroots.image(work / "image", layout)
        wrapper = ("strace", "-f", "-o", str(work / "trace"), "-e", "trace=mount")
        wrapper += ("-e", f"inject=mount:error=EIO:when={number}")
        run = program.run(Run((), config=FULL_CONFIG, wrapper=wrapper), "/sysroot", "/cmdline")
        outcome = namespace.execute(work, image, run)
        assert (work / "trace").read_text().count("(INJECTED)") == 1
        told = [text for text in said(outcome) if "Input/output error" in text]
        if line.startswith("link "):
            assert (outcome.status, told) == (0, [f"{line}: Input/output error; not fatal"])
            continue
        assert (outcome.status, told) == (1, [f"{line}: Input/output error"])
        assert not outcome.below("/sysroot.tmp")
    # One more is one that is not made: the table is complete.
    wrapper = ("strace", "-f", "-o", str(tmp_path / "trace"), "-e", "trace=mount")
    wrapper += ("-e", f"inject=mount:error=EIO:when={len(mounts) + 1}")
    image = sysroots.image(tmp_path / "last", layout)
    run = program.run(Run((), config=FULL_CONFIG, wrapper=wrapper), "/sysroot", "/cmdline")
    outcome = namespace.execute(tmp_path / "lastwork", image, run)
    assert (outcome.status, "(INJECTED)" in (tmp_path / "trace").read_text()) == (0, False)


# ---- as /init -------------------------------------------------------------------------------

AS_INIT = ("unshare", "--pid", "--fork", "--kill-child", "--")
INIT_CONFIG = "[failure]\ndelay=0\n"
Boot = Callable[..., list[str]]


@pytest.fixture
def boot(tmp_path: Path, program: Program) -> Boot:
    """Boots an image as process 1 with a kernel command line; gives the lines that it said.

    strace answers for the kernel where this is not a machine of its own: the kernel's log
    is not there, which leaves the messages on fd 2; the mounts of /proc (which would show
    the host's command line) and /dev (which is there already) succeed without being made.
    """

    def start(image: Path, cmdline: str) -> list[str]:
        root = namespace.initramfs(tmp_path / "work")
        paths = ("/proc", "/dev", "/dev/kmsg", "/proc/sys/kernel/printk_devkmsg")
        wrapper = ("strace", "-f", "-o", str(tmp_path / "trace"), "-e", "trace=mount,openat")
        for path in paths:
            wrapper += ("-P", path, "-P", f"{root}{path}")
        wrapper += ("-e", "inject=mount:retval=0", "-e", "inject=openat:error=ENOENT")
        run = Run((), cmdline=cmdline, config=INIT_CONFIG, wrapper=wrapper, immutable=False)
        outcome = namespace.execute(tmp_path / "work", image, program.run(run, prefix=AS_INIT))
        trace = (tmp_path / "trace").read_text()
        assert trace.count("(INJECTED)") == len(paths), trace
        lines = said(outcome)
        # reboot(2) in a PID namespace ends its process 1 by SIGHUP.
        assert outcome.status == -1
        assert lines[-1] == "failure policy: rebooting in 0 s"
        return lines[:-1]

    return start


def uuid(image: Path) -> str:
    words = ["blkid", "-p", "-o", "value", "-s", "UUID", str(image)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def looped(file: Path) -> Iterator[str]:
    """`file` as a loop device of its own; gives the device's path."""
    words = ["losetup", "--find", "--show", str(file)]
    node = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield node
    finally:
        subprocess.run(["losetup", "--detach", node], check=True)


def devices() -> set[str]:
    return {f"/dev/{path.name}" for path in Path("/sys/class/block").iterdir()}


NOT_FOUND_HINT = "check root=, and that the image has the module of its disk; rootwait waits longer"
MOUNT_HINT = "check rootfstype= and rootflags=, and that the image has the filesystem's module"


@pytest.mark.parametrize(
    "root",
    [
        "UUID=00000000-0000-0000-0000-00000000dead",
        "LABEL=none",
        "PARTUUID=00000000-01",
        "PARTLABEL=none",
        "/dev/none",
    ],
)
def test_root_device_not_found(tmp_path: Path, boot: Boot, root: str) -> None:
    """The list has every device of this machine, with what is on the one that is ours."""
    image = sysroots.image(tmp_path / "image", Layout())
    before = devices()
    with looped(image) as ours:
        lines = boot(image, f"root={root} rootwait=0 {OSTREE_KARG}")
        present = devices()
    start = f"find root device: {root}: not found within 0 s; there is: "
    assert lines[0].startswith(start)
    assert lines[1] == f"hint: {NOT_FOUND_HINT}"
    found = lines[0].removeprefix(start).split("; ")
    part = r"/dev/\S+( [a-z0-9]+( UUID=[0-9a-fA-F-]+)?( LABEL=.+)?)?( PARTUUID=[0-9a-f-]+)?"
    assert all(re.fullmatch(part, text) for text in found), found
    assert {text.split(" ")[0] for text in found} >= before & present
    assert f"{ours} ext4 UUID={uuid(image)} LABEL=sysroot" in found


@pytest.mark.parametrize(
    ("cmdline", "line", "hint"),
    [
        (
            OSTREE_KARG,
            "find root device: kernel command line: no root= argument",
            "use root=UUID=, LABEL=, PARTUUID=, PARTLABEL=, gpt-auto or /dev/NAME",
        ),
        (
            "root=0801",
            "find root device: 0801: not a form of root= that is known here",
            "use root=UUID=, LABEL=, PARTUUID=, PARTLABEL=, gpt-auto or /dev/NAME",
        ),
        (
            "root=/dev/vda rootwait=soon",
            "read kernel command line: rootwait: 'soon' is not a number of seconds",
            None,
        ),
    ],
)
def test_root_device_not_said(
    tmp_path: Path, boot: Boot, cmdline: str, line: str, hint: str | None
) -> None:
    lines = boot(sysroots.image(tmp_path / "image", Layout()), cmdline)
    assert lines[0] == line
    assert lines[1].startswith("mount: ") if hint is None else lines[1] == f"hint: {hint}"


@pytest.mark.parametrize(
    ("words", "reason", "hint"),
    [
        ("rootfstype=nosuchfs", "nosuchfs: No such device", MOUNT_HINT),
        ("rootflags=nosuchflag", "ext4: Invalid argument", MOUNT_HINT),
        (
            "rootfstype=btrfs,nosuchfs",
            "btrfs: Invalid argument; nosuchfs: No such device",
            MOUNT_HINT,
        ),
    ],
)
def test_root_not_mountable(tmp_path: Path, boot: Boot, words: str, reason: str, hint: str) -> None:
    image = sysroots.image(tmp_path / "image", Layout())
    with looped(image) as node:
        lines = boot(image, f"root={node} {words} {OSTREE_KARG}")
    assert lines[0] == f"mount root device: {node}: root not mountable: {reason}"
    assert lines[1] == f"hint: {hint}"


@pytest.mark.parametrize(
    ("damage", "reason", "hint"),
    [
        # Nothing that is known: all of it is zeros.
        ((0, b"\0" * (4 << 20)), "no filesystem that is known here", "say rootfstype="),
        # The superblock's first inode count: its checksum is wrong then (ext4's EFSBADCRC).
        ((1024, b"\0\1\0\0"), "ext4: Bad message", MOUNT_HINT),
    ],
)
def test_root_damaged(
    tmp_path: Path, boot: Boot, damage: tuple[int, bytes], reason: str, hint: str
) -> None:
    image = sysroots.image(tmp_path / "image", Layout())
    copy = tmp_path / "damaged.img"
    data = bytearray(image.read_bytes())
    at, what = damage
    data[at : at + len(what)] = what
    copy.write_bytes(data)
    with looped(copy) as node:
        lines = boot(image, f"root={node} {OSTREE_KARG}")
    assert lines[0] == f"mount root device: {node}: root not mountable: {reason}"
    assert lines[1] == f"hint: {hint}"


def test_init_says_what_the_service_says(tmp_path: Path, boot: Boot) -> None:
    """Past the mount of the root device: the broken bootlink's own line."""
    image = sysroots.image(tmp_path / "image", Layout(remove=(DEPLOYMENT,)))
    other = sysroots.image(tmp_path / "other", Layout(remove=(DEPLOYMENT,)))
    with looped(other) as node:
        lines = boot(image, f"root=UUID={uuid(other)} rw {OSTREE_KARG}")
    assert lines[0] == f"root device {node} mounted"
    assert lines[1] == f"find deployment: {LINK}: dangling link: the deployment is gone"
    assert lines[2] == f"hint: {ENTRY_HINT}"
    assert any(line.startswith(f"mount: {node} /sysroot ext4 rw") for line in lines)
