"""SELinux labels for files that no checkout labels, by the policy inside a deployment.

The labels come from matchpathcon(8); where it is missing the files stay as they are, and a
note says so once.  On a running SELinux system the kernel then gives them the label of the
directory that they are in.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bootentries import fs
from bootentries.run import run, which

_XATTR = "security.selinux"
_TYPE = re.compile(rb"^SELINUXTYPE=(\S+)\s*$", re.MULTILINE)
_BATCH = 500
# matchpathcon's names of file types, by the bits of st_mode
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "lnk_file",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "chr_file",
    stat.S_IFBLK: "blk_file",
}


def policy_directory(deploy_fd: int) -> str | None:
    """Return the policy's directory in the tree open as `deploy_fd`, or None without one."""
    # Where there is an etc/selinux, libostree does not look at the defaults.
    try:
        base = "etc/selinux" if fs.is_dir(deploy_fd, "etc/selinux") else "usr/etc/selinux"
        config = fs.read_optional(deploy_fd, f"{base}/config")
    except NotADirectoryError:
        return None
    found = None if config is None else _TYPE.search(config)
    if found is None:
        return None
    return f"{base}/{os.fsdecode(found[1])}"


@dataclass(slots=True)
class Labels:
    """Labels of one policy; `contexts` is the path of its file_contexts."""

    contexts: str
    note: Callable[[str], None]
    pass_fds: tuple[int, ...] = ()
    _missing: bool = field(default=False, init=False)

    def label(self, directory_fd: int, name: str, path: str) -> None:
        """Give `name` in a directory the label of `path`."""
        self._apply([(directory_fd, name, path)])

    def label_tree(self, top_fd: int, path: str) -> None:
        """Label the directory open as `top_fd` and everything in it, as parts of `path`."""
        batch: list[tuple[int, str, str]] = []
        # Names are relative to the top: one fd serves for all.
        for name in _walk(top_fd):
            batch.append((top_fd, name, f"{path}/{name}" if name != "." else path))
            if len(batch) == _BATCH:
                self._apply(batch)
                batch = []
        self._apply(batch)

    def _apply(self, files: list[tuple[int, str, str]]) -> None:
        kinds: dict[str, list[tuple[int, str, str]]] = {}
        for fd, name, path in files:
            found = _lstat(fd, name)
            if found is not None:
                kind = _KINDS[stat.S_IFMT(found.st_mode)]
                kinds.setdefault(kind, []).append((fd, name, path))
        for kind, group in kinds.items():
            paths = [path for _, _, path in group]
            for (fd, name, _), context in zip(group, self._contexts(kind, paths), strict=True):
                if context is not None:
                    # libselinux writes the string with its end, and so do we.
                    _set(fd, name, context.encode() + b"\0")

    def _contexts(self, kind: str, paths: list[str]) -> list[str | None]:
        if which("matchpathcon") is None:
            if not self._missing:
                self.note("SELinux labels are left out: matchpathcon is not installed")
            self._missing = True
            return [None] * len(paths)
        # A line feed in a name would shift the answers: such a file keeps no label.
        asked = [path for path in paths if "\n" not in path]
        argv = ("matchpathcon", "-n", "-f", self.contexts, "-m", kind, "--", *asked)
        out = run(argv, "find SELinux labels", self.contexts, pass_fds=self.pass_fds)
        answers = dict(zip(asked, out.decode(errors="replace").splitlines(), strict=True))
        found = [answers.get(path) for path in paths]
        return [None if context in (None, "<<none>>") else context for context in found]


def _walk(top_fd: int) -> Iterator[str]:
    """Yield `.` and every name below, without leaving the filesystem."""
    device = os.fstat(top_fd).st_dev
    pending = ["."]
    while pending:
        current = pending.pop()
        yield current
        found = _lstat(top_fd, current)
        if found is None or not stat.S_ISDIR(found.st_mode) or found.st_dev != device:
            continue
        prefix = "" if current == "." else f"{current}/"
        pending += [prefix + name for name in fs.list_optional(top_fd, current) or []]


def _lstat(fd: int, name: str) -> os.stat_result | None:
    """Return what lstat says, None when it is gone: the live /var does not stand still."""
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _set(fd: int, name: str, value: bytes) -> None:
    try:
        os.setxattr(f"/proc/self/fd/{fd}/{name}", _XATTR, value, follow_symlinks=False)
    except FileNotFoundError:
        return
