"""The one line of a failure, whatever bytes the disk or the command line brought."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.errors import Failure, reason_of, show


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain/name", "plain/name"),
        (b"", ""),
        ("gr\u00fcn".encode(), "gr\u00fcn"),
        (b"a\nb", "a\\x0ab"),
        (b"\x1b[2J", "\\x1b[2J"),
        (b"\x7f\0", "\\x7f\\x00"),
        (b"\xff", "\\xff"),
    ],
)
def test_show(name, text):
    assert show(name) == text


@given(st.binary())
def test_show_has_no_ascii_controls(name):
    assert not any(char < " " or char == "\x7f" for char in show(name))


def test_failure():
    failure = Failure("mount", "/dev/vda", "no such device", "look again")
    assert str(failure) == "mount: /dev/vda: no such device"
    assert failure.hint == "look again"
    assert Failure("a", "b", "c").hint == ""


def test_reason_has_the_systems_words_without_the_number():
    assert reason_of(OSError(errno.ENOENT, os.strerror(errno.ENOENT), b"/x")) == (
        "No such file or directory"
    )
    assert reason_of(OSError("only text")) == "only text"
