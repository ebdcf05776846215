"""Reading the small text files that bootloaders and trees keep, whatever is in their place."""

import os
import stat

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error

# Far more than any such file has; a huge one is a mistake, and would be held in memory.
SIZE_LIMIT = 1 << 20
_OPERATION = "read bootloader configuration"


def read_text(directory_fd: int, path: str, shown: str) -> str | None:
    """Return the text of `path` below `directory_fd`, or None when there is nothing.

    Links are followed inside that directory only.  Raises BootentriesError about `shown`
    for a link that leads nowhere inside, a loop, anything but a regular file, a file of
    more than SIZE_LIMIT bytes, and text that is not UTF-8 or has a NUL byte.
    """
    try:
        found = fs.stat_optional(directory_fd, path)
        if found is None:
            _check_absent(directory_fd, path, shown)
            return None
        if not stat.S_ISREG(found.st_mode):
            raise BootentriesError(_OPERATION, shown, "not a regular file")
        if found.st_size > SIZE_LIMIT:
            raise BootentriesError(_OPERATION, shown, f"larger than {SIZE_LIMIT} bytes")
        data = fs.read_bytes(directory_fd, path)
    except OSError as error:
        raise from_os_error(_OPERATION, error, shown) from error
    return _decoded(data, shown)


def _check_absent(directory_fd: int, path: str, shown: str) -> None:
    if fs.stat_optional(directory_fd, path, follow=False) is not None:
        with fs.parent(directory_fd, path) as (fd, name):
            text = os.readlink(name, dir_fd=fd)
        raise BootentriesError(
            _OPERATION, shown, f"it is a link to {text!r}, and nothing is there",
            hint="links are followed inside the boot directory or the deployment only",
        )  # fmt: skip


def _decoded(data: bytes, shown: str) -> str:
    nul = data.find(b"\0")
    if nul >= 0:
        raise BootentriesError(_OPERATION, shown, f"line {_line(data, nul)} has a NUL byte")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BootentriesError(
            _OPERATION, shown, f"line {_line(data, error.start)} is not UTF-8"
        ) from error


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def join_lines(lines: list[str]) -> str:
    """Return the text of a configuration file, the way libostree joins its lines.

    An empty first line is left out, and of the other empty lines all but the first one.
    """
    result: list[str] = []
    for index, line in enumerate(lines):
        if line or (index and "" not in result):
            result.append(line)
    return "".join(f"{line}\n" for line in result)
