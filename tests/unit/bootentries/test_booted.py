"""What /run says about the running system, in files of our own making."""

import os
from pathlib import Path

import pytest

from bootentries.booted import (
    BootedRoot,
    Staged,
    booted_root,
    read_staged,
    soft_reboot_root,
    unlocked_state,
)
from bootentries.errors import BootentriesError
from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import Variant, encode


@pytest.fixture
def slash():
    fd = os.open("/", os.O_RDONLY)
    yield fd
    os.close(fd)


def test_the_running_system_is_booted_when_the_file_is_there(slash, run):
    assert booted_root(slash, run) is None
    Path(run, "ostree-booted").write_bytes(BootedMetadata(device=2049, inode=131).encode())
    assert booted_root(slash, run) == BootedRoot(2049, 131)


def test_an_empty_file_means_the_root_itself(slash, run):
    Path(run, "ostree-booted").touch()
    here = Path("/").stat()
    assert booted_root(slash, run) == BootedRoot(here.st_dev, here.st_ino)


def test_any_other_directory_is_not_booted(root, run):
    """`--sysroot=/sysroot` is the same sysroot, by another name: nothing is booted there."""
    Path(run, "ostree-booted").touch()
    assert booted_root(root.fd, run) is None


def test_a_broken_file_is_named(slash, run):
    Path(run, "ostree-booted").write_bytes(b"\xff")
    with pytest.raises(BootentriesError, match=f"read booted state: {run}/ostree-booted: "):
        booted_root(slash, run)


def test_a_soft_reboot(run):
    assert soft_reboot_root(run) is None
    place = Path(run, "ostree/nextroot-booted")
    place.write_bytes(BootedMetadata(device=1, inode=2).encode())
    assert soft_reboot_root(run) == BootedRoot(1, 2)
    # Here the deployment has to be named.
    place.write_bytes(b"")
    with pytest.raises(BootentriesError) as caught:
        soft_reboot_root(run)
    assert str(caught.value) == f"read soft reboot state: {place}: it names no deployment"


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ((), "none"),
        (("unlocked-development",), "development"),
        (("unlocked-transient",), "transient"),
        (("unlocked-transient", "unlocked-development"), "development"),
        (("unlocked-hotfix",), "none"),
    ],
)
def test_the_unlocked_state(run, flags, state):
    place = Path(run, "ostree/deployment-state/ab.0")
    place.mkdir(parents=True)
    for name in flags:
        (place / name).touch()
    assert unlocked_state("ab.0", run) == state
    assert unlocked_state("cd.0", run) == "none"


TARGET = {
    "name": Variant("s", "ab.0"), "osname": Variant("s", "os"), "bootcsum": Variant("s", "cd"),
}  # fmt: skip
# What libostree itself writes for this target, with the arguments `quiet root=x`.
GOLDEN = bytes.fromhex(
    "74617267657400006e616d650000000061622e30000073056f736e616d6500006f73000073070000626f6f746373"
    "756d0000000000000000636400007309101e3600617b73767d076b61726773000000717569657400726f6f743d78"
    "00060d006173064863"
)


def test_a_staged_deployment_as_libostree_writes_it(run):
    assert read_staged(run) is None
    Path(run, "ostree/staged-deployment").write_bytes(GOLDEN)
    assert read_staged(run) == Staged("os", "ab.0", "cd", ("quiet", "root=x"))
    table = {"target": Variant("a{sv}", TARGET), "kargs": Variant("as", ["quiet", "root=x"])}
    assert encode("a{sv}", table) == GOLDEN


@pytest.mark.parametrize("way", ["key", "file"])
def test_either_way_to_lock_it(run, way):
    table = {"target": Variant("a{sv}", TARGET)}
    if way == "key":
        table["locked"] = Variant("b", True)
    else:
        Path(run, "ostree/staged-deployment-locked").touch()
    Path(run, "ostree/staged-deployment").write_bytes(encode("a{sv}", table))
    assert read_staged(run) == Staged("os", "ab.0", "cd", locked=True)


@pytest.mark.parametrize("missing", ["name", "osname", "bootcsum"])
def test_all_of_its_names_are_required(run, missing):
    target = {key: value for key, value in TARGET.items() if key != missing}
    Path(run, "ostree/staged-deployment").write_bytes(
        encode("a{sv}", {"target": Variant("a{sv}", target)})
    )
    with pytest.raises(BootentriesError, match="key 'target' lacks name, osname or bootcsum"):
        read_staged(run)
