"""`status` in a chroot that looks booted: staged, labelled, failed, and with hooks to run."""

import json
import os
from dataclasses import replace

import pytest
from bootedchroot import deployment, run_booted
from richtrees import rich
from sidebyside import OURS, THEIRS, pair
from statusschema import faults
from trees import KVER, PLAIN

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
USR = "/usr/lib/bootentries/hooks.d"


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    """Two deployments, the first one running and the second pinned."""
    with pair(request.param, tmp_path) as found:
        found.commit(rich(tmp_path / "trees"), "one", "1.0")
        new = rich(tmp_path / "new", replace(PLAIN, name="new"))
        (new / "usr/etc/folder").mkdir()
        found.commit(new, "two", "2.0")
        found.by_theirs("deploy", "--os=testos", "--karg=root=x", "--karg-append=old", "one")
        found.by_theirs("deploy", "--os=testos", "--retain", "--karg-delete=old", "one")
        found.by_theirs("pin", "1")
        yield found


def reports(done) -> list[dict[str, object]]:
    """Every report among the lines of a run; each has to be what the schema promises."""
    found = []
    text: list[str] = []
    for line in done.output:
        if line == "{" or text:
            text.append(line)
        if line == "}":
            found.append(json.loads("\n".join(text)))
            text = []
    assert not text, done.errors
    for report in found:
        assert faults(report) == []
    return found


def test_a_staged_one_and_labels(both):
    steps = (
        "label 1 old", "deploy --stage --karg-append=new two", "lock-finalization", "status --json",
        "theirs: status", "status",
    )  # fmt: skip
    done = run_booted(both, OURS, *steps)
    (report,) = reports(done)
    staged, running, old = report["deployments"]
    told = ("label", "kernel", "options-added", "options-removed", "pinned", "staged", "booted")
    assert [staged[key] for key in told] == [None, KVER, ["new"], [], False, True, False]
    assert [running[key] for key in told] == [None, KVER, [], [], False, False, True]
    assert [old[key] for key in told] == ["old", KVER, ["old"], [], True, False, False]
    assert staged["finalization-locked"] is True
    assert (staged["entry"], staged["title"], staged["bootserial"]) == (None, None, None)
    assert [report[key] for key in ("failure", "fallback", "pending-hooks", "pending-loader")] == [
        None
    ] * 4
    # The lines for scripts are libostree's.
    end = done.output.index("}") + 2
    theirs = done.output[end : done.output.index("status 0", end)]
    ours = done.output[end + len(theirs) + 1 : -1]
    assert ours == theirs
    assert "remedy: " not in done.errors


def test_a_failure_is_shown_until_it_is_settled(both):
    """Also after the boot that told of it, whose own record is gone then."""
    place = deployment(both.view(OURS), 0).resolve().relative_to(both.view(OURS).resolve())
    complete = "sh: env INVOCATION_ID=1 ostree admin boot-complete"
    steps = (
        "deploy --stage two", "sh: mount -o remount,bind,rw /sysroot",
        f"sh: touch /sysroot/{place}/etc/folder", "finalize-staged", "status --json",
        complete, "status --json", "status", f"sh: rm /sysroot/{place}/etc/folder",
        "sh: mount -o remount,bind,ro /sysroot",
        "deploy --stage two", "status --json", "finalize-staged", "status --json",
    )  # fmt: skip
    done = run_booted(both, OURS, *steps)
    before, told, again, settled = reports(done)
    for report in (before, told, again):
        failure = report["failure"]
        assert failure["reason"].startswith("merge /etc: etc/folder: Modified config file newly")
        assert failure["count"] == 1
        assert failure["target"].startswith("testos/")
        assert failure["remedy"] == "mend what the reason names, and stage it again"
    assert settled["failure"] is None
    assert settled["deployments"][0]["version"] == "2.0"
    assert "bootentries: The staged deployment testos/" in done.errors
    assert "; remedy: mend what the reason names, and stage it again\n" in done.errors


def test_hooks_and_a_fallback(both):
    fallback = b"requested=/ostree/boot.1/testos/x/0\nbooted=/ostree/deploy/y\nreason=gone\n"
    files = {"bad": b"#!/bin/sh\nexit 3\n", "bootchain/fallback": fallback}
    steps = (
        f"sh: mkdir -p {USR}", f"sh: install -m 755 /run/bad {USR}/10-bad", "label 0 x",
        "status --json",
    )  # fmt: skip
    done = run_booted(both, OURS, *steps, files=files)
    (report,) = reports(done)
    assert report["pending-hooks"]["reason"] == "label"
    assert report["pending-hooks"]["hooks"] == [{"name": "10-bad", "failure": "exit status 3"}]
    assert report["fallback"]["booted"] == "/ostree/deploy/y"
    assert report["fallback"]["reason"] == "gone"


def test_ours_has_all_that_2026_4_has(both):
    """Where libostree knows --json, every key of its is among ours, with the same value."""
    if both.suite != "sid":
        pytest.skip("2025.2 has no --json")
    done = run_booted(both, THEIRS, "status --json", "ours: status --json")
    text = "\n".join(line for line in done.output if not line.startswith("status "))
    decoder = json.JSONDecoder()
    theirs, end = decoder.raw_decode(text)
    ours, _ = decoder.raw_decode(text[end:].lstrip())
    assert faults(ours) == []
    for old, new in zip(theirs["deployments"], ours["deployments"], strict=True):
        assert {key: new.get(key) for key in old} == old
