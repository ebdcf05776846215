"""Hooks after real writes, in a chroot that looks booted."""

import os
import time
from dataclasses import replace

import pytest
from bootedchroot import Outcome, run_booted
from richtrees import rich
from sidebyside import OURS, THEIRS, Pair, facts, pair
from trees import PLAIN

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
OTHER = replace(PLAIN, name="other", modules={"vmlinuz": "kernel 2", "initramfs.img": "i 2"})
STAMP = "boot/ostree/bootentries-hooks.stamp"
LOG = "/run/hooks.log"
# Each says who it is, why it runs, and what it is told; /boot is writable for it.
HOOK = f"""#!/bin/sh
echo "$BOOTENTRIES_HOOK $BOOTENTRIES_REASON $BOOTENTRIES_SYSROOT $BOOTENTRIES_BOOT" >> {LOG}
echo "$BOOTENTRIES_BOOTVERSION $BOOTENTRIES_BOOTED $BOOTENTRIES_DEFAULT" >> {LOG}.more
readlink /boot/loader >> {LOG}.more
echo "at work"
touch /boot/hook-was-here
"""
FAILING = (
    "#!/bin/sh\n[ -e /run/mended ] || { echo no paper >&2; exit 3; }\necho $0 >> /run/hooks.log\n"
)
HANGING = "#!/bin/sh\ntrap '' TERM\nsleep 600 & echo $! > /run/sleeper; wait; sleep 600\n"
USR, ETC = "/usr/lib/bootentries/hooks.d", "/etc/bootentries/hooks.d"


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    """Two deployments of two commits."""
    with pair(request.param, tmp_path) as found:
        found.commit(rich(tmp_path / "trees"), "one", "1.0")
        found.commit(rich(tmp_path / "trees", OTHER), "two", "2.0")
        for branch in ("one", "two"):
            found.by_theirs("deploy", "--os=testos", "--retain", branch)
        yield found


def run_with(both: Pair, hooks: dict[str, str], *steps: str, who: str = OURS) -> Outcome:
    """Run steps in a system that has these hooks, path → text."""
    files = {f"hook-{number}": text.encode() for number, text in enumerate(hooks.values())}
    setup = [f"sh: mkdir -p {USR} {ETC}"]
    for number, path in enumerate(hooks):
        setup.append(f"sh: install -m 755 /run/hook-{number} {path}")
    done = run_booted(both, who, *setup, *steps, files=files)
    assert done.output[: len(setup)] == ["status 0"] * len(setup), done.errors
    return replace(done, output=done.output[len(setup) :])


def test_every_committed_write_is_followed(both):
    steps = (
        "set-default 1", "deploy one --karg=x", "instutil set-kargs --merge y", "rollback",
        "label 0 mine", "kargs edit-in-place --append-if-missing=z", "undeploy 1",
        f"sh: cat {LOG}",
    )  # fmt: skip
    done = run_with(both, {f"{USR}/50-a": HOOK, f"{ETC}/10-b": HOOK}, *steps)
    told = [line for line in done.output if " / /boot" in line]
    reasons = (
        "set-default",
        "deploy",
        "set-kargs",
        "rollback",
        "label",
        "edit-in-place",
        "undeploy",
    )
    assert told == [
        f"{name} {reason} / /boot" for reason in reasons for name in ("10-b", "50-a")
    ], done.errors
    assert done.errors.count("bootentries: 10-b: at work\n") == len(reasons)
    assert "left for later" not in done.errors
    assert "boot/hook-was-here" in done.sysroot
    assert STAMP not in done.sysroot


def test_what_writes_nothing_is_not_followed(both):
    steps = (
        "set-default 0", "cleanup", "pin 0", "status", "set-default 1 --dry-run", "undeploy 7",
        "deploy --stage one", "kargs edit-in-place --append-if-missing=", f"sh: ls {LOG}",
    )  # fmt: skip
    done = run_with(both, {f"{USR}/50-a": HOOK}, *steps)
    assert done.output[-1] == "status 2", done.output
    assert f"cannot access '{LOG}'" in done.errors
    assert f"run hook {USR}/50-a (for 60 s at most)" in done.output
    assert f"write {STAMP}" in done.output
    assert STAMP not in done.sysroot


def test_without_hooks_the_bytes_are_libostrees(both):
    theirs = run_booted(both, THEIRS, "set-default 1")
    ours = run_with(both, {}, "set-default 1")
    assert ours.output == theirs.output
    both.compare()


def test_what_it_is_told(both):
    done = run_with(both, {f"{USR}/50-a": HOOK}, "set-default 1", f"sh: cat {LOG}.more")
    line, loader = done.output[-3:-1]
    version, booted, default = line.split()
    assert loader == f"loader.{version}"
    entries = (both.view(OURS) / "boot/loader/entries").iterdir()
    assert len(list(entries)) == 2
    assert booted != default
    assert done.output[0].startswith(
        f"Bootloader updated; bootconfig swap: yes; bootversion: boot.{version}"
    )


def test_a_failure_cannot_fail_the_write_and_is_tried_again(both):
    pending = "hooks run-pending"
    steps = (
        "set-default 1", f"sh: cat /{STAMP}", "hooks", pending, "sh: touch /run/mended", pending,
        pending, f"sh: cat {LOG}",
    )  # fmt: skip
    done = run_with(both, {f"{USR}/10-bad": FAILING, f"{USR}/20-good": HOOK}, *steps)
    statuses = [line for line in done.output if line.startswith("status")]
    assert statuses == ["status 0"] * 3 + ["status 1"] + ["status 0"] * 4
    assert done.output[0].startswith("Bootloader updated; bootconfig swap: yes")
    stamp = ["reason=set-default", "failed=10-bad: exit status 3", "status 0"]
    assert done.output[2:5] == stamp
    assert f"{USR}/10-bad, has to run again: exit status 3" in done.output
    assert f"{USR}/20-good" in done.output
    assert (
        "bootentries: 10-bad: no paper\n"
        f"bootentries: run hook {USR}/10-bad (for 60 s at most): left for later: "
        f"run hook: {USR}/10-bad: exit status 3\n" in done.errors
    )
    assert "bootentries: run hooks: 10-bad: not all of them succeeded\n" in done.errors
    assert "hooks run: 1" in done.output
    assert "nothing is pending" in done.output
    # The good one ran once only.
    assert done.output[-3:-1] == ["20-good set-default / /boot", f"{USR}/10-bad"]
    assert STAMP not in done.sysroot


def test_a_hang_is_killed(both):
    """It pays no heed to SIGTERM, and neither does what it started live on."""
    began = time.monotonic()
    alive = "#!/bin/sh\n[ -e /proc/$(cat /run/sleeper)/exe ]\n"
    steps = ("hooks run --timeout=3", "sh: /run/alive", "sh: cat /run/sleeper")
    done = run_with(both, {f"{USR}/10-hang": HANGING, "/run/alive": alive}, *steps)
    assert [line for line in done.output if line.startswith("status")] == [
        "status 1", "status 1", "status 0",
    ]  # fmt: skip
    assert f"run hook: {USR}/10-hang: not done after 3 s, killed" in done.errors
    assert time.monotonic() - began < 60


def test_at_shutdown_only_those_for_it_run(both):
    """The others run after the next boot, and are told the same reason."""
    steps = (
        "deploy --stage one", "finalize-staged", f"sh: cat {LOG}", f"sh: cat /{STAMP}",
        "hooks run-pending", f"sh: tail -n 1 {LOG}",
    )  # fmt: skip
    done = run_with(both, {f"{USR}/10-late": HOOK, f"{USR}/20-now.shutdown": HOOK}, *steps)
    statuses = [line for line in done.output if line.startswith("status")]
    assert statuses == ["status 0"] * 6, done.errors
    assert done.output[2:] == [
        done.output[2], "status 0", "20-now.shutdown finalize-staged / /boot", "status 0",
        "reason=finalize-staged", "waits=10-late", "status 0", "hooks run: 1", "status 0",
        "10-late finalize-staged / /boot", "status 0",
    ]  # fmt: skip
    assert STAMP not in done.sysroot


def test_one_that_is_masked_or_gone(both):
    hooks = {f"{USR}/10-a": HOOK, f"{USR}/20-b": FAILING}
    steps = (
        f"sh: ln -s /dev/null {ETC}/10-a", "set-default 1", f"sh: rm {USR}/20-b",
        "hooks run-pending", f"sh: ls {LOG}", "hooks",
    )  # fmt: skip
    done = run_with(both, hooks, *steps)
    assert "20-b was pending, and there is no such hook any more" in done.errors
    assert f"cannot access '{LOG}'" in done.errors
    assert f"({ETC}/10-a: masked)" in done.output
    assert STAMP not in done.sysroot


def test_hooks_are_the_running_systems(both):
    """One that lies in a sysroot given by --sysroot is no hook; ours are told which it is."""
    other = "/sysroot/tmp-sysroot"
    steps = (
        "sh: mount -o remount,bind,rw /sysroot",
        f"sh: mkdir -p {other}{ETC} {other}{USR}",
        f"sh: install -m 755 /run/hook-1 {other}{ETC}/99-evil",
        f"sh: ostree admin init-fs --modern {other}",
        f"sh: ostree admin os-init --sysroot={other} testos",
        f"sh: ostree pull-local --repo={other}/ostree/repo /ostree/repo one",
        f"--sysroot={other} deploy --os=testos one",
        "sh: mount -o remount,bind,ro /sysroot",
        f"sh: cat {LOG}",
    )  # fmt: skip
    hooks = {f"{USR}/10-a": HOOK, "/run/evil": "#!/bin/sh\necho evil >> /run/hooks.log\n"}
    done = run_with(both, hooks, *steps)
    assert done.output[-2:] == [f"10-a deploy {other} {other}/boot", "status 0"], done.errors
    assert not any(name.endswith("hooks.stamp") for name in done.sysroot)


def test_a_power_cut_between_swap_and_hook_leaves_the_stamp(both):
    """The stamp is there before the swap: killed in the hook, the next boot knows."""
    kill = "#!/bin/sh\nkill -KILL $PPID\n"
    steps = ("set-default 1", f"sh: cat /{STAMP}", "theirs: status")
    done = run_with(both, {f"{USR}/10-kill": kill}, *steps)
    assert done.output[:4] == ["status 137", "reason=set-default", "waits=10-kill", "status 0"]
    assert facts(both.view(OURS))[STAMP][-1] == b"reason=set-default\nwaits=10-kill\n"
    assert any("(pending)" in line for line in done.output)
