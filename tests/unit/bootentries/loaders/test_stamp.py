"""A program that has still to run, and what a write does about it."""

import dataclasses

import pytest

from bootentries import run as programs
from bootentries.errors import BootentriesError
from bootentries.loaders.stamp import STAMP, is_pending, pending_menu, run_program, write_stamp
from bootentries.sysroot import load
from bootentries.txn.context import Context
from bootentries.txn.plan import Write
from bootentries.txn.run_ops import LIMIT_S
from bootentries.txn.write import apply_notes, apply_plan, plan_clean, plan_write

NO_PRUNE = Write(prune=False)


def snapshot(path):
    return {
        str(found.relative_to(path)): (
            str(found.readlink()) if found.is_symlink()
            else found.read_bytes() if found.is_file() else b""
        )
        for found in sorted(path.rglob("*"))
    }  # fmt: skip


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A stand-in for aboot-deploy that records its arguments and succeeds unless told."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/aboot-deploy"
    script.write_text(
        f'#!/bin/sh\nfor a; do echo "$a"; done >> {tmp_path}/log\n'
        f"[ -e {tmp_path}/fail ] && echo broken >&2 && exit 7\nexit 0\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(programs, "SEARCH", (str(tmp_path / "bin"), *programs.SEARCH))
    return tmp_path


@pytest.fixture
def aboot(fake):
    """The sysroot written by hand, made bootable by aboot."""
    fake.config("[sysroot]\nbootloader=aboot\n")
    for index in (0, 1):
        with fake.entry(index).open("a") as file:
            file.write(f"aboot /ostree/a{index}.img\nabootcfg /ostree/a{index}.cfg\n")
    return fake


def new_list(present, options):
    first, *rest = present.on_disk
    return (dataclasses.replace(first, options=options), *rest)


def write(root, run, options, said):
    present = load(root, run)
    todo = plan_write(root, present, new_list(present, options), frozenset(), NO_PRUNE)
    apply_plan(todo, Context(root, said.append, lambda fd: None, run))
    return todo


def test_the_stamp(fake, root):
    assert not is_pending(root)
    assert pending_menu(root) is None
    write_stamp().apply(Context(root, print, lambda fd: None))
    assert (fake.path / STAMP).read_bytes() == b""
    assert is_pending(root)
    menu = pending_menu(root)
    assert menu is not None
    assert menu.bootversion == 1
    assert [item.entry.name for item in menu.items] == ["ostree-2.conf", "ostree-1.conf"]
    assert [item.deployment.checksum[0] for item in menu.items] == ["a", "b"]


def test_without_entries_nothing_is_pending(fake, root):
    (fake.path / STAMP).touch()
    (fake.path / "boot/loader").unlink()
    assert pending_menu(root) is None


def test_the_operation_has_a_limit():
    assert run_program("zipl", "a b").describe() == f"run zipl 'a b' (for {LIMIT_S:g} s at most)"


def test_the_program_runs_after_the_swap(aboot, root, run, program):
    said: list[str] = []
    todo = write(root, run, "new", said)
    assert said == []
    lines = todo.describe()
    stamp, swap = lines.index(f"write {STAMP}"), lines.index("swap boot/loader -> loader.0")
    ran = next(index for index, line in enumerate(lines) if line.startswith("run aboot-deploy"))
    removed = lines.index("remove boot/loader.1")
    assert stamp < swap < ran < removed
    # It is synced, and read back, like the rest.
    assert stamp < lines.index("sync the filesystems of /ostree and /boot") < swap
    assert f"read back {STAMP}" in lines
    link = f"ostree=/ostree/boot.0/testos/{fake_bootcsum(aboot)}/0"
    assert (program / "log").read_text().splitlines() == [
        "-r", ".", "-c", "/ostree/a0.cfg", "-o", f"new {link}", "/ostree/a0.img",
    ]  # fmt: skip
    assert not (aboot.path / STAMP).exists()
    assert not (aboot.path / "boot/loader.1").exists()


def fake_bootcsum(fake):
    (found,) = (fake.path / "boot/ostree").iterdir()
    return found.name.rpartition("-")[2]


def test_a_failure_keeps_all_that_the_list_before_needs(aboot, root, run, program):
    (program / "fail").touch()
    before = snapshot(aboot.path)
    said: list[str] = []
    todo = write(root, run, "new", said)
    assert todo.result().startswith("Transaction complete; bootconfig swap: yes")
    assert len(said) == 1
    assert said[0].startswith("run aboot-deploy -r . ")
    assert said[0].endswith(
        "left for later: update bootloader: aboot-deploy: aboot-deploy failed (7): broken; "
        f"{STAMP} stays; try again: bootentries loader run-pending"
    )
    after = snapshot(aboot.path)
    assert after["boot/loader"] == "loader.0"
    assert STAMP in after
    lost = {name for name in before if after.get(name) != before[name]} - {"boot/loader"}
    assert lost == set()


def test_the_next_write_runs_it_first_and_changes_nothing_when_it_fails(aboot, root, run, program):
    (program / "fail").touch()
    write(root, run, "one", [])
    failed = snapshot(aboot.path)
    (program / "log").unlink()
    with pytest.raises(BootentriesError) as caught:
        write(root, run, "two", [])
    assert str(caught.value) == ("update bootloader: aboot-deploy: aboot-deploy failed (7): broken")
    assert "bootentries loader run-pending" in caught.value.hint
    assert snapshot(aboot.path) == failed
    # Even a list that is on disk already is not cleaned up after.
    present = load(root, run)
    with pytest.raises(BootentriesError, match="failed"):
        apply_plan(
            plan_write(root, present, present.on_disk, frozenset(), NO_PRUNE),
            Context(root, print, lambda fd: None, run),
        )
    assert snapshot(aboot.path) == failed
    (program / "fail").unlink()
    (program / "log").unlink()
    said: list[str] = []
    todo = write(root, run, "two", said)
    assert said == []
    assert todo.describe()[0].startswith("run aboot-deploy ")
    calls = (program / "log").read_text()
    assert calls.index("\none ") < calls.index("\ntwo ")
    assert not (aboot.path / STAMP).exists()


def test_cleaning_up_waits_for_it(aboot, root, run, program):
    (program / "fail").touch()
    write(root, run, "one", [])
    failed = snapshot(aboot.path)
    said: list[str] = []
    context = Context(root, said.append, lambda fd: None, run)
    clean = plan_clean(root, load(root, run), frozenset(), prune=False)
    assert apply_notes(clean, context) is False
    assert len(said) == 1
    assert snapshot(aboot.path) == failed
    (program / "fail").unlink()
    assert apply_notes(clean, context) is True
    assert not (aboot.path / STAMP).exists()
    assert not (aboot.path / "boot/loader.1").exists()
    # Now there is nothing to run first any more.
    clean = plan_clean(root, load(root, run), frozenset(), prune=False)
    assert not any(op.describe().startswith("run ") for op in clean)
