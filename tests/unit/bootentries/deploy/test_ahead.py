"""Kernels in /boot before anything names them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from bootentries.deploy.ahead import bring_ahead
from bootentries.errors import BootentriesError
from bootentries.staged import INITRDS
from bootentries.sysroot import load
from bootentries.txn import install
from bootentries.txn.context import Context

NONE = frozenset()


@pytest.fixture
def context(root, run):
    def freeze(_: int) -> None:
        raise AssertionError("nothing is swapped, so nothing is frozen")

    return Context(root, print, freeze, run)


def new(root, run):
    """A deployment with a kernel that no other one has."""
    return replace(load(root, run).deployments[0], bootcsum="d" * 64, entry=None)


def test_kernel_and_overlays_get_their_final_names(fake, root, run, context):
    overlay = b"further"
    checksum = hashlib.sha256(overlay).hexdigest()
    Path(run, INITRDS).mkdir()
    Path(run, INITRDS, checksum).write_bytes(overlay)
    before = (fake.path / "boot/loader").readlink()
    bring_ahead(context, new(root, run), (checksum,), NONE)
    payload = fake.path / f"boot/ostree/testos-{'d' * 64}"
    assert {path.name: path.read_bytes() for path in payload.iterdir()} == {
        "vmlinuz-6.1": b"kernel", "initramfs-6.1.img": b"initramfs",
    }  # fmt: skip
    found = fake.path / f"boot/ostree/initramfs-overlays/{checksum}.img"
    assert found.read_bytes() == overlay
    assert (fake.path / "boot/loader").readlink() == before


def test_what_storage_does_not_hold_is_an_error(root, run, context, monkeypatch):
    monkeypatch.setattr(install, "_is_stored", lambda *_: False)
    with pytest.raises(BootentriesError, match=r"read back: boot/ostree/testos-d+/vmlinuz-6.1: "):
        bring_ahead(context, new(root, run), (), NONE)


def test_what_cannot_be_written_is_an_error(fake, root, run, context):
    (fake.path / f"boot/ostree/testos-{'d' * 64}").write_text("in the way")
    with pytest.raises(BootentriesError, match=r"install boot/ostree/testos-d+/vmlinuz"):
        bring_ahead(context, new(root, run), (), NONE)
