"""Bringing kernel files into /boot, and reading them back from storage."""

import errno
import mmap
import os
import stat
from collections.abc import Iterator

from bootentries import fs
from bootentries.digest import sha256
from bootentries.errors import BootentriesError
from bootentries.txn.context import Context

_BLOCK = 1 << 20
# The file cannot be linked there: another filesystem or mount, or a limit.
_NO_LINK = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP})
_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT})


def install_file(context: Context, source: str, path: str) -> None:
    """Make `path` a complete, synced copy or link of `source`.

    A file that is there already is compared, as it is on storage, before it is trusted, and
    replaced in one step when it differs.
    """
    context.proved.discard(path)
    target_fd, target = context.locate(path)
    with (
        fs.opened(context.root.fd, source) as src,
        fs.parent(target_fd, target) as (directory, name),
    ):
        present = _open_present(directory, name)
        try:
            if present is not None:
                os.fdatasync(present)
                if _is_link(src, present):
                    return
                if _same(src, present):
                    context.proved.add(path)
                    return
        finally:
            if present is not None:
                os.close(present)
        if present is None:
            _place(src, directory, name)
            return
        context.note(f"{path}: its content was not the deployment's, written again")
        temporary = f".{name}.tmp"
        fs.remove_tree(directory, temporary)
        _place(src, directory, temporary)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def install_tree(context: Context, source: str, path: str) -> None:
    """Copy a tree of device tree files, replacing what differs; links are followed.

    Owners, modes and the files' times are those of the tree, as libostree's copies have them.
    """
    target_fd, target = context.locate(path)
    fs.make_dirs(target_fd, target)
    _like(context, source, path)
    for name in fs.list_optional(context.root.fd, source) or []:
        found = fs.stat_optional(context.root.fd, f"{source}/{name}")
        if found is None:
            continue
        if stat.S_ISDIR(found.st_mode):
            install_tree(context, f"{source}/{name}", f"{path}/{name}")
        elif stat.S_ISREG(found.st_mode):
            install_file(context, f"{source}/{name}", f"{path}/{name}")
            _like(context, f"{source}/{name}", f"{path}/{name}")


def _like(context: Context, source: str, path: str) -> None:
    """Give a copied file the times of its source, and a directory the owner and the mode."""
    target_fd, target = context.locate(path)
    with fs.opened(context.root.fd, source) as src, fs.opened(target_fd, target) as out:
        wanted, found = os.fstat(src), os.fstat(out)
        if not stat.S_ISDIR(wanted.st_mode):
            if (wanted.st_dev, wanted.st_ino) != (found.st_dev, found.st_ino):
                os.utime(out, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))
            return
        if os.geteuid() == 0:
            os.fchown(out, wanted.st_uid, wanted.st_gid)
        os.fchmod(out, stat.S_IMODE(wanted.st_mode))


def read_back(context: Context, path: str, expected: bytes) -> None:
    """Compare a file on storage with what it has to hold; raises BootentriesError."""
    root_fd, name = context.locate(path)
    with fs.opened(root_fd, name) as fd:
        if b"".join(map(bytes, _stored(fd))) != expected:
            raise _not_stored(path)


def read_back_copy(context: Context, source: str, path: str) -> None:
    """Compare a file on storage with the deployment's; raises BootentriesError.

    Not once more where `install_file` found it there, and right.
    """
    if path in context.proved:
        return
    root_fd, name = context.locate(path)
    with fs.opened(context.root.fd, source) as src, fs.opened(root_fd, name) as fd:
        if not _is_stored(src, fd):
            raise _not_stored(path)


def stored_digest(context: Context, path: str) -> bytes:
    """Return the sha256 of a file's bytes on storage: the page cache proves nothing."""
    root_fd, name = context.locate(path)
    digest = sha256()
    with fs.opened(root_fd, name) as fd:
        for block in _stored(fd):
            digest.update(block)
    return digest.digest()


def _stored(fd: int) -> Iterator[memoryview]:
    """Yield the bytes of an open file, as they are on storage; each block until the next."""
    # Anonymous memory is page-aligned, as O_DIRECT wants it.
    with mmap.mmap(-1, _BLOCK) as block, memoryview(block) as view:
        direct = _reopen_direct(fd)
        try:
            if direct is None:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                os.lseek(fd, 0, os.SEEK_SET)
            while got := os.readv(fd if direct is None else direct, [block]):
                with view[:got] as part:
                    yield part
                if direct is not None and got < _BLOCK:
                    break
        finally:
            if direct is not None:
                os.close(direct)


def _reopen_direct(fd: int) -> int | None:
    """Open the file of `fd` past the page cache; None on a filesystem that has no way."""
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return None


def _is_stored(src: int, stored: int) -> bool:
    """Whether storage holds for `stored` what `src` is.

    Bytes are compared and not hashes of them: it says more, and takes a tenth.
    """
    os.lseek(src, 0, os.SEEK_SET)
    # What is compared with a bytearray need not be copied.
    wanted = bytearray(_BLOCK)
    for part in _stored(stored):
        if _read_exactly(src, wanted, len(part)) != len(part):
            return False
        if (wanted if len(part) == _BLOCK else wanted[: len(part)]) != part:
            return False
    return not os.read(src, 1)


def _read_exactly(fd: int, buffer: bytearray, size: int) -> int:
    """Read as many bytes as there are, `size` at most, to the buffer's beginning."""
    done = 0
    with memoryview(buffer) as view:
        while done < size:
            with view[done:size] as rest:
                got = os.readv(fd, [rest])
            if not got:
                break
            done += got
    return done


def _open_present(directory: int, name: str) -> int | None:
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None


def _is_link(src: int, present: int) -> bool:
    ours, theirs = os.fstat(src), os.fstat(present)
    return (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)


def _same(src: int, present: int) -> bool:
    """Whether what is there is the same as the source, on storage."""
    return os.fstat(src).st_size == os.fstat(present).st_size and _is_stored(src, present)


def _place(src: int, directory: int, name: str) -> None:
    """Give `name` to a hard link of `src`, or to a complete copy of it."""
    os.fdatasync(src)
    try:
        os.link(f"/proc/self/fd/{src}", name, dst_dir_fd=directory, follow_symlinks=True)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _place_copy(src, directory, name)


def _place_copy(src: int, directory: int, name: str) -> None:
    temporary = None
    try:
        out = os.open(".", os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=directory)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
        temporary = f".{name}.part"
        fs.remove_tree(directory, temporary)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        out = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        _copy(src, out)
        if temporary is None:
            os.link(f"/proc/self/fd/{out}", name, dst_dir_fd=directory, follow_symlinks=True)
        else:
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        os.close(out)


def _copy(src: int, out: int) -> None:
    os.lseek(src, 0, os.SEEK_SET)
    while block := os.read(src, _BLOCK):
        fs.write_all(out, block)
    found = os.fstat(src)
    if os.geteuid() == 0:
        os.fchown(out, found.st_uid, found.st_gid)
    os.fchmod(out, stat.S_IMODE(found.st_mode))
    os.fdatasync(out)


def _not_stored(path: str) -> BootentriesError:
    return BootentriesError(
        "read back",
        path,
        "storage holds something else than what was written",
        hint="nothing was activated; check the disk (dmesg, smartctl) and try again",
    )
