"""What is read from a partition, ours and others'."""

import os

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp.names import ENTRIES, PAYLOAD, EntryName

from .conftest import entry, payload


def test_nothing_yet(esp):
    found = esp.present()
    assert (found.entries, found.foreign, found.payload, found.odd) == ((), (), {}, ())
    assert (found.has_entries, found.has_payload, found.srel) == (False, False, None)
    assert found.generation == 0
    room = os.statvfs(esp.path)
    assert (found.cluster, found.size) == (room.f_bsize, room.f_blocks * room.f_frsize)
    assert 0 < found.free <= found.size
    assert not found.read_only


def test_ours_and_others(esp):
    esp.sync(entry("a"), entry("b", 2))
    others = {
        "fedora.conf": "title F\nlinux /x\n", "notes.txt": "", "BOOTCHAIN-000009-01.CONF": "",
        "bootchain-1.conf": "title short\n", ".hidden.conf": "",
    }  # fmt: skip
    for name, text in others.items():
        (esp.path / ENTRIES / name).write_text(text)
    (esp.path / ENTRIES / "directory.conf").mkdir()
    kernel = payload("vmlinuz-3").name.upper()
    (esp.path / PAYLOAD / kernel).write_bytes(b"")
    (esp.path / PAYLOAD / "note").write_text("mine")
    found = esp.present()
    assert [item.file for item in found.entries] == [
        "bootchain-000001-01.conf", "bootchain-000001-02.conf",
    ]  # fmt: skip
    assert [item.name for item in found.live] == [EntryName(1, 2), EntryName(1, 1)]
    assert sorted(item.name for item in found.foreign) == sorted(set(others) - {"notes.txt"})
    assert found.odd == (f"{PAYLOAD}/{kernel}", f"{ENTRIES}/BOOTCHAIN-000009-01.CONF")
    assert found.generation == 9
    assert set(found.payload) == {
        payload(name).name for name in ("vmlinuz-1", "vmlinuz-2", "initrd-1")
    }
    assert (found.has_entries, found.has_payload, found.srel) == (True, True, "type1\n")
    assert [item.name for item in found.shown()] == [
        "bootchain-000001-02.conf", "bootchain-000001-01.conf", "fedora.conf",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["loader", ENTRIES, PAYLOAD])
def test_a_file_in_the_way(esp, path):
    (esp.path / path).parent.mkdir(exist_ok=True)
    (esp.path / path).write_text("")
    with pytest.raises(BootentriesError) as caught:
        esp.present()
    assert str(caught.value) == f"read ESP: {path}: it is in the way: not a directory"


def test_a_link_is_in_the_way_as_well(esp):
    """The list's own boot directory has one, and is no partition to write to."""
    (esp.path / "loader.0/entries").mkdir(parents=True)
    (esp.path / "loader").symlink_to("loader.0")
    with pytest.raises(BootentriesError, match="loader: it is in the way"):
        esp.present()


def test_bytes_that_are_no_text(esp):
    esp.sync(entry("a"))
    (esp.path / ENTRIES / "bootchain-000001-01.conf").write_bytes(b"\xff\0\xfe" * 100)
    (found,) = esp.present().entries
    assert (found.live, found.deployment, found.payloads) == (False, None, ())
    esp.sync(entry("a"))
    assert esp.boots() == "os/a.0"
