"""kexec from one kernel into another one: Debian trixie's, and sid's in the same user space."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from recommit import recommit

from bootvm.agent import with_agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import cache, commit, disk
from guest import tree as trees
from guest.chroot import WORK, Bind, run_in
from guest.commit import Commit
from guest.shape import Variant
from guest.tree import Tree
from prepare_root.image.initramfs import command

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

CHECKOUT = Path(__file__).resolve().parents[2]
READY = 300
# The boot loader says this on the serial line; who is started by a kernel comes without.
LOADER = "GRUB"
INDEX = """\
import json, subprocess, sys
found = json.loads(subprocess.check_output(["bootentries", "status", "--json"]))
print(*(item["index"] for item in found["deployments"] if item["version"] == sys.argv[1]))
"""


def image(tree: Tree, path: Path) -> Path:
    words = [path, "--kver", tree.kernel, "--modules-dir", tree.path]
    command.main([str(word) for word in words], standalone_mode=False)
    return path


def with_kernel(base: Tree, made: Commit, other: Tree, initramfs: Path) -> Commit:
    """Version 2.0: the same content with another tree's kernel in the place of its own."""
    script = (
        f"rm -r usr/lib/modules/{base.kernel}\n"
        f"cp -r {WORK}/modules usr/lib/modules/{other.kernel}\n"
        f"cp {WORK}/initramfs usr/lib/modules/{other.kernel}/initramfs.img"
    )
    modules = other.path / "usr/lib/modules" / other.kernel
    mounts = (Bind(modules, f"{WORK}/modules"), Bind(initramfs, f"{WORK}/initramfs"))
    key = cache.digest(other.key, initramfs.read_bytes())
    return recommit(base, made, script, version="2.0", key=key, mounts=mounts)


@pytest.fixture
def up(guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path) -> Vm:
    """Version 1.0 runs, with trixie's kernel; version 2.0 has sid's, and is not deployed yet."""
    sid = trees.get("sid")
    old = commit.make(guest_tree, Variant(checkout=CHECKOUT), image(guest_tree, tmp_path / "one"))
    new = with_kernel(guest_tree, old, sid, image(sid, tmp_path / "two"))
    programs = disk.programs(CHECKOUT)
    made = disk.make(guest_tree, disk.DiskSpec((disk.Deployment(old),), root_mib=3072), programs)
    own = made.copy(tmp_path / "disk.img")
    # The commit comes as an update does, into the repository, and is staged in the guest.
    repo = f"--repo={disk.TARGET}/ostree/repo"
    lines = [
        f"ostree {repo} pull-local {WORK}/r {new.checksum}",
        f"ostree {repo} refs --force --create={disk.REF} {new.checksum}",
    ]
    mounts = [*own.sysroot(), Bind(new.repo, f"{WORK}/r")]
    run_in(guest_tree.path, ["sh", "-ec", "\n".join(lines)], mounts=mounts)
    vm = machine(with_agent(VmSpec(disks=(Disk(own.path, overlay=False),), allow_reboot=True)))
    vm.agent.wait_ready(READY)
    vm.check(f"mkdir -p /var/test && cat > /var/test/index <<'END'\n{INDEX}END")
    return vm


def index(vm: Vm, version: str) -> str:
    return vm.check(f"python3 /var/test/index {version}").strip()


def go_on(vm: Vm, words: str, kernel: str) -> None:
    """Load by `words`, go on, and see that kernel come up without a boot loader."""
    said = vm.check(f"bootentries kexec-load {words}", 240)
    assert "; systemctl kexec goes on into it\n" in said
    assert vm.check("cat /sys/kernel/kexec_loaded") == "1\n"
    mark, before = len(vm.console.text), vm.agent.boot_id
    vm.check("systemd-run --on-active=1 systemctl kexec")
    vm.agent.wait_ready(READY)
    assert vm.agent.boot_id != before
    assert LOADER not in vm.console.text[mark:]
    assert vm.check("uname -r") == f"{kernel}\n"
    assert vm.check("systemctl is-system-running --wait", READY) == "running\n"
    # What runs is what its entry says: the arguments, and the deployment.
    booted = vm.check("ostree admin status").partition("* debian ")[2].split()[0]
    options = vm.check("grep -h '^options ' /boot/loader/entries/*.conf").splitlines()
    told = vm.check("cat /proc/cmdline").strip()
    assert f"options {told}" in options
    link = re.search(r" ostree=(\S+)", told)
    assert link is not None
    assert vm.check(f"readlink -f /sysroot{link[1]}").strip().endswith(f"/{booted}")
    assert vm.run("bootentries verify").status == 0


def test_into_a_new_kernel_and_back(guest_tree: Tree, up: Vm) -> None:
    vm = up
    ours, theirs = guest_tree.kernel, trees.get("sid").kernel
    assert ours != theirs
    assert LOADER in vm.console.text
    vm.check("echo kept > /var/kept; echo of-one > /etc/mine")

    # Staged, and finalised by the way; `/etc` comes along.
    vm.check(f"bootentries deploy --stage --retain {disk.REF}", 300)
    rehearsed = vm.check("bootentries kexec-load --dry-run")
    assert rehearsed.startswith("make the staged ")
    assert vm.check("cat /sys/kernel/kexec_loaded") == "0\n"
    go_on(vm, "", theirs)
    assert vm.check("cat /var/kept /etc/mine") == "kept\nof-one\n"

    # To the older one and forth again, with the list as it is.
    before = vm.check("cat /boot/loader/entries/*.conf")
    go_on(vm, index(vm, "1.0"), ours)
    go_on(vm, index(vm, "2.0"), theirs)
    assert vm.check("cat /boot/loader/entries/*.conf") == before

    # Loaded and forgotten.
    vm.check("bootentries kexec-load 0")
    vm.check("bootentries kexec-load --unload")
    assert vm.check("cat /sys/kernel/kexec_loaded") == "0\n"
    assert vm.check("bootentries kexec-load --unload") == "nothing to do\n"

    # Given up by a write, which moves the links.
    vm.check("bootentries kexec-load 0")
    done = vm.run("bootentries set-default 1", 240)
    assert done.status == 0
    assert "the kernel that was loaded for kexec is given up" in done.stderr
    assert vm.check("cat /sys/kernel/kexec_loaded") == "0\n"

    # Not a kernel, and one with a signature that does not fit it any more.
    vm.check("cp -a /boot /var/none; cp -a /boot /var/changed")
    vm.check("for f in /var/none/ostree/*/vmlinuz-*; do echo none > $f; done")
    vm.check("for f in /var/changed/ostree/*/vmlinuz-*; do echo more >> $f; done")
    refuses(vm, "--boot /var/none", "not an image that the kernel that runs can load")

    # Without lockdown a signature does not count; under it, it has to be by a key that the kernel
    # that runs has: sid's has none for trixie's.
    vm.check("bootentries --boot /var/changed kexec-load 0 && bootentries kexec-load --unload")
    vm.check("echo integrity > /sys/kernel/security/lockdown")
    lockdown = "kernel lockdown (integrity) takes none that it cannot verify"
    refuses(vm, "--boot /var/changed", lockdown)
    refuses(vm, "", lockdown)
    vm.check("echo 1 > /proc/sys/kernel/kexec_load_disabled")
    refuses(vm, "", "kernel.kexec_load_disabled is set: it stays so until a reboot")
    vm.power_off(240)


def refuses(vm: Vm, words: str, reason: str) -> None:
    """See `kexec-load` refused for this reason, with nothing loaded."""
    done = vm.run(f"bootentries {words} kexec-load 0")
    assert done.status == 1
    assert f"{reason}\nhint: reboot into it by way of the firmware\n" in done.stderr
    assert vm.check("cat /sys/kernel/kexec_loaded") == "0\n"
