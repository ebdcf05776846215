"""Two deployment roots: the one whose /etc was edited, and the one to carry it over to."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootentries.etc.merge import Counts, merge


@dataclass(slots=True)
class Trees:
    """`old` and `new` have usr/etc and etc; what a merge said is in `notes`."""

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

    def merge(self) -> Counts:
        old, new = (os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (self.old, self.new))
        try:
            return merge(old, new, self.notes.append)
        finally:
            os.close(old)
            os.close(new)

    def both(self, name: str, content: str | None = None) -> None:
        """Write a file (or make a directory) in the default and the local /etc."""
        for top in (self.default, self.local):
            write(top, name, content)

    def everywhere(self, name: str, content: str | None = None) -> None:
        """The same in the new /etc as well."""
        self.both(name, content)
        write(self.merged, name, content)


def write(top: Path, name: str, content: str | None = None) -> Path:
    """Write a file, or make a directory when there is no content; parents are made."""
    path = top / name
    if content is None:
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return path


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """Deployment roots with empty /etc."""
    found = Trees(tmp_path / "old", tmp_path / "new")
    for path in (found.default, found.local, found.merged):
        path.mkdir(parents=True)
    return found
