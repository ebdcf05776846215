"""System calls that Python lacks, from the C extension, or by ctypes where it is not built.

The functions are those of `_bootsys` (see `_bootsys.pyi`): paths are bytes, every returned
fd is close-on-exec and the caller's, every failure is an OSError with the path.
"""

try:
    from _bootsys import freeze_thaw, mount, openat2, syncfs, umount, unshare
except ImportError:
    from bootentries.syscalls_ctypes import freeze_thaw, mount, openat2, syncfs, umount, unshare

__all__ = ["freeze_thaw", "mount", "openat2", "syncfs", "umount", "unshare"]
