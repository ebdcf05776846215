"""A `deploy` that is killed, at many moments: the old list or the new one, and never neither."""

import os
import signal
import subprocess
import time

import pytest
from richtrees import rich
from sidebyside import OURS, Pair, pair

from bootentries.root import open_root
from bootentries.sysroot import load
from bootentries.txn.remove import list_deployments

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
MOMENTS = 16


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    root = rich(tmp_path / "trees")
    for number in range(400):
        (root / f"usr/etc/sub/{number}").write_text("some more to copy\n")
    with pair(request.param, tmp_path) as found:
        found.commit(root, "one", "1.0")
        (root / "usr/lib/modules/6.1.0-test/vmlinuz").write_text("another kernel\n")
        found.commit(root, "two", "2.0")
        assert found.ours("deploy", "--os=testos", "--karg=root=UUID=abc", "one").returncode == 0
        yield found


def listed(both: Pair) -> tuple[str, ...]:
    """The names of the deployments in the active list."""
    with open_root(str(both.view(OURS))) as root:
        return tuple(item.name for item in load(root).deployments)


def on_disk(both: Pair) -> set[str]:
    with open_root(str(both.view(OURS))) as root:
        return {name for _, name in list_deployments(root)}


def deploy_and_kill(both: Pair, branch: str, after_s: float) -> bool:
    """Start a deploy and kill it with all that it started; returns whether it was done."""
    argv = both.our_command("deploy", "--os=testos", branch)
    child = subprocess.Popen(
        ["nsenter", f"--mount=/proc/{both.box.pid}/ns/mnt", "--", "setsid", *argv],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    time.sleep(after_s)
    done = child.poll() is not None
    if not done:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    return done


def test_the_old_list_or_the_new_one(both):
    for _ in range(2):  # The first one compiles our modules.
        began = time.monotonic()
        assert both.ours("deploy", "--os=testos", "two").returncode == 0
        whole = time.monotonic() - began
    interrupted = set()
    for moment in range(MOMENTS):
        before = listed(both)
        branch = ("one", "two")[moment % 2]
        done = deploy_and_kill(both, branch, whole * (0.3 + 0.8 * moment / MOMENTS))
        after = listed(both)
        # The two that there were, or the new one and what it continues.
        assert after == before or after[1:] == before[:1], moment
        assert set(after) <= on_disk(both), moment
        if not done:
            interrupted.add(len(on_disk(both) - set(after)))
        verdict = both.ours("verify")
        assert verdict.returncode == 0, f"{moment}: {verdict.stdout}"
        assert (
            both.ostree("admin", "status", f"--sysroot={both.sysroot(OURS)}").count("testos") == 2
        )
    assert 1 in interrupted, "not one was killed while it made a deployment"
    # What was left is gone with the next one.
    assert both.ours("deploy", "--os=testos", "one").returncode == 0
    assert on_disk(both) == set(listed(both))
    assert "no errors found" in both.ostree("fsck", f"--repo={both.sysroot(OURS)}/ostree/repo")
    names = [path.name for path in both.view(OURS).glob("ostree/deploy/testos/*/*")]
    kept = {name.removesuffix(".origin") for name in names if len(name) > 64}
    assert kept == set(listed(both))
