"""How paths are written into mount options; the mounts are in tests/ns/test_composefs.py."""

import pytest

from prepare_root import compat
from prepare_root.layers import Layers


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"/run/a", b"/run/a"),
        (b"/a,b", b"/a\\,b"),
        (b"/a:b", b"/a\\:b"),
        (b"/a\\b", b"/a\\\\b"),
        (b"/a\\,:b", b"/a\\\\\\,\\:b"),
    ],
)
def test_escaped(path, text):
    assert compat._escaped(path) == text


@pytest.mark.parametrize(
    ("how", "options"),
    [
        ({}, b"metacopy=on,redirect_dir=on,lowerdir=/i::/o"),
        ({"verity": True}, b"metacopy=on,redirect_dir=on,lowerdir=/i::/o,verity=require"),
        (
            {"upper": b"/u,", "work": b"/w"},
            b"metacopy=on,redirect_dir=on,lowerdir=/i::/o,upperdir=/u\\,,workdir=/w",
        ),
    ],
)
def test_options(monkeypatch, how, options):
    """What mount(2) is asked for: there is nothing to mount here."""
    asked = []
    monkeypatch.setattr(compat._bootsys, "mount", lambda *words: asked.append(words))
    values = {"verity": False, "readonly": True} | how
    compat.mount_overlay(Layers(b"source", b"/i", (b"/o",), **values), b"/t")
    assert asked == [(b"source", b"/t", b"overlay", 1 | 32768, options)]
