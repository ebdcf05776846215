"""The device below a root.  btrfs is in tests/ns/test_composefs.py."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root import volatile


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_numbers_split_as_the_c_library_does(major, minor):
    assert volatile.split(os.makedev(major, minor)) == (major, minor)


def test_a_device_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(volatile, "_GPT_AUTO", bytes(tmp_path / "none"))
    number = tmp_path.stat().st_dev
    if os.major(number) == 0:
        pytest.skip("this directory is on no device of its own")
    text = volatile.link_text(bytes(tmp_path))
    assert text == f"/dev/block/{os.major(number)}:{os.minor(number)}".encode()


def test_what_systemd_found_comes_first(monkeypatch, tmp_path):
    (tmp_path / "auto").symlink_to("/dev/null")
    monkeypatch.setattr(volatile, "_GPT_AUTO", bytes(tmp_path / "auto"))
    assert volatile.link_text(bytes(tmp_path)) == b"/dev/block/1:3"


def test_no_device(monkeypatch, tmp_path):
    """proc has none; what is not there cannot be looked at; neither stops a boot."""
    monkeypatch.setattr(volatile, "_GPT_AUTO", bytes(tmp_path / "none"))
    assert volatile.link_text(b"/proc") == b""
    assert volatile.link_text(bytes(tmp_path / "none")) == b""
