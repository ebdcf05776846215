"""What `--stage --dry-run` says; the rest is in tests/ns/test_staging.py."""

from dataclasses import replace
from pathlib import Path

from bootentries.deploy.activate import Wanted
from bootentries.deploy.make import Request
from bootentries.deploy.stage import SERVICE, Staging, forget_soft_reboot
from bootentries.retain import Keep
from bootentries.sysroot import load


def test_a_plan_in_words(root, run):
    present = load(root, run)
    staged = replace(present.deployments[0], staged=True)
    present = replace(present, deployments=(staged, *present.deployments[1:]))
    request = Request("testos", "c" * 64, b"", "quiet", ("/overlay",))
    staging = Staging(Wanted(request, present.deployments[1], Keep()), locked=True)
    assert staging.describe(present) == [
        f"start {SERVICE}",
        f"check out {'c' * 64} in stateroot testos",
        "copy /etc from the tree's /usr/etc",
        "copy kernel and initramfs to /boot, if there is room beside the present ones",
        "keep overlay initrd /overlay for shutdown",
        "kernel arguments: quiet",
        f"drop staged deployment testos/{'a' * 64}.0",
        "stage the new deployment, locked",
        f"at shutdown: merge local changes of /etc from testos/{'b' * 64}.0",
    ]


def test_little_is_to_be_said_without_a_merge(root, run):
    request = Request("testos", "c" * 64, b"")
    lines = Staging(Wanted(request, None, Keep())).describe(load(root, run))
    assert lines[-2:] == ["kernel arguments: (none)", "stage the new deployment"]


def test_a_soft_reboot_without_a_mount_is_forgotten(run):
    place = Path(run, "ostree/nextroot-booted")
    place.touch()
    for _ in range(2):
        forget_soft_reboot(run)
        assert not place.exists()
