"""Write-class system calls in a trace of strace(1), and the errors that each is tried with.

strace counts `when=` by process and by system call: a call is known by its name and by its
number among the calls of that name, those that only read included.
"""

import re
from dataclasses import dataclass

# What a disk, a full or read-only filesystem, a signal, and a lack of fds or memory give.
EIO, ENOSPC, EROFS, EINTR = "EIO", "ENOSPC", "EROFS", "EINTR"
EMFILE, ENOMEM = "EMFILE", "ENOMEM"

_CHANGE = (EIO, ENOSPC, EROFS, ENOMEM)
# Names → errors
_FAMILIES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("open", "openat", "openat2", "creat"), (EIO, ENOSPC, EROFS, EINTR, EMFILE, ENOMEM)),
    (
        ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range"),
        (EIO, ENOSPC, EINTR, ENOMEM),
    ),
    (("ftruncate", "truncate", "fallocate"), (EIO, ENOSPC, EROFS, EINTR)),
    (("rename", "renameat", "renameat2"), _CHANGE),
    (("link", "linkat", "symlink", "symlinkat"), _CHANGE),
    (("mkdir", "mkdirat", "mknod", "mknodat"), _CHANGE),
    (("unlink", "unlinkat", "rmdir"), (EIO, EROFS, ENOMEM)),
    (
        ("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
        (EIO, EROFS, ENOMEM),
    ),
    (("utime", "utimes", "futimesat", "utimensat"), (EIO, EROFS, ENOMEM)),
    (("setxattr", "lsetxattr", "fsetxattr"), _CHANGE),
    (("removexattr", "lremovexattr", "fremovexattr"), _CHANGE),
    (("fsync", "fdatasync", "sync_file_range", "syncfs"), (EIO, ENOSPC, EINTR)),
    (("ioctl",), (EIO, EROFS, EINTR, ENOMEM)),
    (
        (
            *("mount", "umount2", "move_mount", "open_tree", "fsmount", "fsopen", "fsconfig"),
            *("mount_setattr", "pivot_root", "unshare", "setns"),
        ),
        (EIO, ENOMEM, EINTR),
    ),
    (("flock", "fcntl"), (EIO, EINTR, ENOMEM)),
)
ERRORS = {name: errors for names, errors in _FAMILIES for name in names}
NAMES = tuple(ERRORS)

_LINE = re.compile(r"(?:\[?(?:pid\s+)?(\d+)\]?\s+)?([a-z_0-9]+)\((.*)", re.DOTALL)
_OPENS = ("open", "openat", "openat2", "creat")
_FLAGS = re.compile(r"O_(?:CREAT|WRONLY|RDWR|TMPFILE|TRUNC|APPEND)\b")
_IOCTLS = ("FIFREEZE", "FITHAW", "FS_IOC_SETFLAGS", "FICLONE", "FICLONERANGE", "FS_IOC_FSSETXATTR")
_LOCKS = ("F_OFD_SETLK", "F_SETLK", "F_OFD_SETLKW", "F_SETLKW")
# A device, a pipe or memory: nothing that is kept.
_NOT_KEPT = re.compile(r"^\w+\(\d+<(?:pipe|socket|anon_inode|/memfd|/dev/|/proc/)")
_FD = re.compile(r"^\d+(?:<([^>]*)>)?")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a trace: the `number`-th of its name in its process, and all of its text."""

    name: str
    number: int
    text: str

    @property
    def known_by(self) -> str:
        """The text without what differs from run to run: results, addresses, temporary names."""
        text = re.sub(r"\)\s+= .*", ")", self.text)
        text = re.sub(r"0x[0-9a-f]+", "PTR", text)
        text = re.sub(r"<[^<>]*/tmp/running/root(?=[/>])", "<", text)
        text = re.sub(r"/tmp/running/root(?=[/>])", "", text)
        text = re.sub(r"staging-[-0-9a-f]{36}-\w{6}", "staging-XXXXXX", text)
        text = re.sub(r"(/proc/self/fd/|/proc/)\d+", r"\1N", text)
        text = re.sub(r"tv_n?sec=\d+|/\* [-0-9T:.+]+ \*/", "TIME", text)
        # mkstemp's and GLib's temporary names, and the kernel's of files without one
        text = re.sub(
            r"(\.unlock-|/tmp[-.]?|/\.|\.)[A-Za-z0-9_]{6,8}(?=[\"/>,)])", r"\1XXXXXX", text
        )
        return re.sub(r"#\d+", "#N", text)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path in it: of fds, and of strings."""
        words = re.findall(r"<(/[^>]*)>|\"((?:[^\"\\]|\\.)*)\"", self.text)
        return tuple(first or second for first, second in words if first or second)

    @property
    def errors(self) -> tuple[str, ...]:
        """What it is tried with."""
        return ERRORS[self.name]


def parse_trace(text: str) -> dict[str, list[Call]]:
    """Return the calls of each process of a trace, by its id (empty without one), in order."""
    found: dict[str, list[Call]] = {}
    counts: dict[tuple[str, str], int] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        # The second half of a call that another process interrupted, a signal, an exit.
        if match is None or match[2] not in ERRORS:
            continue
        process, name = match[1] or "", match[2]
        counts[process, name] = counts.get((process, name), 0) + 1
        call = Call(name, counts[process, name], f"{name}({match[3]}")
        found.setdefault(process, []).append(call)
    return found


def writes(call: Call) -> bool:
    """Whether a call is of the write class: it changes, or may change, what is kept."""
    if call.name in _OPENS:
        return _FLAGS.search(call.text) is not None and '"/dev/' not in call.text
    if call.name == "ioctl":
        return any(f", {name}," in call.text or f", {name})" in call.text for name in _IOCTLS)
    if call.name == "fcntl":
        # To give a lock back is what its end would do, too.
        return any(f", {name}," in call.text for name in _LOCKS) and "F_UNLCK" not in call.text
    return _NOT_KEPT.match(call.text) is None
