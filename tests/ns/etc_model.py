"""Small /etc trees as values: written to a directory, read back, and merged by the book.

`merged` says in plain dictionaries what a merge has to result in.  It shares no code with
the merge, and looks at whole trees where the merge looks at one path at a time.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

DIRECTORY, FILE, LINK, FIFO, SOCKET, DEVICE = (
    "directory",
    "file",
    "link",
    "fifo",
    "socket",
    "device",
)
MTIME = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Node:
    """One name of a tree; `data` is a file's content or a link's text.

    `mtime` counts for regular files only, in seconds.
    """

    kind: str
    data: str = ""
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[str, bytes], ...] = ()
    mtime: int = field(default=MTIME, compare=False)

    @property
    def plain(self) -> "Node":
        """What a diff looks at: all but the extended attributes."""
        return replace(self, xattrs=())


Spec = Mapping[str, Node]


def d(mode: int = 0o755, owner: tuple[int, int] = (0, 0), **xattrs: bytes) -> Node:
    """A directory; xattrs are of the `user` namespace."""
    return Node(DIRECTORY, "", mode, owner, _user(xattrs))


def f(data: str = "", mode: int = 0o644, owner: tuple[int, int] = (0, 0), **xattrs: bytes) -> Node:
    """A regular file."""
    return Node(FILE, data, mode, owner, _user(xattrs))


def ln(text: str, owner: tuple[int, int] = (0, 0)) -> Node:
    """A symlink."""
    return Node(LINK, text, 0o777, owner)


def _user(xattrs: Mapping[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    return tuple((f"user.{name}", value) for name, value in sorted(xattrs.items()))


def edited(tree: Spec, edits: Mapping[str, Node | None]) -> dict[str, Node]:
    """The tree with names set, or removed with all below where the edit is None."""
    found = dict(tree)
    for path, node in edits.items():
        if node is None or node.kind != DIRECTORY:
            for below in [name for name in found if _is_in(name, path)]:
                del found[below]
        if node is not None:
            found[path] = node
    return found


def rooted(tree: Spec) -> dict[str, Node]:
    """The tree without names below something that is no directory, or is not there."""
    return {
        path: node
        for path, node in tree.items()
        if all(above in tree and tree[above].kind == DIRECTORY for above in _above(path))
    }


def write(top: Path, tree: Spec) -> None:
    """Write a tree into a directory that exists."""
    for path, node in sorted(tree.items()):
        place = top / path
        if node.kind == DIRECTORY:
            place.mkdir()
        elif node.kind == FILE:
            place.write_bytes(node.data.encode())
        elif node.kind == LINK:
            place.symlink_to(node.data)
        elif node.kind == FIFO:
            os.mkfifo(place)
        elif node.kind == SOCKET:
            os.mknod(place, stat.S_IFSOCK | 0o600)
        else:
            os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    for path, node in sorted(tree.items(), reverse=True):
        _dress(top / path, node)


def _dress(place: Path, node: Node) -> None:
    os.chown(place, *node.owner, follow_symlinks=False)
    for name, value in node.xattrs:
        os.setxattr(place, name, value, follow_symlinks=False)
    if node.kind != LINK:
        place.chmod(node.mode)
    if node.kind == FILE:
        os.utime(place, (node.mtime, node.mtime))


def read(top: Path) -> dict[str, Node]:
    """Return the tree below a directory."""
    found: dict[str, Node] = {}
    for directory, below, names in os.walk(top):
        for name in below + names:
            place = Path(directory) / name
            found[str(place.relative_to(top))] = _node(place)
    return found


_KINDS = {
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFREG: FILE,
    stat.S_IFLNK: LINK,
    stat.S_IFIFO: FIFO,
    stat.S_IFSOCK: SOCKET,
    stat.S_IFCHR: DEVICE,
}


def _node(place: Path) -> Node:
    found = place.lstat()
    kind = _KINDS[stat.S_IFMT(found.st_mode)]
    data = ""
    if kind == FILE:
        data = place.read_bytes().decode()
    elif kind == LINK:
        data = str(place.readlink())
    xattrs = tuple(
        (name, os.getxattr(place, name, follow_symlinks=False))
        for name in sorted(os.listxattr(place, follow_symlinks=False))
    )
    owner = (found.st_uid, found.st_gid)
    mode = stat.S_IMODE(found.st_mode)
    return Node(kind, data, mode, owner, xattrs, int(found.st_mtime))


def times(tree: Spec) -> dict[str, int]:
    """Return the times of the regular files."""
    return {path: node.mtime for path, node in tree.items() if node.kind == FILE}


class Conflict(Exception):
    """A merge that has to fail, with the path it fails at."""


def merged(default: Spec, local: Spec, new: Spec) -> dict[str, Node]:
    """Return the new tree with the local changes; raises Conflict.

    Every link in the new tree has to lead to nothing.
    """
    result = dict(new)
    for path in sorted(default):
        in_directories = all(
            above in local and local[above].kind == DIRECTORY for above in _above(path)
        )
        if path not in local and in_directories:
            _remove(path, new, result)
    for path in sorted(local):
        if _is_changed(path, default, local):
            _carry(path, default, local, result)
    return result


def _remove(path: str, new: Spec, result: dict[str, Node]) -> None:
    for above in _above(path):
        if above in new and new[above].kind == FILE:
            raise Conflict(path)
    for below in [name for name in result if _is_in(name, path)]:
        del result[below]


def _is_changed(path: str, default: Spec, local: Spec) -> bool:
    old = default.get(path)
    if old is None or old.plain != local[path].plain:
        # Below a default that is no directory any more, nothing is looked at.
        return not any(_turned_into_directory(above, default, local) for above in _above(path))
    return False


def _turned_into_directory(path: str, default: Spec, local: Spec) -> bool:
    return path in default and default[path].kind != DIRECTORY and local[path].kind == DIRECTORY


def _carry(path: str, default: Spec, local: Spec, result: dict[str, Node]) -> None:
    source = local[path]
    above = _above(path)
    for place in above:
        if place in result and result[place].kind != DIRECTORY:
            raise Conflict(path)
    for place in above:
        if place not in result or place == above[-1]:
            result[place] = _dressed_as(local[place], result.get(place))
    present = result.get(path)
    if present is not None and present.kind == DIRECTORY:
        if source.kind != DIRECTORY:
            raise Conflict(path)
        return
    result.pop(path, None)
    if source.kind in (DIRECTORY, FILE, LINK):
        result[path] = source
    if source.kind == DIRECTORY and path in default:
        for below, node in local.items():
            if _is_in(below, path) and node.kind in (DIRECTORY, FILE, LINK):
                result[below] = node


def _dressed_as(template: Node, present: Node | None) -> Node:
    kept = dict(present.xattrs) if present is not None else {}
    return replace(template, xattrs=tuple(sorted((kept | dict(template.xattrs)).items())))


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _is_in(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")
