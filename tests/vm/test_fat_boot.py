"""A FAT filesystem as /boot, mounted by a kernel that has FAT."""

import base64
import gzip
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm.spec import VmSpec
from bootvm.vm import Vm
from guest import booted

pytestmark = pytest.mark.vm

HINT = (
    "hint: boot/loader is a symbolic link, which FAT has not: keep FAT for the EFI partition, "
    "mounted on /efi or /boot/efi"
)


def test_every_verb_refuses_it(up: VmSpec, machine: Callable[..., Vm], tmp_path: Path) -> None:
    if shutil.which("mkfs.vfat") is None:
        pytest.skip("dosfstools is not installed")
    image = tmp_path / "fat.img"
    subprocess.run(["mkfs.vfat", "-C", "-i", "1234ABCD", image, "512"], check=True)
    packed = base64.b64encode(gzip.compress(image.read_bytes())).decode()
    vm = machine(up, restore=booted.TAG)
    vm.check(f"echo {packed} | base64 -d | gunzip > /run/fat.img")
    vm.check("mkdir /run/fat && mount -t vfat -o loop /run/fat.img /run/fat", 60)
    for verb in ("status", "verify", "undeploy 1", "instutil set-kargs --merge a"):
        done = vm.run(f"bootentries --boot /run/fat {verb}", 120)
        assert done.status == 1
        assert done.stderr.splitlines() == [
            "bootentries: open boot directory: /run/fat: "
            "a vfat filesystem cannot be the boot directory",
            HINT,
        ]
    vm.check("umount -l /boot && mount -t vfat -o loop /run/fat.img /boot", 60)
    done = vm.run("bootentries set-default 1", 120)
    assert (done.status, done.stderr.splitlines()) == (
        1,
        [
            "bootentries: open boot directory: /boot: "
            "a vfat filesystem cannot be the boot directory",
            HINT,
        ],
    )
    theirs = vm.run("ostree admin status", 120)
    # libostree looks for the list first, and misses it.
    assert theirs.status == 1
    assert "found, but no /boot/loader directory" in theirs.stderr
    assert vm.check("ls /boot") == ""
