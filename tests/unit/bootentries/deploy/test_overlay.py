"""Overlay initrds in /boot."""

import hashlib

import pytest

from bootentries.deploy.overlay import DIRECTORY, install_overlay, overlay_entry
from bootentries.deployment import overlay_checksums
from bootentries.errors import BootentriesError
from bootentries.txn.context import Context


@pytest.fixture
def context(root):
    return Context(root, print, freeze=lambda fd: None)


def test_it_lies_there_under_its_checksum(fake, context, tmp_path):
    (tmp_path / "overlay").write_bytes(b"content")
    checksum = install_overlay(context, str(tmp_path / "overlay"))
    assert checksum == hashlib.sha256(b"content").hexdigest()
    found = fake.path / "boot" / DIRECTORY / f"{checksum}.img"
    assert found.read_bytes() == b"content"
    assert found.stat().st_mode & 0o7777 == 0o600
    inode = found.stat().st_ino
    install_overlay(context, str(tmp_path / "overlay"))
    assert found.stat().st_ino == inode


def test_one_that_is_damaged_there_is_written_again(fake, context, tmp_path):
    (tmp_path / "overlay").write_bytes(b"content")
    checksum = install_overlay(context, str(tmp_path / "overlay"))
    found = fake.path / "boot" / DIRECTORY / f"{checksum}.img"
    found.write_bytes(b"damaged")
    install_overlay(context, str(tmp_path / "overlay"))
    assert found.read_bytes() == b"content"


def test_storage_that_lies_is_found_out(context, tmp_path, monkeypatch):
    (tmp_path / "overlay").write_bytes(b"content")
    monkeypatch.setattr("bootentries.txn.install.stored_digest", lambda *_: b"\0" * 32)
    with pytest.raises(BootentriesError, match="storage holds something else than what"):
        install_overlay(context, str(tmp_path / "overlay"))


def test_a_source_that_is_not_there(context, tmp_path):
    with pytest.raises(BootentriesError, match=r"read overlay initrd: .*/none: No such file"):
        install_overlay(context, str(tmp_path / "none"))


@pytest.mark.parametrize(("prefix", "start"), [(False, "/ostree/"), (True, "/boot/ostree/")])
def test_the_beginning_of_an_entry(prefix, start):
    checksums = ("a" * 64, "b" * 64)
    entry = overlay_entry(checksums, prefix)
    assert overlay_checksums(entry, "entry") == checksums
    assert all(path.startswith(start) for path in entry.initrds()[1:])
