"""The empty beginnings: a filesystem that becomes a sysroot, and a stateroot in it."""

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.repo import REPO
from bootentries.root import Root
from bootentries.run import run
from bootentries.sysroot import DEPLOY
from bootentries.txn.context import Context
from bootentries.txn.ops import Op, Touch

# Without --modern the mount points of a running system are made as well.
_MODERN = (("boot", 0o777),)
_TRADITIONAL = (
    *_MODERN,
    ("dev", 0o777),
    ("home", 0o777),
    ("proc", 0o777),
    ("run", 0o777),
    ("sys", 0o777),
    ("root", 0o700),
    ("tmp", 0o1777),
)
# It becomes a directory's name and a part of `ostree=`, which ends at a blank.
_STATEROOT = re.compile(r"[^/\s\"'\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class MakeTop:
    """Make a directory with the process's umask; the sticky bit is set regardless of it."""

    path: str
    mode: int

    def describe(self) -> str:
        return f"create directory {self.path}"

    def apply(self, fd: int) -> None:
        """Make it below the directory open as `fd`, unless it is there; raises OSError."""
        try:
            os.mkdir(self.path, self.mode, dir_fd=fd)
        except FileExistsError:
            return
        if self.mode & 0o1000:
            os.chmod(self.path, self.mode, dir_fd=fd)


def filesystem(modern: bool) -> tuple[MakeTop, ...]:
    """Return the directories of a new sysroot, the repository's excepted."""
    top = _MODERN if modern else _TRADITIONAL
    return tuple(MakeTop(*item) for item in (*top, ("ostree", 0o777), (DEPLOY, 0o777)))


def make_filesystem(path: str, modern: bool) -> None:
    """Make the directory `path` a sysroot with an empty repository; raises BootentriesError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise from_os_error("make sysroot", error, path) from error
    try:
        # The repository first: without the program for it nothing is begun.
        MakeTop("ostree", 0o777).apply(fd)
        # `ostree init` writes the configuration before it makes the directories, `objects`
        # last, and completes what it left when it was killed.
        if not all(fs.stat_optional(fd, f"{REPO}/{name}") for name in ("config", "objects")):
            argv = ("ostree", "init", f"--repo=/proc/self/fd/{fd}/{REPO}", "--mode=bare")
            run(argv, "make repository", f"{path}/{REPO}", pass_fds=(fd,))
        for step in filesystem(modern):
            step.apply(fd)
    except OSError as error:
        raise from_os_error("make sysroot", error) from error
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class MakeStateroot:
    """Make a stateroot with its empty /var."""

    name: str

    def describe(self) -> str:
        return f"create stateroot {DEPLOY}/{self.name}"

    def apply(self, context: Context) -> None:
        with fs.opened(context.root.fd, DEPLOY, os.O_RDONLY | os.O_DIRECTORY) as fd:
            try:
                os.mkdir(self.name, 0o777, dir_fd=fd)
            except FileExistsError:
                # Whoever began it was killed: see `plan_stateroot`.
                pass
            try:
                os.mkdir(f"{self.name}/var", 0o777, dir_fd=fd)
            except OSError:
                # Half of a stateroot is none; it is empty, so nothing is lost with it.
                with suppress(OSError):
                    os.rmdir(self.name, dir_fd=fd)
                raise


def plan_stateroot(root: Root, name: str) -> tuple[Op, ...]:
    """Return what makes a stateroot; raises BootentriesError for a bad or a taken name."""
    if not _STATEROOT.fullmatch(name) or name in (".", ".."):
        raise BootentriesError(
            "make stateroot", repr(name), "no name for a stateroot",
            hint="it must be one word without slashes or quotes: it stands in ostree=",
        )  # fmt: skip
    if _is_taken(root, f"{DEPLOY}/{name}"):
        raise BootentriesError("make stateroot", f"{DEPLOY}/{name}", "it exists")
    return (MakeStateroot(name), Touch(DEPLOY))


def _is_taken(root: Root, place: str) -> bool:
    """Return whether something is there; an empty directory is half of a stateroot."""
    found = fs.stat_optional(root.fd, place, follow=False)
    if found is None:
        return False
    return not stat.S_ISDIR(found.st_mode) or bool(fs.list_optional(root.fd, place))
