"""Hooks as part of a plan: the stamp before the swap, and what follows it."""

from dataclasses import replace

import pytest

from bootentries.errors import BootentriesError
from bootentries.hooks.find import Hook
from bootentries.hooks.ops import RunHook, Written, run_hooks, with_hooks
from bootentries.hooks.stamp import STAMP, Pending, read_pending, write_pending
from bootentries.sysroot import load
from bootentries.txn import ops
from bootentries.txn.context import Context
from bootentries.txn.plan import HookTime, Plan

HOOKS = (Hook("10-a", "/h/10-a"), Hook("20-b.shutdown", "/h/20-b.shutdown"))
SWAP = (ops.Touch("a"), ops.Sync(), ops.Freeze(), ops.CommitSymlink("boot/loader", "loader.0"))
LISTED = Plan(SWAP, (ops.Touch("cleaning"),), swap=True, bootversion=0, subbootversion=1,
              count_change=0)  # fmt: skip


@pytest.fixture
def state(root):
    present = replace(load(root), booted=True)
    return Written(root, present, present.on_disk[0], 0, "deploy")


def test_the_stamp_is_synced_before_the_swap_and_hooks_come_last(state):
    todo = with_hooks(LISTED, state, HOOKS, HookTime.NOW)
    stamp = ops.WriteFile(STAMP, "reason=deploy\nwaits=10-a\nwaits=20-b.shutdown\n")
    assert todo.before == (SWAP[0], ops.MakeDir("boot/ostree"), stamp, *SWAP[1:])
    assert [op.describe() for op in todo.after] == [
        "touch cleaning",
        "run hook /h/10-a (for 60 s at most)",
        "run hook /h/20-b.shutdown (for 60 s at most)",
    ]


@pytest.mark.parametrize(
    ("when", "runs"),
    [
        (HookTime.NOW, ["10-a", "20-b.shutdown"]),
        (HookTime.SHUTDOWN, ["20-b.shutdown"]),
        (HookTime.LATER, []),
    ],
)
def test_when_they_run(state, when, runs):
    todo = with_hooks(LISTED, state, HOOKS, when)
    assert [op.hook.name for op in todo.after if isinstance(op, RunHook)] == runs
    # All of them are remembered, whatever runs now.
    stamp = next(op for op in todo.before if isinstance(op, ops.WriteFile))
    assert [name for name, _ in Pending.decode(stamp.text).hooks] == ["10-a", "20-b.shutdown"]


def test_where_nothing_is_written_nothing_follows(state):
    for todo in (replace(LISTED, unchanged=True), replace(LISTED, before=())):
        assert with_hooks(todo, state, HOOKS, HookTime.NOW) is todo
    assert with_hooks(LISTED, state, (), HookTime.NOW) is LISTED


def test_another_systems_boot_gets_no_stamp(state):
    other = replace(state, present=replace(state.present, booted=False))
    todo = with_hooks(LISTED, other, HOOKS, HookTime.NOW)
    assert todo.before == SWAP
    assert len(todo.after) == 3


def test_what_a_hook_is_told(state, fake):
    assert state.environ() == {
        "BOOTENTRIES_SYSROOT": str(fake.path),
        "BOOTENTRIES_BOOT": f"{fake.path}/boot",
        "BOOTENTRIES_BOOTVERSION": "0",
        "BOOTENTRIES_REASON": "deploy",
        "BOOTENTRIES_BOOTED": "",
        "BOOTENTRIES_DEFAULT": "a" * 64,
        "BOOTENTRIES_DEFAULT_PATH": f"/ostree/deploy/testos/deploy/{'a' * 64}.0",
    }
    running = replace(state.present.on_disk[1], booted=True)
    present = replace(state.present, deployments=(state.present.on_disk[0], running))
    found = replace(state, present=present, default=None).environ()
    assert found["BOOTENTRIES_BOOTED"] == "b" * 64
    assert (found["BOOTENTRIES_DEFAULT"], found["BOOTENTRIES_DEFAULT_PATH"]) == ("", "")


@pytest.mark.parametrize("stamped", [True, False])
def test_a_failure_is_told_and_kept(state, root, tmp_path, stamped):
    path = tmp_path / "10-a"
    path.write_text("#!/bin/sh\necho $BOOTENTRIES_HOOK $BOOTENTRIES_REASON $LANG; exit 4\n")
    path.chmod(0o755)
    write_pending(root, Pending("deploy", (("10-a", None),)))
    said: list[str] = []
    (op,) = run_hooks((Hook("10-a", str(path)),), state, when=HookTime.NOW, stamped=stamped)
    with pytest.raises(BootentriesError) as caught:
        op.apply(Context(root, said.append))
    assert str(caught.value) == f"run hook: {path}: exit status 4"
    again = "with: bootentries hooks run"
    if stamped:
        again = "at the next boot, or now with: bootentries hooks run-pending"
    assert caught.value.hint == f"it runs again {again}"
    assert said == ["10-a: 10-a deploy C.UTF-8"]
    assert read_pending(root) == Pending(
        "deploy", (("10-a", "exit status 4" if stamped else None),)
    )
