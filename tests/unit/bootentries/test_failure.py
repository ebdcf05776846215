"""What the next boot tells: a failure once, and an interruption only if it did harm."""

from dataclasses import replace

import pytest

from bootentries.errors import BootentriesError
from bootentries.failure import (
    BEGUN,
    STAMP,
    WAITING,
    expect_interruption,
    forget_failure,
    forget_interruption,
    interrupted,
    read_failure,
    record_failure,
    take_failure,
)
from bootentries.sysroot import load

ELSEWHERE = f"{'e' * 64}.0"


def test_a_failure_is_kept_until_it_was_told(root):
    assert take_failure(root) is None
    error = BootentriesError("merge /etc", "etc/x", "cannot merge", hint="save it")
    for _ in range(2):
        record_failure(root, error)
    assert read_failure(root) == "merge /etc: etc/x: cannot merge; save it"
    forget_interruption(root)
    assert take_failure(root) == "merge /etc: etc/x: cannot merge; save it"
    assert take_failure(root) is None
    record_failure(root, BootentriesError("a", "b", "c"))
    forget_failure(root)
    assert take_failure(root) is None


@pytest.mark.parametrize("when", [WAITING, BEGUN])
def test_an_interruption_is_told_once(root, run, when):
    expect_interruption(root, "testos", ELSEWHERE, when)
    text = f"finalize staged deployment: testos/{ELSEWHERE}: interrupted: {when}; stage it again"
    assert read_failure(root) == text
    assert interrupted(text) == ("testos", ELSEWHERE)
    assert take_failure(root, load(root, run)) == text
    assert read_failure(root) is None


def test_what_was_interrupted_after_the_swap_is_no_failure(fake, root, run):
    present = load(root, run)
    expect_interruption(root, "testos", present.deployments[0].name, BEGUN)
    assert read_failure(root, present) is None
    assert take_failure(root, present) is None
    assert not (fake.path / "boot" / STAMP).exists()


def test_what_is_still_staged_waits(fake, root, run):
    present = load(root, run)
    first = replace(present.deployments[0], staged=True)
    present = replace(present, deployments=(first, *present.deployments[1:]))
    expect_interruption(root, "testos", first.name, WAITING)
    assert take_failure(root, present) is None
    assert (fake.path / "boot" / STAMP).exists()
    # Dropping it leaves nothing to tell.
    forget_interruption(root)
    assert not (fake.path / "boot" / STAMP).exists()


@pytest.mark.parametrize("text", ["", "error: no space", "x: finalize staged deployment: a/b.0: i"])
def test_other_texts_are_no_interruptions(text):
    assert interrupted(text) is None
