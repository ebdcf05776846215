"""The stamp of hooks that have still to run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.errors import BootentriesError
from bootentries.hooks.stamp import STAMP, Pending, finish, read_pending, write_pending

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]*", fullmatch=True)
TEXTS = st.text(max_size=40).map(lambda text: " ".join(text.split())).filter(str.isprintable)


@given(TEXTS, st.dictionaries(NAMES, st.none() | TEXTS))
def test_what_is_written_is_read(reason, hooks):
    pending = Pending(reason, tuple(hooks.items()))
    assert Pending.decode(pending.encode()) == pending


@given(st.text())
def test_any_text_is_a_stamp(text):
    written = Pending.decode(text).encode()
    assert Pending.decode(written).encode() == written


def test_a_failure_stays_one_line():
    assert Pending("deploy", (("a", "one\ntwo"), ("b", None))).encode() == (
        "reason=deploy\nfailed=a: one two\nwaits=b\n"
    )


def test_the_last_success_removes_it(root, fake):
    stamp = fake.path / STAMP
    assert read_pending(root) is None
    write_pending(root, Pending("deploy", (("a", None), ("b", None))))
    finish(root, "a", "exit status 3")
    assert stamp.read_text() == "reason=deploy\nwaits=b\nfailed=a: exit status 3\n"
    finish(root, "b", None)
    finish(root, "b", None)
    assert read_pending(root) == Pending("deploy", (("a", "exit status 3"),))
    finish(root, "a", None)
    assert not stamp.exists()
    finish(root, "a", "too late")
    assert not stamp.exists()


def test_one_that_cannot_be_read(root, fake):
    (fake.path / STAMP).mkdir()
    with pytest.raises(BootentriesError) as caught:
        read_pending(root)
    assert str(caught.value) == f"read pending hooks: {STAMP}: Is a directory"
