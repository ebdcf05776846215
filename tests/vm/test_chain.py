"""The whole chain: BIOS, GRUB, kernel, our /init, systemd; and what /init says when it cannot."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootvm.agent import with_agent
from bootvm.menu import Menu
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import disk, system
from guest.chroot import run_in
from guest.shape import Variant
from guest.tree import Tree
from prepare_root.image.initramfs import command

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = """\
[sysroot]
readonly=true
[var]
mount=yes
[record]
mounts=yes
[failure]
action=halt
"""
MENU = 90
READY = 300
OLD = "1.0 (ostree:1)"
NEW = "2.0 (ostree:0)"


@pytest.fixture(scope="module")
def image(guest_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("chain")
    config = top / "prepare-root.conf"
    config.write_text(CONFIG)
    words = [top / "image", "--kver", guest_tree.kernel, "--modules-dir", guest_tree.path]
    words += ["--config", config]
    command.main([str(word) for word in words], standalone_mode=False)
    return top / "image"


@pytest.fixture(scope="module")
def chain(guest_tree: Tree, image: Path) -> disk.Disk:
    return system.build(guest_tree, image, Variant(checkout=CHECKOUT), readonly=True)


@pytest.fixture(scope="module")
def direct(
    guest_tree: Tree, chain: disk.Disk, image: Path, tmp_path_factory: pytest.TempPathFactory
) -> VmSpec:
    """A boot without a loader; its disk has a link to a deployment that is gone."""
    copy = chain.copy(tmp_path_factory.mktemp("damaged") / "disk.img")
    script = "ln -s deploy/debian/deploy/gone.0 /run/target/ostree/gone"
    run_in(guest_tree.path, ["sh", "-c", script], mounts=[copy.filesystem()])
    return VmSpec(
        firmware=Firmware.DIRECT,
        disks=(Disk(copy.path),),
        kernel=guest_tree.vmlinuz,
        initrd=image,
        memory=512,
    )


def recorded(text: str) -> dict[str, set[str]]:
    """Mount points below /sysroot with their options, from mountinfo's lines."""
    found = {}
    for line in text.splitlines():
        fields = line.split(" ")
        if fields[4].startswith("/sysroot"):
            found[fields[4].removeprefix("/sysroot") or "/"] = set(fields[5].split(","))
    return found


@pytest.mark.parametrize(
    ("title", "version"), [(NEW, "2.0"), (OLD, "1.0")], ids=["default", "rollback"]
)
def test_boots_what_the_menu_chose(
    chain: disk.Disk, machine: Starter, title: str, version: str
) -> None:
    vm = machine(with_agent(VmSpec(disks=(Disk(chain.path),))))
    menu = Menu(vm.console)
    menu.wait(OLD, MENU)
    titles = [line for line in menu.lines() if "(ostree:" in line]
    assert [NEW in titles[0], OLD in titles[1], len(titles)] == [True, True, 2]
    assert NEW in menu.selected()
    menu.choose(title)
    vm.wait_for("login:", READY)
    vm.agent.wait_ready(READY)
    assert vm.check("cat /usr/share/guest/version") == f"{version}\n"
    words = vm.check("cat /proc/cmdline").split()
    (link,) = [word.removeprefix("ostree=") for word in words if word.startswith("ostree=")]
    assert link.startswith("/ostree/boot.")
    # The inode of / is the deployment's.
    here, there = vm.check(f"stat -c %d:%i /; stat -L -c %d:%i /sysroot{link}").split()
    assert here == there
    assert vm.check("test -s /run/ostree-booted && dmesg | grep -c 'switching root'") == "1\n"
    # The marked deployment is the version that runs, and no other is marked.
    status = vm.check("ostree admin status")
    assert status.count("* ") == 1
    assert status.split("* ")[1].splitlines()[1].strip() == f"Version: {version}"
    assert vm.check("systemctl --failed --no-legend") == ""
    mounts = recorded(vm.check("cat /run/bootchain/mounts"))
    modes = {"/usr": "ro", "/sysroot": "ro", "/etc": "rw", "/var": "rw", "/boot": "rw", "/": "rw"}
    assert {point: mode in mounts.get(point, ()) for point, mode in modes.items()} == dict.fromkeys(
        modes, True
    ), mounts


# The stateroot of this link has no deployment; the other's has none with a link of the kind.
ABSENT = "/ostree/boot.1/nobody/" + "0" * 64 + "/0"
STALE = "/ostree/boot.1/debian/" + "0" * 64 + "/0"
NO_ROOT = "find root device: UUID=0000-0000: "


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "root=UUID=0000-0000 rootwait=2 ostree=/x",
            [NO_ROOT + "not found within 2 s; there is: ", "hint: check root=", "block devices: "],
        ),
        (
            "root=UUID=0000-0000 rootwait=8 ostree=/x",
            [NO_ROOT + "not there yet, waiting up to 8 s", NO_ROOT + "not found within 8 s"],
        ),
        (
            "root=/dev/vda rootwait=2 ostree=/x",
            [
                "mount root device: /dev/vda: root not mountable: no filesystem that is known",
                "hint: say rootfstype=",
            ],
        ),
        (
            "root=/dev/vda rootfstype=ext4 rootwait=2 ostree=/x",
            ["mount root device: /dev/vda: root not mountable: ext4: Invalid argument"],
        ),
        (
            "root=LABEL=root rootwait=9",
            ["kernel command line: no ostree= argument", "hint: boot an entry that was written"],
        ),
        (
            f"root=LABEL=root rootwait=9 ostree={ABSENT}",
            [f"{ABSENT}: no such link", "hint: choose another entry"],
        ),
        (
            "root=LABEL=root rootwait=9 ostree=/ostree/gone",
            ["/ostree/gone: dangling link: the deployment is gone", "hint: choose another entry"],
        ),
    ],
    ids=[
        "no-device",
        "slow-device",
        "no-filesystem",
        "not-ext4",
        "no-ostree",
        "no-link",
        "dangling",
    ],
)
def test_init_says_why_it_stopped(
    direct: VmSpec, machine: Starter, words: str, said: list[str]
) -> None:
    vm = machine(replace(direct, cmdline=f"console=ttyS0 panic=-1 {words}"))
    vm.wait_for("failure policy: halting now", 120)
    text = vm.console.text
    for one in said:
        assert one in text
    assert "vda" in text.partition("block devices: ")[2].splitlines()[0]
    assert "switching root" not in text


def test_a_stale_link_boots_another_deployment_of_the_stateroot(
    direct: VmSpec, machine: Starter
) -> None:
    words = f"root=LABEL=root rw ostree={STALE}"
    vm = machine(with_agent(replace(direct, memory=1024, cmdline=f"console=ttyS0 {words}")))
    vm.wait_for("login:", READY)
    vm.agent.wait_ready(READY)
    assert f"find deployment: {STALE}: no such link" in vm.console.text
    record = dict(
        line.split("=", 1) for line in vm.check("cat /run/bootchain/fallback").splitlines()
    )
    assert (record["requested"], record["reason"]) == (STALE, "no such link")
    here, there = vm.check(f"stat -c %d:%i / /sysroot/{record['booted']}").split()
    assert here == there
    assert vm.check("systemctl --failed --no-legend") == ""
