"""The rehearsal of a merge: all that would fail or be lost, and nothing written."""

import os

import pytest
from etc_cases import CASES
from etc_model import FIFO, Node, d, f, ln, read, write

from bootentries.errors import BootentriesError
from bootentries.etc.check import opened_local


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_says_what_the_merge_says(trees, case):
    write(trees.default, case.default)
    write(trees.local, case.local)
    write(trees.merged, case.new)
    found = trees.check()
    assert [item.text for item in found if not item.conflict] == [
        text.format("") for text in case.notes
    ]
    conflicts = [str(item) for item in found if item.conflict]
    assert conflicts[:1] == ([] if case.fails is None else [case.fails.format("")])
    assert read(trees.merged) == dict(case.new)


def test_it_goes_on_after_a_conflict(trees):
    write(trees.default, {"gone": d(), "gone/a": f("1"), "gone/b": f("1"), "x": f("1"), "m": d()})
    write(
        trees.local,
        {
            "gone": d(), "gone/a": f("2"), "gone/b": f("2"), "x": f("2"), "m": d(0o700),
            "new": f("mine"), "fifo": Node(FIFO), "fine": f("mine"),
        },
    )  # fmt: skip
    write(trees.merged, {"gone": ln("none"), "x": d(), "m": d(), "new": d()})
    found = trees.check()
    assert [(item.path, item.conflict) for item in found] == [
        ("m", False), ("x", True), ("fifo", False), ("new", True), ("gone", True), ("gone", True),
    ]  # fmt: skip
    error = found[1].error()
    assert str(error) == (
        "merge /etc: etc/x: Modified config file newly defaults to directory 'x', cannot merge"
    )
    assert error.hint == (
        "save what is there elsewhere, and put usr/etc/x of the new tree in its place"
    )


def test_nothing_stays_open_when_it_is_given_up(trees):
    write(trees.local, {"x": d(), "x/a": Node(FIFO), "x/b": Node(FIFO)})
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    assert len(trees.check()) == 2
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_the_operation_is_the_callers(trees):
    (trees.old / "usr/etc").rmdir()
    fd = os.open(trees.old, os.O_RDONLY)
    try:
        with pytest.raises(BootentriesError) as caught, opened_local(fd, "compare /etc"):
            pass
    finally:
        os.close(fd)
    assert str(caught.value) == "compare /etc: usr/etc: No such file or directory"
