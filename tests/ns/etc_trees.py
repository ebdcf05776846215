"""Two deployment roots: the one whose /etc was edited, and the one to carry it over to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bootentries.etc.check import Finding, check
from bootentries.etc.merge import Counts, merge


@dataclass(slots=True)
class Trees:
    """`old` has usr/etc and etc, `new` has etc; what a merge said is in `notes`."""

    old: Path
    new: Path
    notes: list[str] = field(default_factory=list)

    @property
    def default(self) -> Path:
        return self.old / "usr/etc"

    @property
    def local(self) -> Path:
        return self.old / "etc"

    @property
    def merged(self) -> Path:
        return self.new / "etc"

    def merge(self, *, xattrs: bool = True) -> Counts:
        """Merge; what it says is in `notes` afterwards."""
        with self._opened() as (old, new):
            return merge(old, new, self.notes.append, xattrs=xattrs)

    def check(self) -> list[Finding]:
        """Return what a merge would find."""
        with self._opened() as (old, new):
            return list(check(old, new))

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, int]]:
        fds = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (self.old, self.new)]
        try:
            yield fds[0], fds[1]
        finally:
            for fd in fds:
                os.close(fd)


def deployments(top: Path) -> Trees:
    """Make deployment roots with empty /etc below `top`."""
    found = Trees(top / "old", top / "new")
    for path in (found.default, found.local, found.merged):
        path.mkdir(parents=True)
    return found
