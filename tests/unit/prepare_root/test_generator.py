"""What the generator writes, from what it saw."""

import itertools

import pytest

from prepare_root import generator
from prepare_root.generator import BOOT_COMPLETE, REMOUNT, Seen, UnitLink
from prepare_root.ops import WriteFile

LOCAL = b"/n/local-fs.target.requires/"


def seen(**changes) -> Seen:
    values = {"stateroot": b"os", "var": True, "boot": True, "relabel": False,
              "units": (REMOUNT, BOOT_COMPLETE), **changes}  # fmt: skip
    return Seen(**values)


def written(**changes) -> dict[bytes, bytes]:
    ops = generator.make(seen(**changes), b"/n")
    return {op.path: op.data if isinstance(op, WriteFile) else op.text for op in ops}


def test_all_of_it():
    found = written()
    assert list(found) == [
        b"/n/var.mount", LOCAL + b"var.mount", b"/n/boot.mount", LOCAL + b"boot.mount",
        b"/n/sysroot.mount.d/ostree-softreboot.conf", LOCAL + REMOUNT,
        b"/n/multi-user.target.wants/" + BOOT_COMPLETE,
    ]  # fmt: skip
    assert found[LOCAL + b"var.mount"] == b"../var.mount"
    assert found[LOCAL + REMOUNT] == b"/usr/lib/systemd/system/ostree-remount.service"
    assert found[b"/n/var.mount"].decode().splitlines()[1:] == [
        "[Unit]", "ConditionKernelCommandLine=!systemd.volatile", "DefaultDependencies=no",
        "After=local-fs-pre.target sysroot.mount", "Before=local-fs.target", "",
        "[Mount]", "Where=/var", "What=/sysroot/ostree/deploy/os/var", "Options=bind,slave,shared",
    ]  # fmt: skip


@pytest.mark.parametrize(("var", "boot"), list(itertools.product((True, False), repeat=2)))
def test_each_mount_stands_for_itself(var, boot):
    found = written(var=var, boot=boot)
    assert (b"/n/var.mount" in found, LOCAL + b"var.mount" in found) == (var, var)
    assert (b"/n/boot.mount" in found, LOCAL + b"boot.mount" in found) == (boot, boot)


@pytest.mark.parametrize("units", [(), (REMOUNT,), (BOOT_COMPLETE,)])
def test_only_services_that_are_there_are_pulled_in(units):
    names = {path.rpartition(b"/")[2] for path in written(units=units, relabel=True)}
    assert names & {REMOUNT, BOOT_COMPLETE} == set(units)
    assert (b"50-relabel.conf" in names) == (REMOUNT in units)


def test_a_percent_sign_is_no_specifier():
    assert b"What=/sysroot/ostree/deploy/a%%b/var\n" in written(stateroot=b"a%b")[b"/n/var.mount"]


def test_a_link_that_is_there_is_kept(tmp_path):
    path = tmp_path / "wants/x.service"
    for text in (b"first", b"second"):
        UnitLink("x", bytes(path), text).apply()
    assert path.readlink().name == "first"
    assert UnitLink("x", b"/a", b"b").describe() == "link /a -> b"
