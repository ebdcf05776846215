"""What /init does when it cannot boot what was asked for: heal, or say why and give up.

Each way to fail has its own line; what is done then is what `[failure]` says.  All of them boot
one disk, on which nothing may have changed afterwards.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import disk, tiny
from guest.chroot import run_in
from guest.tree import Tree
from prepare_root.image import cpio
from prepare_root.image.initramfs import command

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
UP, SAID = 120, 90
REBOOT, HALT = "failure policy: rebooting in 1 s", "failure policy: halting now"
# The kernel's own last words.
RESTARTED, HALTED = "reboot: Restarting system", "reboot: System halted"
QUICK = "[failure]\ndelay=1\n"
ELSEWHERE = f"/ostree/boot.1/elsewhere/{'0' * 64}/0"
LIST = "cd {} && find . -printf '%p %y %m %U:%G %s %C@ %i %l\\n' | sort"


@dataclass(frozen=True, slots=True)
class Machine:
    """The disk, and what its bootlinks are: bootversion, bootcsum, deployments by serial."""

    tree: Tree
    disk: disk.Disk
    image: Path
    bootversion: int
    bootcsum: str
    deployments: dict[int, str]

    def link(self, *, bootversion: int = 0, bootcsum: str = "", serial: int = 0) -> str:
        """A bootlink of the stateroot; `bootversion` 1 is the other one, which is not there."""
        version = self.bootversion ^ bootversion
        csum = bootcsum or self.bootcsum
        return f"ostree=/ostree/boot.{version}/{disk.STATEROOT}/{csum}/{serial}"

    def listing(self) -> str:
        """Every file of the sysroot, with the time of its last change of any kind."""
        script = LIST.format(disk.TARGET)
        return run_in(self.tree.path, ["sh", "-ec", script], mounts=self.disk.sysroot())


@pytest.fixture(scope="module")
def made(guest_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Two deployments of one kernel in one stateroot, and another stateroot without any."""
    top = tmp_path_factory.mktemp("policies")
    words = [top / "image", "--kver", guest_tree.kernel, "--modules-dir", guest_tree.path]
    command.main([str(word) for word in words], standalone_mode=False)
    (commit,) = tiny.commits(guest_tree, top / "image", {"1.0": "same"})
    both = (disk.Deployment(commit), disk.Deployment(commit, ("second",)))
    spec = disk.DiskSpec(both, root_mib=384, bootloader="none")
    own = disk.make(guest_tree, spec).copy(top / "disk.img")
    script = (
        f"ostree admin os-init --sysroot={disk.TARGET} elsewhere >&2; cd {disk.TARGET}; "
        "for link in ostree/boot.[01]/*/*/*; do echo $link; readlink -f $link; done"
    )
    said = run_in(guest_tree.path, ["sh", "-ec", script], mounts=own.sysroot()).split()
    links = [one.split("/") for one in said[::2]]
    paths = [one.removeprefix(f"{disk.TARGET}/") for one in said[1::2]]
    found = {int(link[-1]): path for link, path in zip(links, paths, strict=True)}
    assert sorted(found) == [0, 1]
    return Machine(guest_tree, own, top / "image", int(links[0][1][-1]), links[0][3], found)


@pytest.fixture(scope="module", autouse=True)
def unchanged(made: Machine) -> object:
    """Nothing of all this writes to the disk, which is mounted writable."""
    before = made.listing()
    assert "/vmlinuz" in before
    yield
    assert made.listing() == before


def start(
    made: Machine, machine: Starter, top: Path, words: str, config: str, *, shell: bool = False
) -> Vm:
    """Boot with these arguments; `config` replaces the image's prepare-root.conf."""
    text = f"[links]\nenabled=false\n[var]\nmount=no\n{config}"
    names = ["etc", "etc/ostree"]
    files = {"etc/ostree/prepare-root.conf": (text.encode(), 0o100644)}
    if shell:
        names.append("bin")
        files["bin/sh"] = (Path("/usr/bin/busybox").read_bytes(), 0o100755)
    members = [cpio.Member(name, 0o040755, ino=1, nlink=2) for name in names]
    members += [cpio.Member(name, mode, ino=2, data=data) for name, (data, mode) in files.items()]
    members.append(cpio.Member(cpio.TRAILER, 0))
    data = made.image.read_bytes()
    more = b"".join(member.encode() for member in members)
    (top / "initrd").write_bytes(data + bytes(-len(data) % 4) + more)
    root = "" if "root=" in words else f"root=UUID={made.disk.root_uuid} "
    return machine(
        VmSpec(
            Firmware.DIRECT,
            disks=(Disk(made.disk.path, overlay=False),),
            kernel=made.tree.vmlinuz,
            initrd=top / "initrd",
            cmdline=f"{root}rw console=ttyS0 {words}",
            memory=512,
        )
    )


# What is asked for, and the serial of the bootlink that leads to what is booted.
HEALED: dict[str, tuple[dict[str, Any], int | None]] = {
    "by the other list": ({"bootversion": 1, "serial": 1}, 1),
    "by the bootcsum": ({"serial": 7}, 0),
    "by the kernel that runs": ({"bootcsum": "f" * 64}, None),
}


@pytest.mark.parametrize("name", HEALED)
def test_healed_in_the_stateroot(
    made: Machine, machine: Starter, tmp_path: Path, name: str
) -> None:
    asked, serial = HEALED[name]
    link = made.link(**asked)
    vm = start(made, machine, tmp_path, f"{link} rootflags=commit=1", QUICK)
    vm.wait_for(tiny.GREETING, UP)
    # What it might have written is on the disk by then.
    time.sleep(3)
    text = vm.console.text
    assert f"prepare-root: find deployment: {link.removeprefix('ostree=')}: no such link" in text
    named = re.search(r"fallback: booting (\S+) instead, which may be another commit", text)
    assert named is not None
    wanted = made.deployments.values() if serial is None else [made.deployments[serial]]
    assert named[1] in wanted
    vm.kill()


# (arguments; LINK is a sound bootlink, STALE one that could be healed; configuration; error)
GIVEN_UP = {
    "no-ostree": ("quiet=0", QUICK, "find deployment: kernel command line: no ostree= argument"),
    "other-stateroot": (
        f"ostree={ELSEWHERE}", QUICK, f"find deployment: {ELSEWHERE}: no such link",
    ),
    "no-link": (
        "ostree=/ostree/repo/config", QUICK,
        "find deployment: /ostree/repo/config: not a symbolic link",
    ),
    "no-deployment": (
        "ostree=/boot/loader", QUICK, "find deployment: /boot/loader: not a deployment: ",
    ),
    "no-root": (
        "root=LABEL=none rootwait=1 LINK", QUICK,
        "find root device: LABEL=none: not found within 1 s; there is: ",
    ),
    "no-filesystem": (
        "rootfstype=erofs LINK", QUICK, "mount root device: /dev/vda2: root not mountable: erofs: ",
    ),
    "no-init": ("init=/no/init LINK", QUICK, "start init: /no/init: "),
    "no-image": (
        "LINK", f"{QUICK}[composefs]\nenabled=yes\n",
        "/.ostree.cfs: the deployment has no composefs image",
    ),
    # Not healed: a root that has to prove itself boots as asked, or not at all.
    "verity": ("STALE", f"{QUICK}[composefs]\nenabled=verity\n", ": no such link"),
    "signed-by-argument": (
        "STALE ostree.prepare-root.composefs=signed", QUICK, ": no such link",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN_UP)
def test_given_up_by_a_reboot(made: Machine, machine: Starter, tmp_path: Path, name: str) -> None:
    words, config, error = GIVEN_UP[name]
    words = words.replace("LINK", made.link()).replace("STALE", made.link(bootversion=1))
    vm = start(made, machine, tmp_path, words, config)
    vm.wait_for(REBOOT, SAID)
    vm.wait_for(RESTARTED, SAID)
    vm.wait_end(30)
    said = [line.partition("prepare-root: ")[2] for line in vm.console.text.splitlines()]
    said = [line for line in said if line]
    assert any(error in line for line in said), said
    # What there is to go by without a shell: mounts, block devices and links.
    assert any(line.startswith("mount: proc /proc") for line in said)
    assert any(line.startswith("block devices: ") and "vda2" in line for line in said)
    if not name.startswith("no-root") and name != "no-filesystem":
        assert any(line.startswith("link: /sysroot/ostree/boot.") for line in said)
    assert not any("fallback: " in line for line in said)
    assert tiny.GREETING not in vm.console.text


def test_unreadable_configuration_waits_a_minute(
    made: Machine, machine: Starter, tmp_path: Path
) -> None:
    """What `[failure]` says cannot be known then: the usual 60 s, and a reboot."""
    vm = start(made, machine, tmp_path, made.link(), f"{QUICK}[sysroot]\nreadonly=perhaps\n")
    vm.wait_for("read configuration: /etc/ostree/prepare-root.conf: configuration unreadable", SAID)
    vm.wait_for("failure policy: rebooting in 60 s", SAID)
    vm.kill()


HALTED_BY = {
    "as configured": (f"ostree={ELSEWHERE}", "[failure]\naction=halt\n"),
    # A signed root's own policy; nothing but the configuration could choose another.
    "as a signed root": ("STALE", "[composefs]\nenabled=signed\nkeypath=/etc/ostree/none\n"),
}


@pytest.mark.parametrize("name", HALTED_BY)
def test_halted(made: Machine, machine: Starter, tmp_path: Path, name: str) -> None:
    words, config = HALTED_BY[name]
    words = words.replace("STALE", made.link(bootversion=1))
    vm = start(made, machine, tmp_path, words, config)
    vm.wait_for(HALT, SAID)
    # To the end of the line: the console gets it piece by piece.
    vm.console.wait_for(re.compile(f"{HALTED}\r?\n"), SAID)
    assert ": no such link" in vm.console.text
    assert "fallback: " not in vm.console.text
    # It stays so: QEMU is still there, and nothing more is said.
    size = len(vm.console.text)
    time.sleep(3)
    assert len(vm.console.text) == size
    vm.kill()


def test_shell(made: Machine, machine: Starter, tmp_path: Path) -> None:
    words, config = f"ostree={ELSEWHERE}", "[failure]\naction=shell\n"
    vm = start(made, machine, tmp_path, words, config, shell=True)
    vm.wait_for("failure policy: starting /bin/sh; leaving it reboots", SAID)
    vm.wait_for("# ", SAID)
    vm.console.send("echo $((6 * 7)) $$; cat /sysroot/ostree/repo/config\n")
    vm.console.wait_for(re.compile(r"^42 1\r?$", re.MULTILINE), SAID)
    vm.wait_for("repo_version=1", SAID)
    vm.console.send("exit\n")
    vm.wait_for("Kernel panic - not syncing: Attempted to kill init", SAID)
    vm.wait_end(60)


def test_no_shell_in_the_image(made: Machine, machine: Starter, tmp_path: Path) -> None:
    words, config = f"ostree={ELSEWHERE}", f"{QUICK}action=shell\n"
    vm = start(made, machine, tmp_path, words, config)
    vm.wait_for("start shell: /bin/sh: No such file or directory", SAID)
    vm.wait_for(REBOOT, SAID)
    vm.wait_end(60)
