"""A deployment that fails at every shutdown is not staged for ever."""

import os
from dataclasses import replace

import pytest
from bootedchroot import deployment, run_booted
from richtrees import rich
from sidebyside import OURS, pair
from trees import PLAIN

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
RECORD = "boot/ostree/finalize-attempts.stamp"
SHOW = f"sh: head -n 2 /{RECORD}"
COMPLETE = "sh: env INVOCATION_ID=1 python3 -P -m bootentries boot-complete"
THEIR_COMPLETE = "sh: env INVOCATION_ID=1 ostree admin boot-complete"
REFUSED = "its finalisation failed 3 times in a row: "


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    """One is running; `two` brings a directory that a local file will be in the way of."""
    with pair(request.param, tmp_path) as found:
        found.commit(rich(tmp_path / "trees"), "one", "1.0")
        found.by_theirs("deploy", "--os=testos", "one")
        new = rich(tmp_path / "new", replace(PLAIN, name="new"))
        (new / "usr/etc/folder").mkdir()
        found.commit(new, "two", "2.0")
        yield found


def statuses(done):
    return [line.removeprefix("status ") for line in done.output if line.startswith("status")]


def change(both, what: str) -> tuple[str, ...]:
    """Steps that put the file into /etc, or take it away."""
    place = deployment(both.view(OURS), 0).resolve().relative_to(both.view(OURS).resolve())
    return (
        "sh: mount -o remount,bind,rw /sysroot", f"sh: {what} /sysroot/{place}/etc/folder",
        "sh: mount -o remount,bind,ro /sysroot",
    )  # fmt: skip


def failing(both, complete: str) -> tuple[str, ...]:
    """One round: staged, changed, failed at shutdown, told after boot, and put right."""
    put, gone = change(both, "touch"), change(both, "rm")
    return ("deploy --stage two", *put, "finalize-staged", complete, *gone)


@pytest.mark.parametrize("complete", [COMPLETE, THEIR_COMPLETE])
def test_the_third_failure_ends_it(both, complete):
    steps = (
        *(failing(both, complete) * 3), SHOW,
        "deploy --stage two", "upgrade --stage", "switch --stage two",
        "deploy --stage two --dry-run",
        "deploy --stage one", "undeploy 0",
        "deploy --stage two --retry-failed", "finalize-staged", f"sh: ls /{RECORD}",
    )  # fmt: skip
    done = run_booted(both, OURS, *steps)
    found = statuses(done)
    assert found[:27] == ["0", "0", "0", "0", "1", "1", "0", "0", "0"] * 3, done.errors
    at = done.output.index("count=3")
    assert done.output[at - 1].startswith("target=testos/")
    # Refused: two, by whatever verb; the present commit may be staged.
    assert found[27:] == ["0", "1", "0", "1", "1", "0", "0", "0", "0", "2"], done.errors
    lines = [line for line in done.errors.splitlines() if REFUSED in line]
    assert len(lines) == 3
    assert lines[0].startswith("bootentries: stage: ")
    assert "merge /etc: etc/folder: Modified config file newly defaults to directory" in lines[0]
    assert "hint: mend what the reason names, then stage it with --retry-failed" in done.errors
    assert RECORD not in done.sysroot


def test_an_interruption_counts(both):
    """Killed, or the power cut: nobody but the next boot can tell."""
    kill = b"python3 -P -m bootentries finalize-staged & kill -STOP $!; kill -KILL $!; wait\n"
    lost = "sh: rm /run/ostree/staged-deployment"
    one = ("deploy --stage two", "sh: bash /run/kill", lost, COMPLETE)
    done = run_booted(both, OURS, *(one * 3), SHOW, "deploy --stage two", files={"kill": kill})
    assert "count=3" in done.output, done.errors
    assert f"{REFUSED}finalize staged deployment: testos/" in done.errors
    assert "interrupted: " in done.errors
    assert statuses(done)[-2:] == ["0", "1"]


def test_a_deploy_that_is_not_staged_ends_the_row(both):
    steps = (*(failing(both, COMPLETE) * 3), "deploy two", f"sh: ls /{RECORD}")
    done = run_booted(both, OURS, *steps)
    assert statuses(done)[-2:] == ["0", "2"], done.errors
    assert RECORD not in done.sysroot


def test_an_ordinary_shutdown_does_not_end_the_row(both):
    done = run_booted(both, OURS, *failing(both, COMPLETE), "finalize-staged", SHOW)
    assert "count=1" in done.output, done.errors


def test_another_commit_begins_anew(both, tmp_path):
    other = rich(tmp_path / "other", replace(PLAIN, name="other"))
    (other / "usr/etc/folder").mkdir()
    both.commit(other, "three", "3.0")
    rounds = failing(both, COMPLETE)
    third = tuple(step.replace("stage two", "stage three") for step in rounds)
    done = run_booted(both, OURS, *rounds, *rounds, *third, SHOW)
    assert "count=1" in done.output, done.errors
