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
        # C1: CSI and OSC in one character, and as the bytes that an 8-bit terminal reads
        ("\u009b2J".encode(), "\\xc2\\x9b2J"),
        ("\u0080\u009d\u009f".encode(), "\\xc2\\x80\\xc2\\x9d\\xc2\\x9f"),
        (b"\x9b2J", "\\x9b2J"),
        (b"\x80\x85\x9f", "\\x80\\x85\\x9f"),
        # a C1 byte inside a character is that character
        ("\u00db\u4e9b".encode(), "\u00db\u4e9b"),
        ("\u2028\u202e\ufeff".encode(), "\\xe2\\x80\\xa8\\xe2\\x80\\xae\\xef\\xbb\\xbf"),
        ("\ud7ff\ud800\U0010ffff".encode("utf-8", "surrogatepass"),
         "\\xed\\x9f\\xbf\\xed\\xa0\\x80\\xf4\\x8f\\xbf\\xbf"),
    ],
)  # fmt: skip
def test_show(name, text):
    assert show(name) == text


@given(st.binary() | st.text().map(str.encode))
def test_show_has_no_controls(name):
    shown = show(name)
    assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in shown)
    assert shown.isprintable()


@given(st.text(st.characters(min_codepoint=0x80, max_codepoint=0x9F), min_size=1))
def test_show_escapes_all_of_c1(text):
    assert show(text.encode()) == "".join(f"\\xc2\\x{ord(char):02x}" for char in text)


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
