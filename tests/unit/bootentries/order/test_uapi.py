"""The version format's comparison: its own examples, laws, and systemd's program."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ordercases import VERSIONS, check_chain, check_preorder

from bootentries.order.uapi import compare

# The chain that the specification gives.
SPECIFIED = (
    "122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1",
    "123.1-1", "123a-1", "124-1",
)  # fmt: skip
# The specification's single examples: left, what stands between, right.
EXAMPLES = (
    ("11", "=", "11"), ("systemd-123", "=", "systemd-123"), ("bar-123", "<", "foo-123"),
    ("123a", ">", "123"), ("123.a", ">", "123"), ("123.a", "<", "123.b"), ("123a", ">", "123.a"),
    ("11é", "=", "11è"), ("B", "<", "a"), ("", "<", "0"), ("0.", ">", "0"), ("0.0", ">", "0"),
    ("0", ">", "~"), ("", ">", "~"), ("1_", "=", "1"), ("_1", "=", "1"), ("1_", "<", "1.2"),
    ("1_2_3", ">", "1.3.3"), ("1+", "=", "1"), ("+1", "=", "1"), ("1+", "<", "1.2"),
    ("1+2+3", ">", "1.3.3"),
)  # fmt: skip
# Not in the specification, or not as it says; the program says so.
OF_SYSTEMD = (
    ("a", "<", "0"), ("01", "=", "1"), ("1-_a", "<", "1-a"), ("1-", "<", "1-a"), ("1--", ">", "1-"),
    ("~", "=", "~"), ("~~", ">", "~"), ("^.1", "<", "^"), ("1.-", ">", "1."),
    ("00", "=", "0"), ("1-0", ">", "1-"),
    ("12345678901234567890123", ">", "12345678901234567890122"),
)  # fmt: skip


def sign(left, right):
    number = compare(left, right)
    return "<" if number < 0 else "=" if number == 0 else ">"


def test_the_chain_of_the_specification():
    check_chain(compare, SPECIFIED)


@pytest.mark.parametrize(("left", "expected", "right"), EXAMPLES + OF_SYSTEMD)
def test_examples(left, expected, right):
    assert sign(left, right) == expected
    assert sign(right, left) == {"<": ">", ">": "<", "=": "="}[expected]


@given(st.tuples(VERSIONS, VERSIONS, VERSIONS))
@settings(max_examples=300, deadline=None)
def test_laws(texts):
    check_preorder(compare, texts)


@given(VERSIONS)
@settings(deadline=None)
def test_more_is_higher_but_for_a_tilde(text):
    assert compare(f"{text}1~", f"{text}1") < 0
    assert compare(f"{text}1.1", f"{text}1") > 0


def test_systemd_agrees():
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here")
    for left, expected, right in EXAMPLES + OF_SYSTEMD:
        words = [program, "compare-versions", left, right]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == {"<": 12, "=": 0, ">": 11}[expected], (left, right)
