"""Titles."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.entries.title import entry_title, os_release, pretty_name, shell_unquote
from bootentries.errors import BootentriesError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ('"two words"', "two words"),
        ("'it\\n'", "it\\n"),
        ('"a\\"b\\$c\\`d\\\\e\\f"', 'a"b$c`d\\e\\f'),
        ("a\\ b", "a b"),
        ("'a'\"b\"c", "abc"),
        ("", ""),
        ('"open', None),
        ("'open", None),
        ("end\\", None),
    ],
)
def test_shell_unquote(text, value):
    assert shell_unquote(text) == value


@given(st.text(max_size=20))
def test_unquoting_undoes_the_shells_quoting(text):
    assert shell_unquote(shlex.quote(text)) == text


def test_os_release():
    text = '#NAME=no\nID=test\nPRETTY_NAME="A B"\nBAD="open\nword\nID=later\n'
    assert os_release(text) == {"ID": "later", "PRETTY_NAME": "A B"}


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ({"PRETTY_NAME": "P", "ID": "i"}, "P"),
        ({"ID": "i"}, "i"),
        ({"PRETTY_NAME": "", "ID": "i"}, "i"),
    ],
)
def test_pretty_name(release, name):
    assert pretty_name(release, "x") == name


def test_a_tree_without_a_name():
    with pytest.raises(BootentriesError) as caught:
        pretty_name({}, "ostree/deploy/a")
    assert str(caught.value) == (
        "read os-release: ostree/deploy/a: neither PRETTY_NAME nor ID is set"
    )


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (("OS", None, None, 0), "OS (ostree:0)"),
        (("OS", "1.2", None, 1), "OS 1.2 (ostree:1)"),
        (("OS 1.2 (x)", "1.2", None, 0), "OS 1.2 (x) (ostree:0)"),
        (("OS", "", None, 0), "OS (ostree:0)"),
        (("OS", "1", "server", 2), "OS 1 (ostree:server:2)"),
    ],
)
def test_entry_title(arguments, title):
    assert entry_title(*arguments) == title
