"""The sysroot's lock; libostree's side is in tests/ns."""

import os

import pytest

from bootentries.errors import BootentriesError
from bootentries.txn.lock import LOCK, sysroot_lock, try_lock


def test_the_file_is_gone_afterwards(fake, root):
    with sysroot_lock(root, print):
        assert (fake.path / LOCK).exists()
        assert (fake.path / LOCK).stat().st_mode & 0o777 == 0o600
    assert not (fake.path / LOCK).exists()


def test_waiting_is_announced_once_and_ends(fake, root):
    said = []
    with (
        sysroot_lock(root, said.append),
        pytest.raises(BootentriesError) as caught,
        sysroot_lock(root, said.append, timeout_s=0.2),
    ):
        pass
    assert str(caught.value) == "lock sysroot: ostree/lock: held by another process for 0.2 s"
    assert said == ["waiting for another process to release the sysroot lock"]


def test_a_file_that_was_removed_meanwhile_is_no_lock(fake, root):
    """Its holder unlinks it: who waited for that file would hold a lock that none sees."""
    stale = os.open(fake.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        assert try_lock(stale, exclusive=True)
        (fake.path / LOCK).unlink()
        with sysroot_lock(root, print, timeout_s=0):
            assert (fake.path / LOCK).exists()
    finally:
        os.close(stale)


def test_shared_locks_exclude_exclusive_ones(tmp_path):
    fds = [os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT) for _ in range(3)]
    try:
        assert try_lock(fds[0], exclusive=False)
        assert try_lock(fds[1], exclusive=False)
        assert not try_lock(fds[2], exclusive=True)
    finally:
        for fd in fds:
            os.close(fd)
