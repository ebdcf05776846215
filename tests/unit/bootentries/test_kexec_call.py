"""The system call reaches the kernel; to load one takes a machine: tests/vm/test_kexec.py."""

import errno
import os

import pytest

from bootentries import kexec_call


def test_fails_with_the_kernels_reason():
    with pytest.raises(OSError) as caught:
        kexec_call.kexec_file_load(-1, -1, b"quiet")
    # Not allowed, no such call in this kernel, or no such fd: the order of its checks.
    assert caught.value.errno in (errno.EPERM, errno.ENOSYS, errno.EBADF)
    assert caught.value.strerror == os.strerror(caught.value.errno)


def test_unknown_machine(monkeypatch):
    real = os.uname()
    odd = os.uname_result((*tuple(real)[:4], "pdp11"))
    monkeypatch.setattr(os, "uname", lambda: odd)
    with pytest.raises(OSError) as caught:
        kexec_call.kexec_file_load(-1, -1, b"")
    assert caught.value.errno == errno.ENOSYS
