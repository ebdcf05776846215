"""Staging and finalisation beside `ostree admin`, in a chroot that looks booted."""

import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from bootedchroot import deployment, run_booted
from richtrees import rich
from sidebyside import OURS, THEIRS, facts, pair
from trees import PLAIN

from prepare_root.formats.booted import BootedMetadata
from prepare_root.image.cpio import TRAILER, Member

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
OTHER = replace(PLAIN, name="other", modules={"vmlinuz": "kernel 2", "initramfs.img": "i 2"})
EDIT = "echo edited >> etc/secret; rm etc/empty; echo new > etc/new"
KEEP = "sh: cp /run/ostree/staged-deployment /run/variant-{}"


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    """Three deployments of two commits in one stateroot; the middle one will be booted."""
    with pair(request.param, tmp_path, "testos", "other") as found:
        found.commit(rich(tmp_path / "trees"), "one", "1.0")
        found.commit(rich(tmp_path / "trees", OTHER), "kernel", "2.0")
        for args in (("--karg=root=UUID=abc", "kernel"), ("--karg=quiet", "one"), ("one",)):
            found.by_theirs("deploy", "--os=testos", "--retain", *args)
        new = rich(tmp_path / "new", replace(OTHER, name="new"))
        (new / "usr/etc/folder").mkdir()
        found.commit(new, "one", "3.0")
        found.edit(EDIT)
        if request.param == "sid":
            # 2025.2 does not know that these stay.
            for who in (THEIRS, OURS):
                with (found.view(who) / "boot/loader/entries/ostree-2.conf").open("a") as file:
                    file.write("x-mine stays\n")
        yield found


def run_file(both, who, name):
    """A file in /run of the booted chroot."""
    base = both.box.sysroot.parent / f"booted-{who}/root/run"
    return Path(f"/proc/{both.box.pid}/root{base}/{name}")


SEQUENCES = {
    "arguments": (
        "deploy --stage --karg=b=1 --karg-append=c kernel", "status", "finalize-staged", "status",
        "deploy --stage --no-merge one", "status", "finalize-staged", "finalize-staged",
    ),
    "locked": (
        "deploy --stage kernel", "deploy --lock-finalization one", "status",
        "finalize-staged", "lock-finalization", "lock-finalization --unlock", "status",
        "upgrade --stage", "lock-finalization", "status", "lock-finalization -u",
        "lock-finalization -u", "finalize-staged", "status", "lock-finalization",
    ),
    "elsewhere": (
        "deploy --stage --os=other --karg=root=x kernel", "status", "finalize-staged", "status",
        "deploy --stage --overlay-initrd=/usr/bin/env one", "finalize-staged", "status",
        "deploy --stage kernel", "deploy --not-as-default --karg=z one", "status",
    ),
}  # fmt: skip
WHO = ((OURS, OURS), (THEIRS, OURS), (OURS, THEIRS))


@pytest.mark.parametrize("who", WHO, ids="-".join)
@pytest.mark.parametrize("name", SEQUENCES)
def test_each_goes_on_where_the_other_stopped(both, name, who):
    stager, finaliser = who

    def steps(stager: str, finaliser: str) -> list[str]:
        result = []
        for number, verb in enumerate(SEQUENCES[name]):
            program = {"status": THEIRS, "finalize-staged": finaliser}.get(verb, stager)
            result.append(f"{program}: {verb}")
            if "--stage" in verb:
                result.append(KEEP.format(number))
        return result

    theirs = run_booted(both, THEIRS, *steps(THEIRS, THEIRS), index=1)
    ours = run_booted(both, OURS, *steps(stager, finaliser), index=1)
    assert ours.output == theirs.output, ours.errors
    assert any(line.startswith("Copying /etc changes: 1 mod") for line in ours.output)
    assert ours.run == theirs.run
    for number, verb in enumerate(SEQUENCES[name]):
        if "--stage" in verb:
            variants = [run_file(both, who, f"variant-{number}") for who in (THEIRS, OURS)]
            assert variants[1].read_bytes() == variants[0].read_bytes(), verb
    both.compare()


def test_every_staging_makes_sure_of_the_service(both):
    steps = ("deploy --stage kernel", "upgrade --stage", "deploy --stage --lock-finalization one")
    assert run_booted(both, OURS, *steps, index=1).output == ["status 0"] * 3
    start = "start --quiet ostree-finalize-staged.service"
    active = "is-active --quiet ostree-finalize-staged.service"
    assert run_file(both, OURS, "systemctl").read_text().splitlines() == [start, active] * 3


def test_what_can_not_be_finalised_is_not_staged(both):
    before = facts(both.view(OURS))
    steps = ("deploy --stage kernel", "deploy --stage --not-as-default one")
    ours = run_booted(both, OURS, *steps, index=1, files={"broken": b""})
    assert ours.output == ["status 1", "status 1"]
    assert "stage: ostree-finalize-staged.service: systemctl failed (1)" in ours.errors
    assert "hint: bootentries install-units installs it" in ours.errors
    assert "--stage excludes --retain-pending, --retain-rollback and --not-as" in ours.errors
    assert ours.run == []
    assert ours.sysroot == before


def test_a_dry_run_only_says_so(both):
    before = facts(both.view(OURS))
    steps = ("deploy --stage --lock-finalization kernel --dry-run", "finalize-staged --dry-run")
    ours = run_booted(both, OURS, *steps, index=1)
    assert ours.output[0] == "start ostree-finalize-staged.service", ours.errors
    assert "stage the new deployment, locked" in ours.output
    assert any(line.startswith("at shutdown: merge local changes") for line in ours.output)
    assert ours.output[-2:] == ["nothing to do", "status 0"]
    assert ours.run == []
    assert ours.sysroot == before


FRESH = replace(PLAIN, name="fresh", modules={"vmlinuz": "kernel 3", "initramfs.img": "i 3"})
LIST = "sh: ls /boot/ostree /boot/ostree/initramfs-overlays"


def payloads(lines: list[str]) -> list[int]:
    """For each LIST, how many kernels and overlay initrds were there."""
    found = []
    for line in lines:
        if line == "/boot/ostree:":
            found.append(0)
        elif line.startswith("testos-") or line.endswith(".img"):
            found[-1] += 1
    return found


def test_kernels_are_brought_at_staging(both, tmp_path):
    """What is removed meanwhile is brought again; what is dropped goes."""
    both.commit(rich(tmp_path / "fresh", FRESH), "fresh", "4.0")
    checksum = hashlib.sha256(b"kernel 3i 3").hexdigest()
    steps = (
        "deploy --stage --overlay-initrd=/usr/bin/env fresh", LIST, "verify",
        "cleanup", LIST, "theirs: cleanup", LIST, "verify",
        "deploy --stage --overlay-initrd=/usr/bin/env fresh", "undeploy 0", LIST, "verify",
        "deploy --stage --overlay-initrd=/usr/bin/env fresh", "theirs: cleanup",
        f"sh: rm -r /boot/ostree/testos-{checksum}", "finalize-staged", LIST, "verify",
    )  # fmt: skip
    ours = run_booted(both, OURS, *steps, index=1)
    assert [line for line in ours.output if line.startswith("status")] == ["status 0"] * len(steps)
    # libostree's keeps the kernels of what is staged, and removes the overlay initrd.
    assert payloads(ours.output) == [4, 4, 3, 2, 3], ours.output
    assert not [line for line in ours.output if "leftover" in line], ours.output
    assert "staged-deployment" not in ours.run
    assert "written again" not in ours.errors


def test_a_kernel_that_changed_after_staging_is_written_again(both, tmp_path):
    checksum = hashlib.sha256(b"kernel 3i 3").hexdigest()
    both.commit(rich(tmp_path / "fresh", FRESH), "fresh", "4.0")
    place = f"/boot/ostree/testos-{checksum}"
    kernel = f"{place}/vmlinuz-6.1.0-test"
    steps = (
        "deploy --stage fresh", f"sh: rm {kernel} {place}/initramfs-6.1.0-test.img",
        f"sh: cp /run/other {kernel}", "finalize-staged", f"sh: grep -c 3 {kernel}", "verify",
    )  # fmt: skip
    ours = run_booted(both, OURS, *steps, index=1, files={"other": b"kernel!!"})
    assert f"{kernel[1:]}: its content was not the deployment's, written again" in ours.errors
    assert [line for line in ours.output if line.startswith("status")] == ["status 0"] * len(steps)
    assert "1" in ours.output


def image(config: bytes) -> str:
    """An initramfs with nothing but a configuration."""
    file = Member("usr/lib/ostree/prepare-root.conf", stat.S_IFREG | 0o644, data=config)
    return (file.encode() + Member(TRAILER, 0).encode()).decode()


def test_an_initramfs_that_cannot_prepare_the_root_is_refused(both, tmp_path):
    files = {"vmlinuz": "k", "initramfs.img": image(b"[root]\ntransient = true\n")}
    bad = replace(PLAIN, name="bad", modules=files)
    both.commit(rich(tmp_path / "bad", bad), "bad", "5.0")
    good = replace(bad, name="good", modules={**files, "initramfs.img": image(b"")})
    both.commit(rich(tmp_path / "good", good), "good", "6.0")
    ours = run_booted(
        both, OURS, "deploy --stage bad", "deploy bad", "sh: ls /boot/ostree",
        "sh: bash /run/anyway", "verify", "undeploy 0", "deploy --stage good", "verify",
        index=1,
        files={"anyway": b"OSTREE_SYSROOT_OPTS=no-preflight exec python3 -P -m bootentries"
               b" deploy --retain bad"},
    )  # fmt: skip
    assert [line for line in ours.output if line.startswith("status")] == [
        "status 1", "status 1", "status 0", "status 0", "status 1", *("status 0",) * 3,
    ], ours.errors  # fmt: skip
    reason = "it demands a transient root, which takes composefs"
    assert ours.errors.count(f": usr/lib/ostree/prepare-root.conf: {reason}\n") == 2
    assert "OSTREE_SYSROOT_OPTS=no-preflight deploys it all the same" in ours.errors
    # Two kernels before, and none of the refused one.
    assert len([line for line in ours.output if line.startswith("testos-")]) == 2
    assert any("initramfs-config" in line for line in ours.output), ours.output
    assert "was not checked" not in ours.errors


CONFLICT = "Modified config file newly defaults to directory 'folder', cannot merge"
COMPLETE = "sh: env INVOCATION_ID=1 python3 -P -m bootentries boot-complete"
STAMP = "boot/ostree/finalize-failure.stamp"


def test_a_conflict_that_is_there_is_not_staged(both):
    (deployment(both.view(OURS), 1) / "etc/folder").write_text("mine\n")
    before = facts(both.view(OURS))
    ours = run_booted(both, OURS, "deploy --stage one", index=1)
    assert ours.output == ["status 1"]
    assert f"bootentries: merge /etc: etc/folder: {CONFLICT}\nhint: save what" in ours.errors
    assert ours.run == []
    assert {name for name in ours.sysroot if "/backing" not in name} == {
        name for name in before if "/backing" not in name
    }


def conflicting_later(both, who):
    """Return the steps that make a conflict between staging and finalisation."""
    place = deployment(both.view(who), 1).resolve().relative_to(both.view(who).resolve())
    return (
        "deploy --stage one",
        "sh: mount -o remount,bind,rw /sysroot",
        f"sh: touch /sysroot/{place}/etc/folder",
        "sh: mount -o remount,bind,ro /sysroot",
        "finalize-staged",
    )


@pytest.mark.parametrize("teller", [OURS, THEIRS])
def test_a_failure_at_shutdown_is_told_at_the_next_boot(both, teller):
    complete = COMPLETE
    if teller == THEIRS:
        complete = "sh: env INVOCATION_ID=1 ostree admin boot-complete"
    steps = (
        *conflicting_later(both, OURS),
        f"sh: grep . /{STAMP}",
        "boot-complete --dry-run",
        complete,
        complete,
        "boot-complete",
        "boot-complete --dry-run",
    )
    ours = run_booted(both, OURS, *steps, index=1)
    assert [line for line in ours.output if line.startswith("status")] == [
        *("status 0",) * 4, "status 1", *("status 0",) * 2, "status 1", "status 0", "status 1",
        "status 0",
    ]  # fmt: skip
    text = f"merge /etc: etc/folder: {CONFLICT}"
    assert any(line.startswith(f"{text}; save what is there") for line in ours.output)
    assert any(line.startswith(f"tell of this failure: {text}; save") for line in ours.output)
    assert ours.output[-2:] == ["nothing to do", "status 0"]
    assert f"ostree-finalize-staged.service failed on previous boot: {text}" in ours.errors
    assert "$INVOCATION_ID: not set: only the service manager runs this" in ours.errors
    assert ours.run == []
    assert STAMP not in ours.sysroot


def test_the_next_success_forgets_the_failure(both):
    more = ("deploy --stage kernel", "finalize-staged", COMPLETE)
    theirs = run_booted(both, THEIRS, *conflicting_later(both, THEIRS), *more[:2], index=1)
    ours = run_booted(both, OURS, *conflicting_later(both, OURS), *more, index=1)
    # libostree says what it will copy before it finds the conflict.
    assert theirs.output.pop(4).startswith("Copying /etc changes:")
    assert ours.output == [*theirs.output, "status 0"], ours.errors
    both.compare()


KILLER = b"""
import os, signal, sys
from bootentries.cli import main
from bootentries.deploy import finalize
from bootentries.txn import ops

point = sys.argv[1]
place = ops if hasattr(ops, point) else finalize
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
setattr(*((getattr(ops, point), "apply") if place is ops else (finalize, point)), die)
main(["finalize-staged"])
"""
# What is called when the hook dies; with the last two the new list is active.
BEFORE = ("take_staged", "finish_deployment", "WriteFile", "Sync", "CommitSymlink")
AFTER = ("Touch", "Remove")


def test_a_hook_that_is_killed_is_told_of(both):
    """At each point the old list or the new one is active, and the next try works."""
    steps = []
    for number, point in enumerate((*BEFORE, *AFTER)):
        # In turn: one that fails again and again is refused.
        stage = f"deploy --stage {('kernel', 'one')[number % 2]}"
        kill = f"sh: python3 -P /run/killer.py {point}"
        tell = ("verify", COMPLETE)
        # As after a reboot: nothing in /run.
        forget = "sh: rm -f /run/ostree/staged-deployment"
        steps += [stage, kill, forget, *tell, f"sh: test -e /{STAMP}"]
    steps += ["deploy --stage kernel", f"sh: grep -c interrupted /{STAMP}", "verify"]
    steps += ["finalize-staged", f"sh: test -e /{STAMP}", "verify"]
    ours = run_booted(both, OURS, *steps, index=1, files={"killer.py": KILLER})
    found = [line for line in ours.output if line.startswith("status")]
    before = ["status 0", "status 137", "status 0", "status 0", "status 1", "status 1"]
    after = [*before[:4], "status 0", "status 1"]
    last = [*("status 0",) * 4, "status 1", "status 0"]
    assert found == [*before * len(BEFORE), *after * len(AFTER), *last], ours.errors
    assert ours.errors.count(": interrupted: finalisation began, and did not end; stage") == 5
    warned = [line for line in ours.output if "finalize-failed" in line]
    assert len(warned) == len(BEFORE), ours.output
    both.ostree("fsck", f"--repo={both.sysroot(OURS)}/ostree/repo")


def test_a_machine_that_stops_with_something_staged_tells(both):
    steps = ("deploy --stage kernel", "sh: rm /run/ostree/staged-deployment")
    theirs = "sh: env INVOCATION_ID=1 ostree admin boot-complete"
    ours = run_booted(both, OURS, *steps, COMPLETE, *steps, theirs, index=1)
    assert ours.output == ["status 0", "status 0", "status 1"] * 2
    text = ": interrupted: the machine stopped before its shutdown came to it; stage it again"
    assert ours.errors.count(text) == 2, ours.errors


HOLD = b"""
python3 -P -m bootentries finalize-staged --hold & pid=$!
for _ in {1..200}; do ls -l /proc/$pid/fd | grep -q ' /boot$' && break; sleep 0.05; done
LC_ALL=C umount /boot 2>&1
kill $pid; wait $pid; echo ended $?
umount /boot && echo free
"""


def test_boot_is_held_until_the_end(both):
    """An automount must not close it before finalisation needs it."""
    ours = run_booted(both, OURS, "sh: bash /run/hold", index=1, files={"hold": HOLD})
    assert ours.output == ["umount: /boot: target is busy.", "ended 0", "free", "status 0"]


LOCK = b"""
exec 9<>/sysroot/ostree/lock || exit 9
python3 -c 'import fcntl, os, struct
fcntl.fcntl(9, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))'
python3 -P -m bootentries finalize-staged --lock-timeout=0.2
"""


def test_a_writer_that_hangs_is_named_at_the_next_boot(both):
    steps = (
        "deploy --stage kernel", "sh: mount -o remount,bind,rw /sysroot", "sh: bash /run/lock",
        "sh: mount -o remount,bind,ro /sysroot", COMPLETE, "finalize-staged",
    )  # fmt: skip
    ours = run_booted(both, OURS, *steps, index=1, files={"lock": LOCK})
    found = [line for line in ours.output if line.startswith("status")]
    assert found == ["status 0", "status 0", "status 1", "status 0", "status 1", "status 0"]
    reason = "lock sysroot: ostree/lock: held by another process for 0.2 s"
    assert f"failed on previous boot: {reason}; wait for the other" in ours.errors
    # It is still staged: the next shutdown tries again.
    assert ours.output[-2].startswith("Bootloader updated; bootconfig swap: yes")


def test_what_was_prepared_for_a_soft_reboot_is_undone(both):
    files = {"ostree/nextroot-booted": BootedMetadata(device=1, inode=2).encode()}
    steps = (
        "sh: mkdir /run/nextroot", "sh: mount -t tmpfs next /run/nextroot",
        "sh: mountpoint /run/nextroot", "deploy --stage kernel", "sh: mountpoint /run/nextroot",
    )  # fmt: skip
    ours = run_booted(both, OURS, *steps, index=1, files=files)
    assert [line for line in ours.output if line.startswith("status")] == [
        *("status 0",) * 4, "status 32",
    ], ours.errors  # fmt: skip
    assert ours.run == ["staged-deployment"]


def test_a_soft_reboot_is_completed(both):
    files = {"ostree/nextroot-booted": BootedMetadata(device=1, inode=2).encode()}
    ours = run_booted(both, OURS, COMPLETE, COMPLETE, index=1, files=files)
    assert ours.output == ["status 0"] * 2
    assert ours.run == []
    assert run_file(both, OURS, "ostree-booted").read_bytes() == files["ostree/nextroot-booted"]


def test_a_small_boot(tmp_path):
    """What has no room is not staged, and the words say what to delete."""
    with pair("trixie", tmp_path) as both:
        inside = both.box.root / "tmp/sysroot/ours/boot"
        outside = both.box.sysroot / "ours/boot"
        both.box.run(["mount", "-t", "tmpfs", "-o", "size=5m,mode=0755", "boot", str(outside)])
        both.box.run(["mount", "--bind", str(outside), str(inside)])
        for name, size in (("a", 1500), ("b", 1500), ("c", 1900)):
            files = {"vmlinuz": name * (size << 10), "initramfs.img": "i"}
            both.commit(rich(tmp_path / "trees", replace(PLAIN, name=name, modules=files)), name)
        for name in ("b", "a"):
            done = both.ours("deploy", "--os=testos", "--retain", name)
            assert done.returncode == 0, done.stderr
        steps = (
            "pin 1", "deploy --stage --overlay-initrd=/run/big a", "deploy --stage c",
            "pin -u 1", "deploy --stage c", "finalize-staged",
            "theirs: status",
        )  # fmt: skip
        ours = run_booted(both, OURS, *steps, files={"big": bytes(3 << 20)})
        assert [line for line in ours.output if line.startswith("status")] == [
            "status 0", "status 1", "status 1", *("status 0",) * 4,
        ], ours.errors  # fmt: skip
        assert "no room in /boot: kernel and initramfs take 3.0 MiB, and 1.1 MiB can" in ours.errors
        assert "no room in /boot: kernel and initramfs take 1.9 MiB, and 1.1 MiB can" in ours.errors
        assert "hint: delete a deployment, as with: bootentries undeploy 1" in ours.errors
        assert "they are copied at shutdown, after those that no deployment needs" in ours.errors
        assert "/boot has no room for old and new kernels at once: updating it in" in ours.errors
        assert len(list((both.view(OURS) / "boot/ostree").iterdir())) == 2
