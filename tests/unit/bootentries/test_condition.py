"""What is amiss beyond the list."""

from dataclasses import replace

import pytest

from bootentries.condition import Condition, Failure, read_condition
from bootentries.failure import STAMP, WAITING, expect_interruption
from bootentries.hooks.stamp import Pending, write_pending
from bootentries.loopguard import RECORD, count_failure
from bootentries.sysroot import load
from prepare_root.formats.fallback import Fallback

NAME = f"{'c' * 64}.0"


@pytest.fixture
def present(root):
    return load(root)


def test_all_is_well(root, present, run):
    assert read_condition(root, present, run) == Condition()
    assert Condition().notices() == ()


def test_a_failure_that_the_boot_will_tell(root, present, run, fake):
    (fake.path / "boot" / STAMP).write_text("merge /etc: x:\ny; z\n")
    state = read_condition(root, present, run)
    assert state.failure == Failure("merge /etc: x: y; z")
    assert state.notices() == (
        ("The staged deployment did not become active: merge /etc: x: y; z",
         "mend what the reason names, and stage it again"),
    )  # fmt: skip


def test_a_failure_that_the_boot_has_told(root, present, run):
    for _ in range(2):
        count_failure(root, "testos", NAME, "no room")
    state = read_condition(root, present, run)
    assert state.failure == Failure("no room", f"testos/{NAME}", 2)
    assert state.notices()[0][0] == (
        f"The staged deployment testos/{NAME} did not become active, 2 times in a row: no room"
    )


@pytest.mark.parametrize(("name", "told"), [(f"{'a' * 64}.0", False), (NAME, True)])
def test_an_interruption_of_what_is_in_the_list_is_none(root, present, run, name, told):
    expect_interruption(root, "testos", name, WAITING)
    assert (read_condition(root, present, run).failure is not None) is told


def test_a_fallback_is_the_running_systems(root, present, run, fake):
    place = fake.path.parent / "run/bootchain"
    place.mkdir()
    (place / "fallback").write_bytes(Fallback("/ostree/boot.1/x", "/ostree/deploy/y", "z").encode())
    assert read_condition(root, present, run).fallback is None
    state = read_condition(root, replace(present, booted=True), run)
    assert state.notices() == (
        ("Another deployment was booted than the one asked for: /ostree/deploy/y instead of "
         "/ostree/boot.1/x: z",
         "see what bootentries verify names; then write the list again, or deploy again"),
    )  # fmt: skip


def test_work_that_was_left(root, present, run, fake):
    write_pending(root, Pending("deploy", (("10-a", None), ("20-b", "exit status 3"))))
    (fake.path / "boot/ostree-bootloader-update.stamp").touch()
    assert read_condition(root, present, run).notices() == (
        ("The bootloader's program has still to run for this list",
         "bootentries loader run-pending"),
        ("Hooks have still to run after deploy: 10-a, 20-b (exit status 3)",
         "bootentries hooks run-pending"),
    )  # fmt: skip


def test_what_cannot_be_read_is_told(root, present, run, fake):
    (fake.path / "boot" / RECORD).mkdir()
    assert read_condition(root, present, run).failure == Failure(
        f"read attempts: boot/{RECORD}: Is a directory"
    )
