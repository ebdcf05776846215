"""Titles."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.entries.template import Template
from bootentries.entries.title import (
    Titled,
    entry_title,
    os_release,
    pretty_name,
    shell_unquote,
)
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
def test_without_label_and_template_it_is_libostrees(arguments, title):
    name, version, stateroot, index = arguments
    what = Titled(name, version, stateroot=stateroot or "only", kernel="6.1", checksum="c" * 12)
    assert entry_title(what, index, several=stateroot is not None) == title


TEMPLATES = [
    (None, {"label": "good"}, "OS 1.2 - good (ostree:3)"),
    (None, {"label": "good", "version": None}, "OS - good (ostree:3)"),
    ("{label}", {"label": "good"}, "good (ostree:3)"),
    # Nothing would be left: the name it is.
    ("{label}", {}, "OS (ostree:3)"),
    ("[{label}: ]{name}[ {version}]", {"label": "good"}, "good: OS 1.2 (ostree:3)"),
    ("[{label}: ]{name}[ {version}]", {}, "OS 1.2 (ostree:3)"),
    # A version is repeated only where the name does not stand beside it.
    ("{name}[ {version}]", {"name": "OS 1.2"}, "OS 1.2 (ostree:3)"),
    ("v{version}", {"name": "OS 1.2"}, "v1.2 (ostree:3)"),
    ("{name}, Linux {kernel}, {stateroot} {checksum}", {}, "OS, Linux 6.1, os cccc (ostree:3)"),
]


@pytest.mark.parametrize(("template", "changes", "title"), TEMPLATES)
def test_labels_and_templates(template, changes, title):
    values = {"name": "OS", "version": "1.2", "kernel": "6.1", "stateroot": "os",
              "checksum": "cccc", **changes}  # fmt: skip
    parsed = None if template is None else Template.parse(template)
    assert entry_title(Titled(**values), 3, template=parsed) == title


@given(
    st.lists(st.text(max_size=20), min_size=2, max_size=4), st.sampled_from(["{label}", "{name}"])
)
def test_titles_are_unique_whatever_the_labels(labels, template):
    titles = [
        entry_title(Titled("OS", label=label), index, template=Template.parse(template))
        for index, label in enumerate(labels)
    ]
    assert len(set(titles)) == len(titles)
