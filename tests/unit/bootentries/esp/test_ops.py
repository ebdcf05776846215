"""Each operation by itself, and what it refuses."""

import os
from pathlib import Path

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp import ops
from bootentries.esp.entry import entry_text
from bootentries.esp.names import EntryName

from .conftest import entry, payload

KERNEL = payload("vmlinuz-2")


def apply(esp, *todo):
    for op in todo:
        op.apply(esp.place)


@pytest.fixture
def filled(esp):
    apply(esp, ops.MakeDir("bootchain"), ops.MakeDir("loader/entries"))
    return esp


COPY = ops.CopyPayload(KERNEL.source, KERNEL.path)


def test_a_copy_is_whole_and_checked(filled):
    apply(filled, COPY, ops.CheckPayload(KERNEL.path))
    file = filled.path / KERNEL.path
    before = file.stat()
    # A whole one is kept, a damaged one written again.
    apply(filled, COPY)
    assert file.stat().st_ino == before.st_ino
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    file.write_bytes(b"half")
    with pytest.raises(BootentriesError) as caught:
        apply(filled, ops.CheckPayload(KERNEL.path))
    assert str(caught.value) == (
        f"read back: {KERNEL.path}: storage holds something else than what was written"
    )
    assert "fsck.fat" in caught.value.hint
    apply(filled, COPY, ops.CheckPayload(KERNEL.path))


def test_a_source_that_is_gone_is_an_error(filled):
    with pytest.raises(FileNotFoundError):
        apply(filled, ops.CopyPayload("ostree/os/gone", "bootchain/gone-" + "0" * 32))
    assert filled.files() == []


def test_a_file_and_its_check(filled):
    apply(filled, ops.WriteFile("loader/x", "text"), ops.CheckFile("loader/x", "text"))
    with pytest.raises(BootentriesError, match="loader/x: storage holds something else"):
        apply(filled, ops.CheckFile("loader/x", "other"))


def test_the_switch_wants_a_prepared_entry(filled):
    name = EntryName(1, 1)
    path = f"loader/entries/{name.file}"
    text = entry_text(entry("a"), name, live=False)
    apply(filled, ops.WriteFile(path, text), ops.Enable(path))
    assert (filled.path / path).read_text() == entry_text(entry("a"), name)
    with pytest.raises(BootentriesError) as caught:
        apply(filled, ops.Enable(path))
    assert caught.value.reason == "it is not what was written"


def test_an_entry_is_switched_off_in_place(filled):
    name = EntryName(1, 1)
    path = f"loader/entries/{name.file}"
    apply(filled, ops.WriteFile(path, entry_text(entry("a"), name)), ops.Disable(path))
    assert (filled.path / path).read_text() == entry_text(entry("a"), name, live=False)
    with pytest.raises(BootentriesError, match="switch entry: "):
        apply(filled, ops.Disable(path))
    # Who blesses renames it at any time.
    apply(filled, ops.Disable("loader/entries/gone.conf"))


def test_the_switch_follows_no_link(filled):
    (filled.path / "other").write_text("\n#inux /k\n")
    (filled.path / "loader/entries/a.conf").symlink_to("../../other")
    with pytest.raises(OSError, match="symbolic links"):
        apply(filled, ops.Enable("loader/entries/a.conf"))


def test_removing_holds_what_was_removed_until_the_names_are_gone(filled, monkeypatch):
    apply(filled, COPY)
    held = []

    def syncfs(fd):
        links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        names = [str(path.readlink()) for path in links if os.path.lexists(path)]
        held.append(any(KERNEL.name in name and "(deleted)" in name for name in names))

    monkeypatch.setattr("bootentries.syscalls.syncfs", syncfs)
    apply(filled, ops.RemoveFiles((KERNEL.path, "bootchain/never")))
    assert held == [True]
    assert filled.files() == []
    apply(filled, ops.RemoveFiles((KERNEL.path,)))
    assert held == [True]
