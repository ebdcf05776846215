"""What a program changed on a filesystem, down to times, attributes and inode flags.

`wrapper` is put before the program; it runs this file, which looks, runs the program, and
looks again.  A name that was written and removed again shows in its directory's times.
"""

import fcntl
import hashlib
import json
import os
import stat
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS, linux/fs.h
TOUCHED = "changed ctime mtime"

Look = dict[str, dict[str, str]]


def _flags(path: str, mode: int) -> str:
    """The inode flags, which regular files and directories have."""
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return ""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return hex(struct.unpack("I", fcntl.ioctl(fd, GET_FLAGS, bytes(4)))[0])
    finally:
        os.close(fd)


def _one(path: str) -> dict[str, str]:
    status = os.lstat(path)
    mode = status.st_mode
    content = ""
    if stat.S_ISREG(mode):
        content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    elif stat.S_ISLNK(mode):
        content = str(Path(path).readlink())
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return {
        "mode": stat.filemode(mode),
        "owner": f"{status.st_uid}:{status.st_gid}",
        "inode": str(status.st_ino),
        "links": "" if stat.S_ISDIR(mode) else str(status.st_nlink),
        "device": str(status.st_rdev),
        "content": content,
        "xattrs": str([(n, os.getxattr(path, n, follow_symlinks=False).hex()) for n in names]),
        "flags": _flags(path, mode),
        "mtime": str(status.st_mtime_ns),
        "ctime": str(status.st_ctime_ns),
    }


def look(fd: int) -> Look:
    """Every name below the directory `fd`, which is `.`; no other filesystem is entered."""
    top = f"/proc/self/fd/{fd}/"
    device = os.fstat(fd).st_dev
    found = {".": _one(top + ".")}
    pending = [""]
    while pending:
        directory = pending.pop()
        for child in Path(top + directory).iterdir():
            path = directory + child.name
            found[path] = _one(top + path)
            status = os.lstat(top + path)
            if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                pending.append(path + "/")
    return found


def compare(before: Look, after: Look) -> dict[str, str]:
    """Path → `made MODE OWNER [-> TEXT]`, `gone`, or `changed FIELD...`, for what differs."""
    changes = {}
    for path in sorted(before.keys() | after.keys()):
        if path not in before:
            new = after[path]
            text = f" -> {new['content']}" if new["mode"].startswith("l") else ""
            changes[path] = f"made {new['mode']} {new['owner']}{text}"
        elif path not in after:
            changes[path] = "gone"
        elif before[path] != after[path]:
            fields = [f for f in before[path] if before[path][f] != after[path][f]]
            changes[path] = " ".join(("changed", *sorted(fields)))
    return changes


@dataclass(frozen=True, slots=True)
class Footprint:
    """What changed on the physical root, and in the initramfs outside of its mounts."""

    physical: dict[str, str]
    initramfs: dict[str, str]


def wrapper(work: Path) -> tuple[str, ...]:
    """The words before a program that `namespace.execute` runs in `work`."""
    tops = (work / "mnt/root/sysroot", work / "mnt/upper/data")
    words = [sys.executable, "-B", __file__, work / "footprint.json", *tops, "--"]
    return tuple(str(word) for word in words)


def read(work: Path) -> Footprint:
    """What the wrapped program changed."""
    return Footprint(*json.loads((work / "footprint.json").read_text()))


def main() -> int:
    at = sys.argv.index("--")
    out, *tops = sys.argv[1:at]
    # Held open: the filesystem is seen bare, whatever is mounted over it or moved meanwhile.
    fds = [os.open(top, os.O_RDONLY | os.O_DIRECTORY) for top in tops]
    before = [look(fd) for fd in fds]
    status = subprocess.run(sys.argv[at + 1 :], check=False).returncode
    changes = [compare(old, look(fd)) for old, fd in zip(before, fds, strict=True)]
    Path(out).write_text(json.dumps(changes))
    return status


if __name__ == "__main__":
    sys.exit(main())
