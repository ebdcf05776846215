"""Operations on the repository: the refs that keep deployed commits, and the prune."""

import os
from dataclasses import dataclass

from bootentries import fs
from bootentries.repo import REPO
from bootentries.run import run
from bootentries.txn import lock
from bootentries.txn.context import Context


@dataclass(frozen=True, slots=True)
class WriteRefs:
    """Name the commits of the list in the repository, so that a prune keeps them."""

    bootversion: int
    subbootversion: int
    checksums: tuple[str, ...]

    def describe(self) -> str:
        return f"write refs ostree/{self.bootversion}/{self.subbootversion}"

    def apply(self, context: Context) -> None:
        heads = "ostree/repo/refs/heads/ostree"
        with fs.opened(context.root.fd, "ostree/repo/.lock", os.O_RDWR | os.O_CREAT, 0o660) as fd:
            # Writers of refs share the repository's lock; a prune holds it alone.
            with fs.naming(f"{REPO}/.lock"):
                lock.lock_fd(fd, exclusive=False)
            active = f"{heads}/{self.bootversion}/{self.subbootversion}"
            fs.make_dirs(context.root.fd, active)
            for index, checksum in enumerate(self.checksums):
                text = f"{checksum}\n".encode()
                if fs.read_optional(context.root.fd, f"{active}/{index}") != text:
                    fs.write_file(context.root.fd, f"{active}/{index}", text)
            self._remove_others(context, heads)

    def _remove_others(self, context: Context, heads: str) -> None:
        active = f"{heads}/{self.bootversion}/{self.subbootversion}"
        names = {str(index) for index in range(len(self.checksums))}
        for name in fs.list_optional(context.root.fd, active) or []:
            if name not in names:
                fs.remove_tree(context.root.fd, f"{active}/{name}")
        for boot in (0, 1):
            for sub in (0, 1):
                if (boot, sub) != (self.bootversion, self.subbootversion):
                    fs.remove_tree(context.root.fd, f"{heads}/{boot}/{sub}")


@dataclass(frozen=True, slots=True)
class PruneRepo:
    """Remove the objects that no ref needs any more, by the `ostree` program."""

    def describe(self) -> str:
        return "prune the repository"

    def apply(self, context: Context) -> None:
        repo = f"/proc/self/fd/{context.root.fd}/{REPO}"
        argv = ("ostree", "prune", f"--repo={repo}", "--refs-only", "--depth=0")
        run(argv, "prune", REPO, pass_fds=(context.root.fd,))
