"""Which images are read before a deployment is listed, and what becomes of what they say."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from bootentries.deploy.image import check_image
from bootentries.deploy.overlay import DIRECTORY, overlay_entry
from bootentries.deployment import Entry
from bootentries.errors import BootentriesError
from bootentries.preflight import CONFIGS, OFF
from bootentries.staged import INITRDS
from bootentries.sysroot import load
from bootentries.txn.context import Context
from prepare_root.image.cpio import TRAILER, Member

NONE = frozenset()
NAME = "c" * 64


def image(config: bytes) -> bytes:
    member = Member(CONFIGS[0], stat.S_IFREG | 0o644, data=config)
    return member.encode() + Member(TRAILER, 0).encode()


BAD, GOOD = image(b"[composefs]\nenabled = yes\n"), image(b"")


@pytest.fixture
def notes():
    return []


@pytest.fixture
def context(root, run, notes):
    return Context(root, notes.append, run=run)


@pytest.fixture
def item(fake, root, run):
    """A deployment whose initramfs demands what it has not got."""
    path = fake.deployment() / "usr/lib/modules/6.1/initramfs.img"
    path.write_bytes(BAD)
    return replace(load(root, run).deployments[0], entry=None)


def test_it_is_refused(context, item, notes):
    with pytest.raises(BootentriesError, match="it demands composefs"):
        check_image(context, item, NONE)
    check_image(context, item, frozenset({OFF}))
    assert notes == []


def test_a_staged_overlay_wins(context, run, item):
    Path(run, INITRDS).mkdir()
    Path(run, INITRDS, NAME).write_bytes(GOOD)
    check_image(context, item, NONE, (NAME,))
    with pytest.raises(BootentriesError, match=r"read overlay initrd: .*: No such file"):
        check_image(context, item, NONE, ("d" * 64,))


def test_an_installed_overlay_wins(fake, context, item):
    (fake.path / "boot" / DIRECTORY).mkdir()
    (fake.path / "boot" / DIRECTORY / f"{NAME}.img").write_bytes(GOOD)
    check_image(context, replace(item, entry=Entry("", overlay_entry((NAME,), False))), NONE)


def test_what_cannot_be_read_is_noted(fake, context, item, notes):
    path = fake.deployment() / "usr/lib/modules/6.1/initramfs.img"
    path.write_bytes(b"secret recipe")
    check_image(context, item, NONE)
    assert len(notes) == 1
    assert notes[0].startswith("the configuration in the initramfs was not checked: ")
