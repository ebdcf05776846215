"""What is counted, and when it stops an update."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.errors import BootentriesError
from bootentries.loopguard import (
    LIMIT,
    RECORD,
    Attempts,
    check_loop,
    count_failure,
    forget_failures,
    read_failures,
)
from bootentries.sysroot import load

NEW = "c" * 64


def fail(root, times, checksum=NEW, serial=0):
    for number in range(times):
        found = count_failure(root, "testos", f"{checksum}.{serial}", f"reason {number}")
    return found


@given(st.text(alphabet="ab \n\t=ü", max_size=30), st.integers(0, 999999))
def test_what_is_written_is_read(reason, count):
    found = Attempts("os", "ab.1", count, reason)
    assert Attempts.decode(found.encode()) == Attempts(
        "os", "ab.1", count, " ".join(reason.split())
    )


@pytest.mark.parametrize(
    "text",
    ["", "count=3", "target=os/ab.0", "target=os/ab.0\ncount=", "target=os/ab.0\ncount=-1",
     "target=os/ab.0\ncount=\u0663", "target=os/x.0\ncount=3", "target=ab.0\ncount=3",
     "target=os/ab.0\ncount=9999999", "\0\xff"],
)  # fmt: skip
def test_a_record_that_says_nothing(text):
    assert Attempts.decode(text) is None


def test_the_same_commit_is_refused_after_so_many_failures(root):
    present = load(root)
    for number in range(1, LIMIT):
        fail(root, 1)
        assert read_failures(root, present).count == number
        check_loop(root, present, "testos", NEW)
    # Another serial is another try of the same.
    fail(root, 1, serial=1)
    with pytest.raises(BootentriesError) as caught:
        check_loop(root, present, "testos", NEW)
    assert str(caught.value) == (
        f"stage: {NEW}: its finalisation failed {LIMIT} times in a row: reason 0"
    )
    assert caught.value.hint.startswith("mend what the reason names, then stage it with --retry-f")
    for stateroot, checksum in (("testos", "d" * 64), ("other", NEW)):
        check_loop(root, present, stateroot, checksum)


def test_another_commit_begins_anew(root):
    fail(root, LIMIT)
    assert fail(root, 1, checksum="d" * 64).count == 1
    assert fail(root, 1).count == 1


def test_success_forgets(root, fake):
    fail(root, LIMIT)
    forget_failures(root)
    forget_failures(root)
    assert not (fake.path / "boot" / RECORD).exists()
    assert fail(root, 1).count == 1


@pytest.mark.parametrize(("serial", "counts"), [(0, False), (1, True)])
def test_what_became_active_does_not_count(root, serial, counts):
    """The list has `a…a.0`: that of the record, or an older one of the same commit."""
    fail(root, LIMIT, checksum="a" * 64, serial=serial)
    assert (read_failures(root, load(root)) is not None) is counts


def test_a_record_that_cannot_be_read(root, fake):
    (fake.path / "boot" / RECORD).mkdir()
    with pytest.raises(BootentriesError) as caught:
        read_failures(root, load(root))
    assert str(caught.value) == f"read attempts: boot/{RECORD}: Is a directory"
