"""Ten lists in a row, written by us and by libostree in turn, each booted through GRUB.

After each write the menu on the screen is the one on disk, in the order of the entries, and
the default that GRUB boots is the first of the list.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from bootvm.menu import Menu
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import disk
from guest.chroot import run_in
from guest.disk import GENERATOR, REF, STATEROOT, TARGET
from guest.tree import Tree

pytestmark = pytest.mark.vm

CHECKOUT = Path(__file__).resolve().parents[2]
OURS, THEIRS = f"bootentries --sysroot {TARGET}", "ostree admin"
DEPLOY = f"deploy --os={STATEROOT} --retain --karg-append={{}} {REF}"
SWITCHES = (
    (OURS, "set-default 1"),
    (THEIRS, "instutil set-kargs --merge --append=theirs=1"),
    (OURS, "instutil set-kargs --merge --append=ours=2"),
    (THEIRS, "set-default 1"),
    (OURS, DEPLOY.format("ours=5")),
    (THEIRS, "undeploy 1"),
    (OURS, "undeploy 1"),
    (THEIRS, DEPLOY.format("theirs=8")),
    (OURS, "set-default 1"),
    (THEIRS, "set-default 1"),
)
# The last of the three lines with the arguments that the kernel prints.
LAST_LINE = re.compile(r"Unknown kernel command line parameters [^\r\n]*[\r\n]")
# What the list is: the titles, and the `ostree=` of the default.
REPORT = (
    "cd boot/loader/entries; for e in $(ls -r); do sed -n 's/^title //p' $e; done; "
    "sed -n 's/^options.* \\(ostree=[^ ]*\\).*/\\1/p' $(ls -r | head -n 1)"
)


def write(tree: Tree, image: disk.Disk, layer: Path, command: str) -> tuple[list[str], str]:
    """Run one command of the guest's programs on its disk; return titles and `ostree=`."""
    script = (
        f"set -e; {command} >&2; bootentries --sysroot {TARGET} verify >&2; cd {TARGET}; {REPORT}"
    )
    said = run_in(
        tree.path,
        ["sh", "-c", script],
        layers=[layer],
        mounts=[image.filesystem()],
        env={"OSTREE_GRUB2_EXEC": f"/{GENERATOR}"},
    ).splitlines()
    return said[:-1], said[-1]


def test_ten_switches(
    guest_tree: Tree, baseline: disk.Disk, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    image = baseline.copy(tmp_path / "disk.img")
    layer = disk.programs(CHECKOUT)
    seen = []
    for program, verb in SWITCHES:
        command = f"{program} {verb}" if program == OURS else theirs(verb)
        titles, target = write(guest_tree, image, layer, command)
        # The serial line loses a character now and then, this early: look again then.
        assert any(boot(machine, image, titles, target) for _ in range(3)), (program, verb)
        seen.append(target)
    # Each list was another one than the list before.
    assert all(one != other for one, other in pairwise(seen))


def boot(machine: Callable[..., Vm], image: disk.Disk, titles: list[str], target: str) -> bool:
    """Boot the menu's default; return whether the kernel was told `target`."""
    vm = machine(VmSpec(disks=(Disk(image.path),), memory=512))
    menu = Menu(vm.console)
    menu.wait(titles[-1], 60)
    shown = [line for line in menu.lines() if re.search(r"\(ostree:\d+\)", line)]
    assert shown == titles
    assert menu.selected() == titles[0]
    vm.console.wait_for(LAST_LINE, 60)
    told = re.findall(r'ostree=[^ "\r\n]*', vm.console.text)
    # The kernel comes to its initramfs only when that was whole, too.
    vm.wait_for("Run /init as init process", 60)
    vm.kill()
    return target in told


def theirs(verb: str) -> str:
    words = verb.split()
    count = 2 if words[0] == "instutil" else 1
    return " ".join([THEIRS, *words[:count], f"--sysroot={TARGET}", *words[count:]])
