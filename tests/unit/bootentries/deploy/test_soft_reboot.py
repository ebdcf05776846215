"""Which deployment may go on under the kernel that runs."""

import pytest

from bootentries.deploy.soft_reboot import check
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.repo import RepoConfig
from bootentries.sysroot import Sysroot

KERNEL, OTHER = "1" * 64, "2" * 64
RUNNING = "root=UUID=x rw ostree=/ostree/boot.1/os/1/0"


def deployment(letter: str, bootcsum: str, options: str, **more) -> Deployment:
    return Deployment("os", letter * 64, 0, bootcsum, options=options, **more)


def present(*others: Deployment, booted: bool = True) -> Sysroot:
    items = (deployment("a", KERNEL, RUNNING, booted=booted), *others)
    return Sysroot(0, 0, items, RepoConfig(), booted)


ALLOWED = [
    ("a", KERNEL, RUNNING),
    ("b", KERNEL, "root=UUID=x rw ostree=/ostree/boot.0/os/1/7"),
    ("b", KERNEL, "root=UUID=x ostree=/elsewhere rw"),
    ("b", KERNEL, ""),
]


@pytest.mark.parametrize(("letter", "bootcsum", "options"), ALLOWED)
def test_the_same_kernel_state(letter, bootcsum, options):
    item = deployment(letter, bootcsum, options)
    check(present(item), item)


ARGUMENTS = "its kernel arguments are not those of the system that runs"
REFUSED = [
    (OTHER, RUNNING, "it has another kernel or initramfs than the one that runs"),
    (KERNEL, "root=UUID=x ostree=/x", ARGUMENTS),
    (KERNEL, "rw root=UUID=x ostree=/x", ARGUMENTS),
    (KERNEL, "root=UUID=x rw rw ostree=/x", ARGUMENTS),
]


@pytest.mark.parametrize(("bootcsum", "options", "reason"), REFUSED)
def test_another_one(bootcsum, options, reason):
    item = deployment("b", bootcsum, options)
    with pytest.raises(BootentriesError) as caught:
        check(present(item), item)
    assert (caught.value.reason, caught.value.hint) == (reason, "reboot into it")


def test_nothing_runs():
    found = present(booted=False)
    with pytest.raises(BootentriesError, match="not booted into an OSTree system"):
        check(found, found.deployments[0])
