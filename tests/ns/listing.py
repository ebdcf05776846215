"""What lies below a directory, as text: for the programs that run in namespaces and guests."""

import os
import stat
from pathlib import Path


def content(path: Path) -> str:
    """A file's bytes in hex, or why they cannot be read."""
    try:
        return path.read_bytes().hex()
    except OSError as error:
        return str(error.strerror)


def tree(top: Path) -> dict[str, str]:
    """Every name below `top` on its own filesystem, with type, mode and content or text."""
    found = {}
    device = top.stat().st_dev
    for directory, names, files in os.walk(top):
        names[:] = [n for n in names if (Path(directory) / n).lstat().st_dev == device]
        for name in (*names, *files):
            path = Path(directory) / name
            status = path.lstat()
            text = ""
            if stat.S_ISLNK(status.st_mode):
                text = str(path.readlink())
            elif stat.S_ISREG(status.st_mode):
                text = content(path)
            found[str(path.relative_to(top))] = f"{stat.filemode(status.st_mode)} {text}".strip()
    return found
