"""The static executable as process 1, from its first mount to the deployment's init.

A namespace plays the kernel: a tmpfs is the initramfs, a loop device the disk.  Two things are
arranged so that nothing of this machine is touched: the kernel's filesystems are mounted
beforehand, without /dev/kmsg and with /proc/sys read-only, and /init's own four mounts of them
are answered by strace(1); and reboot(2) in a process namespace only ends that, with the signals
that its manual page names.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import namespace
import pytest
import sysroots
from sysroots import DEPLOYMENT, STATEROOT, Layout

from prepare_root.image import binary

pytestmark = pytest.mark.ns

CONFIG = "[sysroot]\nreadonly=true\n[var]\nmount=yes\n[failure]\naction=halt\n"
HALTED = 128 + signal.SIGINT
RESTARTED = 128 + signal.SIGHUP
BUSYBOX = Path("/bin/busybox")

# $1 work directory, $2 /init, $3 block device, $4... strace's injections until `--`, init's words
DRIVER = r"""
set -e
work=$1 program=$2 device=$3; shift 3
mount --make-rprivate /
root=$work/root keep=$work/keep
mkdir -p "$root" "$keep"
mount -t tmpfs -o mode=0755 initramfs "$root"
mount --bind "$root" "$keep"
mkdir "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/bin" "$root/etc"
cp "$program" "$root/init"
cp /bin/busybox "$root/bin/sh"
mkdir "$root/etc/ostree"
cp "$work/config" "$root/etc/ostree/prepare-root.conf"
mount -t sysfs sys "$root/sys"
mount -t tmpfs -o mode=0755 dev "$root/dev"
mount -t tmpfs -o mode=0755 run "$root/run"
cp -a /dev/null "$root/dev/null"
cp -a "$device" "$root/dev/disk"
inject="-e inject=mount:retval=0:when=1..4"
while [ "$1" != -- ]; do inject="$inject -e inject=$1"; shift; done
shift
status=0
# a process namespace of its own, whose /proc is the one that is mounted here
unshare --pid --fork --kill-child sh -c '
    root=$1 trace=$2 inject=$3; shift 3
    mount -t proc proc "$root/proc" && mount --bind "$0" "$root/proc/cmdline"
    mount --bind "$root/proc/sys" "$root/proc/sys"
    mount -o remount,bind,ro "$root/proc/sys"
    calls=mount,umount2,pivot_root,chroot,reboot,clock_nanosleep,fchmodat
    exec strace -D -qq -o "$trace" -e trace=$calls $inject \
        chroot "$root" /init "$@"
' "$work/cmdline" "$root" "$work/trace" "$inject" "$@" <"$work/stdin" || status=$?
echo "== $status"
cd "$keep"
find . -xdev ! -name .
"""

# What the deployment's init says: it is process 1, and where it is.
SAY = (
    *("sh", "-c"),
    "echo \"pid $$\"; cut -d' ' -f4,5,6 /proc/self/mountinfo; echo booted"
    " $(cat /run/ostree-booted | wc -c)",
)


@dataclass(frozen=True, slots=True)
class Boot:
    """What was said and how it ended; `left` is what is left in the initramfs."""

    status: int
    stdout: list[str]
    stderr: list[str]
    left: set[str]
    trace: str

    @property
    def mounts(self) -> dict[str, tuple[str, str]]:
        """Mount point → (root of the mount, `ro` or `rw`)."""
        rows = [line.split(" ") for line in self.stdout if line.startswith("/")]
        return {point: (root, options.split(",")[0]) for root, point, options in rows}


@contextmanager
def loop_device(image: Path) -> Iterator[str]:
    words = ["losetup", "--find", "--show", image]
    device = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def disk(directory: Path, layout: Layout) -> Path:
    """A physical root whose deployment has a busybox to run as init."""
    tree = directory / "tree"
    tree.mkdir(parents=True)
    sysroots.build(tree, layout)
    if (tree / DEPLOYMENT / "usr/bin").is_dir():
        shutil.copy(BUSYBOX, tree / DEPLOYMENT / "usr/bin/busybox")
        (tree / DEPLOYMENT / "bin").symlink_to("usr/bin")
    image = directory / "disk.img"
    with image.open("wb") as out:
        out.truncate(24 << 20)
    words = ["mke2fs", "-q", "-t", "ext4", "-L", "system", "-d", tree, image]
    subprocess.run(words, check=True, capture_output=True)
    return image


def boot(
    work: Path,
    *inject: str,
    layout: Layout | None = None,
    config: str = CONFIG,
    cmdline: str = f"root=/dev/disk rw init=/usr/bin/busybox {sysroots.OSTREE_KARG}",
    words: tuple[str, ...] = SAY,
    stdin: str = "",
) -> Boot:
    image = disk(work / "disk", layout or Layout())
    for name, text in (("config", config), ("cmdline", cmdline + "\n"), ("stdin", stdin)):
        (work / name).write_text(text)
    with loop_device(image) as device:
        done = subprocess.run(
            [
                *("unshare", "--mount", "sh", "-c", DRIVER, "sh"),
                *(work, binary.cached(), device, *inject, "--", *words),
            ],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=namespace.ENDED,
            check=False,
        )
    assert "== " in done.stdout, done.stderr
    said, _, after = done.stdout.partition("== ")
    status, *left = after.splitlines()
    return Boot(
        int(status),
        said.splitlines(),
        re.findall(r"^prepare-root: (.*)$", done.stderr, re.MULTILINE),
        set(left),
        (work / "trace").read_text(),
    )


def check_booted(done: Boot) -> None:
    assert done.status == 0, done.stderr
    assert done.stdout[0] == "pid 1"
    assert done.stdout[-1].startswith("booted ")
    assert done.stdout[-1] != "booted 0"
    deployment = "/" + DEPLOYMENT
    var = f"/ostree/deploy/{STATEROOT}/var"
    found = {point: found for point, found in done.mounts.items() if not point.startswith("/proc/")}
    assert found == {
        "/": (deployment, "rw"),
        "/boot": ("/boot", "rw"),
        "/etc": (deployment + "/etc", "rw"),
        "/usr": (deployment + "/usr", "ro"),
        "/sysroot": ("/", "ro"),
        "/sysroot" + var: (var, "rw"),
        "/var": (var, "rw"),
        **dict.fromkeys(("/dev", "/proc", "/run", "/sys"), ("/", "rw")),
    }
    assert done.stderr[0] == "root device /dev/disk mounted"
    assert done.stderr[-1] == "switching root"


def test_boot_by_pivot(tmp_path: Path) -> None:
    """As from Linux 7.0 on: the initramfs goes as a whole, so nothing is deleted."""
    done = boot(tmp_path)
    check_booted(done)
    assert 'pivot_root(".", ".")' in done.trace
    assert "./init" in done.left


def test_boot_by_move(tmp_path: Path) -> None:
    """As before Linux 7.0: an initramfs cannot be pivoted from, and its memory stays in use."""
    done = boot(tmp_path, "pivot_root:error=EINVAL")
    check_booted(done)
    assert re.search(r"^pivot_root.* EINVAL .*\(INJECTED\)$", done.trace, re.MULTILINE)
    assert done.left <= {"./sysroot", "./proc", "./sys", "./dev", "./run"}


def test_pivot_that_fails_otherwise_is_an_error(tmp_path: Path) -> None:
    done = boot(tmp_path, "pivot_root:error=EPERM")
    assert done.status == HALTED
    assert "switch root: /sysroot: Operation not permitted" in done.stderr
    assert "./init" in done.left
    # what the report reads is back in its place
    assert any(text.startswith("mount: ") and " /sysroot/usr " in text for text in done.stderr)


def test_a_move_over_the_initramfs_that_fails_has_deleted_nothing(tmp_path: Path) -> None:
    done = boot(
        tmp_path,
        *("pivot_root:error=EINVAL", "chroot:error=EPERM:when=2"),
        config=CONFIG.replace("halt", "shell"),
        stdin="echo here $$\n",
    )
    assert "switch root: /sysroot: Operation not permitted" in done.stderr
    assert done.stdout == ["here 1"]
    assert {"./init", "./bin/sh"} <= done.left


@pytest.mark.parametrize(
    ("options", "line", "hint"),
    [
        (
            {"cmdline": "quiet"},
            "find root device: kernel command line: no root= argument",
            "use root=UUID=, LABEL=, PARTUUID=, PARTLABEL=, gpt-auto or /dev/NAME",
        ),
        (
            {"cmdline": "root=LABEL=none rootwait=0"},
            "find root device: LABEL=none: not found within 0 s; there is: ",
            "check root=, and that the image has the module of its disk; rootwait waits longer",
        ),
        (
            {"cmdline": "root=/dev/disk rootfstype=none-such,ext4 rootflags=no-such-option"},
            "mount root device: /dev/disk: root not mountable: none-such: No such device;"
            " ext4: Invalid argument",
            "check rootfstype= and rootflags=, and that the image has the filesystem's module",
        ),
        (
            {"cmdline": "root=/dev/disk"},
            "find deployment: kernel command line: no ostree= argument",
            "boot an entry that was written for a deployment; its options carry ostree=",
        ),
        (
            {"cmdline": "root=/dev/disk mount.usr=LABEL=usr"},
            "mount /usr: mount.usr=LABEL=usr: a deployment's /usr is its own",
            "take it off the kernel command line",
        ),
        (
            {"layout": Layout(fstab="LABEL=usr /usr ext4 ro 0 2\n")},
            "mount /usr: fstab: LABEL=usr /usr ext4 ro 0 2: a deployment's /usr is its own",
            "take the line out of etc/fstab of the deployment, or add noauto",
        ),
        (
            {"layout": Layout(remove=(f"{DEPLOYMENT}/dev",))},
            "switch root: /sysroot/dev: cannot move the mount there: No such file or directory",
            "the deployment needs the directories dev, proc, sys and run",
        ),
        (
            {"layout": Layout(remove=(f"{DEPLOYMENT}/run",))},
            "switch root: /sysroot/run: cannot move the mount there: No such file or directory",
            "the deployment needs the directories dev, proc, sys and run",
        ),
        (
            {"cmdline": f"root=/dev/disk rw init=/none {sysroots.OSTREE_KARG}"},
            "start init: /none: /none: No such file or directory",
            "check init= on the kernel command line",
        ),
        (
            {"cmdline": f"root=/dev/disk rw {sysroots.OSTREE_KARG}"},
            "start init: /sbin/init: /sbin/init: No such file or directory;"
            " /etc/init: No such file or directory; /bin/init: No such file or directory",
            "the deployment has no init",
        ),
    ],
)
def test_a_failure_is_told_and_the_policy_carried_out(
    tmp_path: Path, options: dict[str, object], line: str, hint: str
) -> None:
    done = boot(tmp_path, **options)
    assert done.status == HALTED
    (at,) = [number for number, text in enumerate(done.stderr) if text.startswith(line)]
    assert done.stderr[at + 1] == f"hint: {hint}"
    assert done.stderr[-1] == "failure policy: halting now"
    assert any(text.startswith("mount: ") for text in done.stderr[at:])


def test_the_policy_of_a_configuration_that_is_wrong_is_the_default(tmp_path: Path) -> None:
    """It cannot be known that a halt was wanted; reboot(2) is not waited for here."""
    wrong = CONFIG + "[boot]\nmount=perhaps\n"
    done = boot(tmp_path, "clock_nanosleep:retval=0", config=wrong)
    assert done.stderr[0].startswith("read configuration: /etc/ostree/prepare-root.conf: ")
    assert done.stderr[-1] == "failure policy: rebooting in 60 s"
    assert done.status == RESTARTED


def test_reboot_after_the_delay(tmp_path: Path) -> None:
    done = boot(tmp_path, config="[failure]\ndelay=0\n", cmdline="quiet")
    assert done.stderr[-1] == "failure policy: rebooting in 0 s"
    assert done.status == RESTARTED


def test_shell_with_the_physical_root_in_its_place(tmp_path: Path) -> None:
    """What somebody at the console finds after a late failure."""
    done = boot(
        tmp_path,
        "fchmodat:error=EIO:when=5",
        config=CONFIG.replace("halt", "shell") + "[links]\nenabled=no\n",
        stdin="echo pid $$\ncd /sysroot/ostree; echo *\ncat /run/ostree-booted\nexit 3\n",
    )
    (line,) = (line for line in done.stderr if line.startswith("booted: "))
    assert line.startswith("booted: write /run/ostree-booted (")
    assert line.endswith(" bytes): Input/output error")
    assert done.stderr[-1] == "failure policy: starting /bin/sh; leaving it reboots"
    assert done.stdout == ["pid 1", "boot.1 boot.1.1 deploy repo"]
    assert done.status == 3
