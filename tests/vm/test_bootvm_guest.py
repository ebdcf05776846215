"""The Debian guest as dracut and libostree's own prepare-root boot it: the recipe's proof."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm.agent import Start, with_agent
from bootvm.errors import AgentError, BootvmError
from bootvm.menu import Menu
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import disk, initramfs, system
from guest.booted import TAG
from guest.shape import KEPT_FILE, LinkState, Variant
from guest.tree import Tree

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]


def test_menu_choice_boots_the_older_version(baseline: disk.Disk, machine: Starter) -> None:
    vm = machine(with_agent(VmSpec(disks=(Disk(baseline.path),)), Start.EARLY))
    menu = Menu(vm.console)
    menu.wait("1.0 (ostree:1)", 60)
    assert "2.0 (ostree:0)" in menu.selected()
    menu.choose("1.0 (ostree:1)")
    vm.agent.wait_ready(240)
    assert "ostree=/ostree/boot." in vm.check("cat /proc/cmdline")
    vm.wait_for("login:", 240)
    assert vm.check("cat /usr/share/guest/version") == "1.0\n"
    vm.power_off()


def test_separate_var_and_links_of_every_kind(guest_tree: Tree, machine: Starter) -> None:
    links = (
        ("home", LinkState.EMPTY),
        ("srv", LinkState.FULL),
        ("mnt", LinkState.MISSING),
    )
    variant = Variant(links=links, checkout=CHECKOUT)
    image = initramfs.dracut(guest_tree)
    made = system.build(
        guest_tree, image, variant, versions=["3.0"], separate_var=True, readonly=True
    )
    vm = machine(with_agent(VmSpec(disks=(Disk(made.path),))))
    vm.agent.wait_ready(240)
    vm.check("systemctl is-system-running --wait", 120)
    assert vm.check("systemctl --failed --no-legend") == ""
    assert vm.check("findmnt -n -o LABEL --mountpoint /var") == "var\n"
    assert vm.check("findmnt -n -o OPTIONS --mountpoint /sysroot").startswith("ro")
    kinds = vm.check("stat -c '%n %F' /home /srv /root /opt; ls /srv; ls -d /mnt || true")
    assert kinds.splitlines() == [
        "/home directory",
        "/srv directory",
        "/root symbolic link",
        "/opt symbolic link",
        KEPT_FILE,
    ]


def test_guest_is_sound(up: VmSpec, machine: Starter) -> None:
    vm = machine(up, restore=TAG)
    assert vm.check("systemctl --failed --no-legend") == ""
    assert vm.check("cat /usr/share/guest/version") == "2.0\n"
    status = vm.check("ostree admin status")
    marked = status.split("* ")[1]
    assert marked.splitlines()[1].strip() == "Version: 2.0"
    root = vm.check("findmnt -n -o SOURCE,FSTYPE --mountpoint /").split()
    assert "[/ostree/deploy/debian/deploy/" in root[0]
    assert root[1] == "ext4"
    assert vm.check("test -w /var && ls -d /var/roothome") == "/var/roothome\n"
    # The list of packages survived the move out of /var.
    assert "ostree" in vm.check("dpkg-query -W ostree")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo out; echo err >&2; exit 3", (3, "out\n", "err\n")),
        ("", (0, "", "")),
        ("printf 'no newline'", (0, "no newline", "")),
        ("echo 'ü \"quoted\" $x; | &'", (0, 'ü "quoted" $x; | &\n', "")),
        ("seq 20000 | wc -l; seq 20000 | tail -n 1", (0, "20000\n20000\n", "")),
        ("cat", (0, "", "")),  # no standard input to wait for
    ],
)
def test_agent_round_trip(
    up: VmSpec, machine: Starter, script: str, expected: tuple[int, str, str]
) -> None:
    result = machine(up, restore=TAG).run(script)
    assert (result.status, result.stdout, result.stderr) == expected


def test_agent_carries_much_output(up: VmSpec, machine: Starter) -> None:
    vm = machine(up, restore=TAG)
    text = vm.check("seq 60000", 60)
    assert text.splitlines() == [str(number) for number in range(1, 60001)]


def test_agent_ends_what_takes_too_long(up: VmSpec, machine: Starter) -> None:
    vm = machine(up, restore=TAG)
    assert vm.run("sleep 300", timeout=2).status == 124
    assert vm.run("echo usable", timeout=20).stdout == "usable\n"


def test_failing_command_carries_its_errors(up: VmSpec, machine: Starter) -> None:
    vm = machine(up, restore=TAG)
    with pytest.raises(BootvmError, match=r"in the guest: ls /missing: status 2") as caught:
        vm.check("ls /missing")
    assert "No such file or directory" in caught.value.hint


def test_agent_notices_that_the_machine_is_gone(up: VmSpec, machine: Starter) -> None:
    vm = machine(up, restore=TAG)
    with pytest.raises(AgentError, match=r"agent: systemctl poweroff -ff.*: the machine ended"):
        vm.run("systemctl poweroff -ff; sleep 60")


def test_disk_offline_is_what_ostree_wrote(baseline: disk.Disk, tmp_path: Path) -> None:
    """A copy can be looked into, and changed, without booting it."""
    from guest import tree
    from guest.chroot import run_in

    copy = baseline.copy(tmp_path / "copy.img")
    script = "cd /run/target; ostree admin --sysroot=. status; lsattr -d ostree/deploy/*/deploy/*.0"
    seen = run_in(tree.base_tree(), ["sh", "-c", script], mounts=[copy.filesystem()])
    assert "Version: 2.0" in seen
    flags = [line.split()[0] for line in seen.splitlines() if " ostree/deploy" in line]
    assert len(flags) == 2
    assert all("i" in one for one in flags)
