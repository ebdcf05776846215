"""The cache outside the checkout: built once, shared by processes, replaced whole.

A cached object is a file or directory whose name says what it was made from.  It appears
under that name only complete, and a lock beside it lets concurrent test workers wait for
one builder instead of building twice.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from guest.shell import say


def root() -> Path:
    """The cache directory of the guests, created when missing."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    path = (Path(base) if base else Path.home() / ".cache") / "bootchain" / "guest"
    path.mkdir(parents=True, exist_ok=True)
    return path


def digest(*parts: str | bytes) -> str:
    """A short key over all parts; each is length-prefixed so that none can pose as another."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()[:16]


def digest_tree(top: Path) -> str:
    """A key over names, modes and contents below `top`; times and owners do not count."""
    parts: list[str | bytes] = []
    for path in sorted(top.rglob("*")):
        mode = path.lstat().st_mode
        parts += [str(path.relative_to(top)), oct(mode)]
        if path.is_symlink():
            parts.append(str(path.readlink()))
        elif path.is_file():
            parts.append(hashlib.sha256(path.read_bytes()).digest())
    return digest(*parts)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the exclusive lock that belongs to `path`; says so when it has to wait."""
    lock = path.with_name(path.name + ".lock")
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process to finish {path.name}")
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Deletes a file or a whole directory; a missing one is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def obtain(path: Path, build: Callable[[Path], None], *, fresh: bool = False) -> Path:
    """Returns `path`, calling `build(unfinished)` under the lock when it is not there.

    `build` makes the object under the name it is given; it is renamed into place only when
    `build` returned.  What a killed builder left behind is cleared first.
    """
    with locked(path):
        if path.exists() and not fresh:
            os.utime(path)
            return path
        unfinished = path.with_name(path.name + ".unfinished")
        remove(unfinished)
        build(unfinished)
        remove(path)
        unfinished.rename(path)
    return path


def keep_newest(paths: Iterable[Path], count: int) -> None:
    """Drops all but the `count` most recently used of `paths`.

    One process at a time: two that drop the same directory would trip over each other.  The
    small lock files stay, since a lock that is deleted no longer keeps anybody out.
    """
    found = list(paths)
    if len(found) <= count:
        return
    with locked(found[0].with_name("pruning")):
        there = [path for path in found if path.exists()]
        by_age = sorted(there, key=lambda path: path.lstat().st_mtime, reverse=True)
        for path in by_age[count:]:
            remove(path)
