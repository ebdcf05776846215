"""Boot programs and loader.conf: replaced in one step, or not at all."""

import os

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp import install_ops
from bootentries.esp.install_ops import Overwrite, PutProgram, RemoveEmpty


def apply(esp, *todo):
    for op in todo:
        op.apply(esp.place)


def test_a_program_is_replaced_in_one_step(esp):
    path = "EFI/BOOT/BOOTX64.EFI"
    apply(esp, PutProgram(path, b"one"))
    (esp.path / "EFI/BOOT/BOOTX64.new").write_bytes(b"left by a power cut")
    apply(esp, PutProgram(path, b"two"))
    assert (esp.path / path).read_bytes() == b"two"
    assert esp.files() == [path]
    assert PutProgram(path, b"two").describe() == f"install {path} (3 bytes)"


def test_a_renamed_program_is_synced_before_the_old_one_goes(esp, monkeypatch):
    """FAT writes where a name leads to with the file, and not with its directory."""
    path = "EFI/BOOT/BOOTX64.EFI"
    apply(esp, PutProgram(path, b"one"))
    synced, fsync = [], os.fsync

    def record(fd):
        synced.append(os.path.samestat(os.fstat(fd), (esp.path / path).stat()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", record)
    apply(esp, PutProgram(path, b"two"))
    # The new file under its other name, that name, the file under its last name, the directory.
    assert synced == [False, False, True, False]


def test_clusters_of_two_names_are_not_taken_apart(esp, monkeypatch):
    path = "EFI/BOOT/BOOTX64.EFI"
    apply(esp, PutProgram(path, b"one"))
    (esp.path / "EFI/BOOT/BOOTX64.new").write_bytes(b"one")
    monkeypatch.setattr(install_ops, "_first_block", lambda fd: 77)
    with pytest.raises(BootentriesError) as caught:
        apply(esp, PutProgram(path, b"two"))
    assert "on the clusters of another file" in str(caught.value)
    assert "fsck.fat -a" in caught.value.hint
    assert (esp.path / path).read_bytes() == b"one"


def test_a_sector_is_written_in_place(esp):
    first, second = "a" * 512, "b" * 512
    apply(esp, Overwrite("loader/loader.conf", first))
    number = (esp.path / "loader/loader.conf").stat().st_ino
    apply(esp, Overwrite("loader/loader.conf", second))
    assert (esp.path / "loader/loader.conf").read_text() == second
    assert (esp.path / "loader/loader.conf").stat().st_ino == number
    apply(esp, Overwrite("loader/loader.conf", "short"))
    assert (esp.path / "loader/loader.conf").read_text() == "short"


def test_only_empty_directories_go(esp):
    for name in ("bootchain", "loader/entries"):
        (esp.path / name).mkdir(parents=True)
    (esp.path / "bootchain/mine").touch()
    apply(esp, *(RemoveEmpty(path) for path in ("bootchain", "loader/entries", "gone")))
    assert (esp.path / "bootchain").is_dir()
    assert not (esp.path / "loader/entries").exists()
