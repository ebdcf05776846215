"""kexec_file_load(2), for which the C library has no function."""

import ctypes
import errno
import os

# linux/kexec.h
_UNLOAD, _NO_INITRAMFS = 0x1, 0x4
# The machine's table of system calls: x86-64 has its own numbers, later ones share a table.
_NUMBERS = {"x86_64": 320, "aarch64": 294, "riscv64": 294, "loongarch64": 294, "s390x": 381}
_NUMBERS |= {"ppc64le": 382}

_libc = ctypes.CDLL(None, use_errno=True)


def kexec_file_load(kernel_fd: int, initrd_fd: int, cmdline: bytes) -> None:
    """Load a kernel; `initrd_fd` is -1 for none.  The fds stay the caller's; raises OSError."""
    flags = _NO_INITRAMFS if initrd_fd < 0 else 0
    # Its size counts the NUL byte at the end.
    _call(kernel_fd, initrd_fd, len(cmdline) + 1, cmdline, flags)


def kexec_file_unload() -> None:
    """Forget the kernel that is loaded; raises OSError."""
    _call(-1, -1, 0, None, _UNLOAD)


def _call(kernel_fd: int, initrd_fd: int, size: int, cmdline: bytes | None, flags: int) -> None:
    number = _NUMBERS.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    result = _libc.syscall(
        ctypes.c_long(number),
        ctypes.c_int(kernel_fd),
        ctypes.c_int(initrd_fd),
        ctypes.c_ulong(size),
        ctypes.c_char_p(cmdline),
        ctypes.c_ulong(flags),
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
