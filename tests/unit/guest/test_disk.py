"""What a disk needs before anything is made, and the text that fills it."""

import uuid
from pathlib import Path

import pytest

from guest import disk
from guest.commit import Commit
from guest.disk import Deployment, DiskSpec
from guest.errors import GuestError
from guest.layout import MIB, bios_layout
from guest.tree import Tree

TREE = Tree(Path("/tree"), "6", "a=1\n")
ONE = Commit(Path("/repo"), "1" * 64, "1.0")
TWO = Commit(Path("/repo"), "2" * 64, "2.0")


def test_no_deployment_is_an_error() -> None:
    with pytest.raises(GuestError, match="make disk: deployments: none given"):
        disk.make(TREE, DiskSpec(()))


def test_grub_needs_our_generator(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match=r"make disk: usr/bin/bootentries-grub2-exec: not in"):
        disk.make(TREE, DiskSpec((Deployment(ONE),)), tmp_path)


def test_arguments_are_given_once_and_in_order() -> None:
    spec = DiskSpec((Deployment(ONE, ("one=1",)), Deployment(TWO, ("two=a b",))), kargs=("quiet",))
    identity = uuid.UUID(int=1)
    lines = disk.sysroot_script(spec, identity).splitlines()
    first, second = (line for line in lines if " deploy " in line)
    assert f"--karg-append=root=UUID={identity} --karg-append=rw" in first
    assert first.endswith("--karg-append=quiet --karg-append=one=1 guest/stable")
    assert "root=UUID" not in second
    assert all("deploy --retain --os=debian " in line for line in (first, second))
    assert second.endswith("'--karg-append=two=a b' guest/stable")


@pytest.mark.parametrize(
    "other",
    [
        DiskSpec((Deployment(TWO),)),
        DiskSpec((Deployment(ONE, ("a",)),)),
        DiskSpec((Deployment(ONE),), kargs=("a",)),
        DiskSpec((Deployment(ONE),), var_mib=1),
        DiskSpec((Deployment(ONE),), boot_mib=1),
        DiskSpec((Deployment(ONE),), readonly=True),
        DiskSpec((Deployment(ONE),), bootloader="none"),
        DiskSpec((Deployment(ONE), Deployment(ONE))),
    ],
)
def test_every_choice_counts_for_the_cache(other: DiskSpec) -> None:
    plain = DiskSpec((Deployment(ONE),))
    assert disk._key(TREE, plain) == disk._key(TREE, DiskSpec((Deployment(ONE),)))
    assert disk._key(TREE, plain) != disk._key(TREE, other)


@pytest.mark.parametrize(("boot_mib", "prefix"), [(0, "true"), (64, "false")])
def test_a_boot_partition_is_a_part_of_the_sysroot(boot_mib: int, prefix: str) -> None:
    spec = DiskSpec((Deployment(ONE),), boot_mib=boot_mib)
    found = disk.Disk(Path("/image"), bios_layout(64, 0, boot_mib), uuid.UUID(int=1))
    places = {one.inside: one.size // MIB for one in found.sysroot()}
    wanted = {disk.TARGET: 64} | ({f"{disk.TARGET}/boot": boot_mib} if boot_mib else {})
    assert places == wanted
    assert f"set sysroot.bootprefix {prefix}" in disk.sysroot_script(spec, uuid.UUID(int=1))
