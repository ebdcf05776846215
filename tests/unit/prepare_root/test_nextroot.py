"""The plan for a soft reboot: the initramfs's, at another place, with nothing moved."""

import pytest

from prepare_root import nextroot, plan
from prepare_root.formats.config import Config
from prepare_root.ops import Bind, Move, Propagation, Remount, WriteFile
from prepare_root.plan import Facts
from prepare_root.target import Target

PATH = b"ostree/deploy/os/deploy/aa.0"


def facts(**changes) -> Facts:
    values = {
        "root": b"/sysroot", "target": Target(b"/x", PATH, b"os", 5, 7), "links": [],
        "var_by": plan.VAR_SYSTEM, "boot_here": True, "readonly": True, "hotfix": False,
        "filesystem_ro": False, "labelled": False, **changes,
    }  # fmt: skip
    return Facts(**values)


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("var_by", [plan.VAR_SYSTEM, plan.VAR_OURS])
def test_the_same_root_at_another_place(readonly, var_by):
    seen, config = facts(readonly=readonly, var_by=var_by), Config()
    ops = nextroot.make(seen, config)
    # The physical root of the running system stays where it is.
    initramfs_seen = facts(readonly=readonly, var_by=var_by, mounted_below=True)
    built = [op.describe() for op in ops if isinstance(op, Bind | Remount)]
    initramfs = [
        op.describe().replace("/sysroot.tmp", "/run/nextroot")
        for op in plan.make(initramfs_seen, config)
        if isinstance(op, Bind | Remount)
    ]
    if readonly:
        # There the physical root becomes read-only after the move.
        assert initramfs.pop() == "remount /sysroot/sysroot read-only"
        assert built.pop() == "remount /run/nextroot/sysroot read-only"
    assert built == initramfs
    assert not [op for op in ops if isinstance(op, Move)]
    # Other mounts of the running system are not touched.
    assert all(op.target != b"/" for op in ops if isinstance(op, Propagation))


def test_no_mount_passes_on_what_is_mounted_in_it():
    ops = nextroot.make(facts(), Config())
    binds = [number for number, op in enumerate(ops) if isinstance(op, Bind)]
    assert len(binds) > 4
    for number in binds:
        after = ops[number + 1]
        assert isinstance(after, Propagation)
        assert after.describe() == f"make {ops[number].target.decode()} private"


def test_what_it_is_gets_recorded_last():
    last = nextroot.make(facts(), Config())[-1]
    assert isinstance(last, WriteFile)
    assert last.path == b"/run/ostree/nextroot-booted"
    assert last.data == plan.booted_metadata(facts()).encode()


def test_all_of_it_can_be_undone():
    ops = nextroot.make(facts(), Config())
    undone = [op.describe() for op in plan.undo(list(ops))]
    mounted = [op.target for op in ops if isinstance(op, Bind)]
    for target in mounted:
        assert f"detach {target.decode()}" in undone
    assert "remove /run/ostree/nextroot-booted" in undone[0]
