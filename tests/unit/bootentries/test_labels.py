"""Labels: which deployment has which, wherever it is kept."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.deployment import Deployment, Entry
from bootentries.entries.bls import format_entry, parse
from bootentries.errors import BootentriesError
from bootentries.labels import KEY, check_label, labelled, stored, with_label

A, B, C = "os/a.0", "os/b.0", "os/c.0"


def item(name: str, value: str | None = None, **changes: object) -> Deployment:
    text = "title t\n" + ("" if value is None else f"{KEY} {value}\n")
    usual = Deployment("os", name, 0, "", entry=Entry("ostree-1.conf", parse(text)))
    return replace(usual, **changes)


CASES = [
    ("none", (None, None), [None, None]),
    ("each its own", (f"{A} one", f"{B} two words"), ["one", "two words"]),
    # libostree let the two change entries.
    ("changed", (f"{B} b", f"{A} a"), ["a", "b"]),
    # libostree copied it to a new deployment.
    ("copied", (f"{B} b", f"{B} b"), [None, "b"]),
    ("own before copy", (f"{B} old", f"{B} new"), [None, "new"]),
    ("of nobody", (f"{C} c", None), [None, None]),
    ("another stateroot", ("x/a.0 a", None), [None, None]),
    ("no text", (A, f"{B}  "), [None, None]),
    ("blanks", (f"{A}   a  ", None), ["a", None]),
]


@pytest.mark.parametrize(
    ("values", "labels"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_labelled(values, labels):
    items = (item("a", values[0]), item("b", values[1]))
    assert [found.label for found in labelled(items)] == labels


@pytest.mark.parametrize(
    ("value", "labels"), [(f"{A} new", ["new", None]), (f"{B} copy", [None, None])]
)
def test_a_staged_one_has_only_its_own(value, labels):
    staged = item("a", staged=True, entry=None)
    found = labelled((staged, item("b")), [("x-other", "1"), (KEY, value)])
    assert [other.label for other in found] == labels


def test_an_entry_gets_the_label_of_its_deployment_and_no_other():
    text = f"title t\n{KEY} {B} b\nx-mine stays\n"
    entry = parse(text)
    assert format_entry(with_label(entry, item("a"))) == "title t\nx-mine stays\n"
    labelled_one = item("a", label="mine")
    assert format_entry(with_label(entry, labelled_one)) == (
        f"title t\n{KEY} {A} mine\nx-mine stays\n"
    )
    plain = parse("title t\n")
    assert with_label(plain, item("a")) is plain


@given(st.text(max_size=80))
def test_what_is_accepted_comes_back(text):
    try:
        label = check_label(text)
    except BootentriesError as error:
        assert error.operation == "label deployment"
        return
    owner = item("a", label=label)
    assert labelled((item("a", stored(owner)),))[0].label == label


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "'': it is empty"),
        (" \t", "' \\t': it is empty"),
        ("x" * 61, f"'{'x' * 61}': longer than 60 characters"),
        ("a\x1bb", "'a\\x1bb': it has characters that no menu can show"),
        ("a\nb", "'a\\nb': it has characters that no menu can show"),
    ],
)
def test_what_is_no_label(text, reason):
    with pytest.raises(BootentriesError) as caught:
        check_label(text)
    assert str(caught.value) == f"label deployment: {reason}"
    assert caught.value.hint == "to take a label away: bootentries label INDEX --unset"
