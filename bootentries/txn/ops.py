"""The operations that a plan consists of.

Each is a value that can describe itself; `apply` does it.  Paths are relative to the
sysroot; what begins with `boot/` lies in the boot directory, wherever that is.
"""

import os
from dataclasses import dataclass
from typing import Protocol

from bootentries import fs
from bootentries.errors import BootentriesError
from bootentries.txn import install
from bootentries.txn.context import Context


class Op(Protocol):
    """One step of a plan."""

    def describe(self) -> str:
        """Return one line that says what the step does."""

    def apply(self, context: Context) -> None:
        """Do it; raises OSError or BootentriesError."""


@dataclass(frozen=True, slots=True)
class ResetDir:
    """Make a directory that is empty."""

    path: str

    def describe(self) -> str:
        return f"create empty directory {self.path}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        fs.remove_tree(fd, name)
        fs.make_dirs(fd, name)


@dataclass(frozen=True, slots=True)
class MakeDir:
    """Make a directory, unless it is there."""

    path: str

    def describe(self) -> str:
        return f"create directory {self.path}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        fs.make_dirs(fd, name)


@dataclass(frozen=True, slots=True)
class InstallFile:
    """Bring a deployment's file to its place in /boot."""

    source: str
    path: str

    def describe(self) -> str:
        return f"install {self.path} from {self.source}"

    def apply(self, context: Context) -> None:
        with fs.naming(self.path):
            install.install_file(context, self.source, self.path)


@dataclass(frozen=True, slots=True)
class InstallTree:
    """Bring a deployment's tree of files to its place in /boot."""

    source: str
    path: str

    def describe(self) -> str:
        return f"install tree {self.path} from {self.source}"

    def apply(self, context: Context) -> None:
        with fs.naming(self.path):
            install.install_tree(context, self.source, self.path)


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write a small file, complete or not at all."""

    path: str
    text: str
    mode: int = 0o644

    def describe(self) -> str:
        return f"write {self.path}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        fs.write_file(fd, name, self.text.encode(), self.mode)


@dataclass(frozen=True, slots=True)
class MakeSymlink:
    """Make a symlink in a directory that was emptied before."""

    path: str
    target: str

    def describe(self) -> str:
        return f"link {self.path} -> {self.target}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        fs.make_symlink(fd, name, self.target)


@dataclass(frozen=True, slots=True)
class EnsureSymlink:
    """Make a symlink unless it is there with this text."""

    path: str
    target: str

    def describe(self) -> str:
        return f"make sure of link {self.path} -> {self.target}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        if fs.readlink_optional(fd, name) != self.target:
            fs.stage_symlink(fd, name, self.target)
            fs.commit_symlink(fd, name)


@dataclass(frozen=True, slots=True)
class StageSymlink:
    """Prepare a symlink under a temporary name."""

    path: str
    target: str

    def describe(self) -> str:
        return f"prepare link {self.path} -> {self.target}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        fs.stage_symlink(fd, name, self.target)


@dataclass(frozen=True, slots=True)
class CommitSymlink:
    """Put the prepared symlink in place, by one rename."""

    path: str
    target: str

    def describe(self) -> str:
        return f"swap {self.path} -> {self.target}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        fs.commit_symlink(fd, name)


@dataclass(frozen=True, slots=True)
class Sync:
    """Bring everything to storage."""

    def describe(self) -> str:
        return "sync the filesystems of /ostree and /boot"

    def apply(self, context: Context) -> None:
        context.sync()


@dataclass(frozen=True, slots=True)
class Freeze:
    """Bring the boot filesystem's journal to its place."""

    def describe(self) -> str:
        return "freeze and thaw the filesystem of /boot"

    def apply(self, context: Context) -> None:
        with fs.naming("boot"):
            context.freeze(context.root.boot())


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Compare a written file with what storage holds."""

    path: str
    text: str

    def describe(self) -> str:
        return f"read back {self.path}"

    def apply(self, context: Context) -> None:
        with fs.naming(self.path):
            install.read_back(context, self.path, self.text.encode())


@dataclass(frozen=True, slots=True)
class ReadBackCopy:
    """Compare an installed file on storage with the deployment's."""

    source: str
    path: str

    def describe(self) -> str:
        return f"read back {self.path}"

    def apply(self, context: Context) -> None:
        with fs.naming(self.path):
            install.read_back_copy(context, self.source, self.path)


@dataclass(frozen=True, slots=True)
class CheckLink:
    """Look whether a boot link leads to its deployment."""

    path: str
    deployment: str

    def describe(self) -> str:
        return f"check that {self.path} leads to {self.deployment}"

    def apply(self, context: Context) -> None:
        found = fs.stat_optional(context.root.fd, self.path)
        wanted = fs.stat_optional(context.root.fd, self.deployment)
        if not found or not wanted or not os.path.samestat(found, wanted):
            raise BootentriesError("check boot link", self.path, f"leads not to {self.deployment}")


@dataclass(frozen=True, slots=True)
class Touch:
    """Set a directory's time to now: libostree reads the list again when it changed."""

    path: str

    def describe(self) -> str:
        return f"touch {self.path}"

    def apply(self, context: Context) -> None:
        root_fd, name = context.locate(self.path)
        with fs.naming(self.path), fs.opened(root_fd, name, os.O_RDONLY | os.O_DIRECTORY) as fd:
            os.utime(fd)


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file or a tree, if it is there."""

    path: str

    def describe(self) -> str:
        return f"remove {self.path}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        fs.remove_tree(fd, name)
