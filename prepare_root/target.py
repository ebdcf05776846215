"""From `ostree=` to the deployment that it names.

The command line names a symlink below the physical root (`/ostree/boot.N/...`, or
`/ostree/root.a` on Android), and that symlink names the deployment.  Each way in which this
can be broken has an error of its own.  Resolution never leaves the physical root.
"""

import errno

import _bootsys

from prepare_root import files
from prepare_root.constants import O_PATH, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, ST_DEV, ST_INO
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import cmdline as kernel_cmdline

OPERATION = "find deployment"
OUTSIDE = "leads outside the sysroot"
_HEX = b"0123456789abcdef"


class Target:
    """A deployment below a physical root.

    `link` is what the command line said; `path` is the deployment's directory relative to
    the physical root, without a leading slash; `device` and `inode` are its own.  `instead`
    is empty, or says why another deployment than the one asked for has to do.
    """

    __slots__ = ("device", "inode", "instead", "link", "path", "stateroot")

    def __init__(self, link: bytes, path: bytes, stateroot: bytes, device: int, inode: int):
        self.link = link
        self.path = path
        self.stateroot = stateroot
        self.device = device
        self.inode = inode
        self.instead = ""

    @property
    def checksum(self) -> bytes:
        """The commit that is deployed here, in hex."""
        return self.path.rpartition(b"/")[2].partition(b".")[0]

    @property
    def var(self) -> bytes:
        """The stateroot's `var`, relative to the physical root."""
        return b"ostree/deploy/" + self.stateroot + b"/var"


def split_path(path: bytes) -> bytes | None:
    """The stateroot of a deployment's path relative to the root, or None if it is none.

    A deployment is `ostree/deploy/STATEROOT/deploy/CHECKSUM.SERIAL`.
    """
    parts = path.split(b"/")
    if len(parts) != 5 or parts[0] != b"ostree" or parts[1] != b"deploy" or parts[3] != b"deploy":
        return None
    checksum, dot, serial = parts[4].partition(b".")
    if not checksum.strip(_HEX) and checksum and dot and serial.isdigit():
        return parts[2]
    return None


def wanted_link(cmdline: bytes) -> bytes:
    """The path that the kernel command line asks for.  Raises Failure."""
    try:
        link = kernel_cmdline.find_ostree_target(cmdline)
    except kernel_cmdline.CmdlineError as error:
        raise Failure(OPERATION, "kernel command line", str(error)) from error
    if not link:
        raise Failure(
            OPERATION,
            "kernel command line",
            "no ostree= argument",
            "boot an entry that was written for a deployment; its options carry ostree=",
        )
    if b"\0" in link:
        # the kernel's own command line has none, a file in its place may
        raise Failure(OPERATION, show(link), "not a path: it has a zero byte in it")
    return link


def find(root: bytes, cmdline: bytes) -> Target:
    """The deployment that `cmdline` asks for below the physical root at path `root`.

    Raises Failure with a text of its own for each broken hop, and OSError never.
    """
    return follow(root, wanted_link(cmdline))


def follow(root: bytes, link: bytes) -> Target:
    """The deployment that the bootlink `link` leads to; raises Failure as `find` does."""
    name = show(link)
    root_fd = _open_root(root)
    try:
        _require_link(root_fd, link.lstrip(b"/"), name)
        return _opened(root, root_fd, link)
    finally:
        _bootsys.close(root_fd)


def at(root: bytes, path: bytes) -> Target:
    """The deployment whose directory is `path`, without a link; raises Failure."""
    root_fd = _open_root(root)
    try:
        return _opened(root, root_fd, path)
    finally:
        _bootsys.close(root_fd)


def _opened(root: bytes, root_fd: int, link: bytes) -> Target:
    name = show(link)
    fd = _open_target(root_fd, link.lstrip(b"/"), name)
    try:
        path = files.fd_path(fd)
        stat = _bootsys.fstat(fd)
    finally:
        _bootsys.close(fd)
    below = files.fd_path(root_fd).rstrip(b"/") + b"/"
    if path == below.rstrip(b"/"):
        raise Failure(OPERATION, name, "not a deployment: it leads to the sysroot itself")
    if not path.startswith(below):
        raise _outside(name)
    path = path[len(below) :]
    stateroot = split_path(path)
    if stateroot is None and split_path(path.removeprefix(b"sysroot/")) is not None:
        raise Failure(
            OPERATION, show(root), "prepared already: the physical root is at its sysroot"
        )
    if stateroot is None or not files.is_dir(stat):
        raise _no_deployment(name, path, "is not ostree/deploy/STATEROOT/deploy/CHECKSUM.SERIAL")
    if not files.is_dir(files.lstat(below + path + b"/usr")):
        raise _no_deployment(name, path, "has no directory 'usr'")
    return Target(link, path, stateroot, stat[ST_DEV], stat[ST_INO])


def _open_root(root: bytes) -> int:
    try:
        return _bootsys.open(root, O_PATH | _bootsys.O_DIRECTORY)
    except OSError as error:
        raise Failure(OPERATION, show(root), reason_of(error)) from error


def _require_link(root_fd: int, relative: bytes, name: str) -> None:
    """The last component must be a symlink, as stock tools demand."""
    try:
        fd = files.openat2(root_fd, relative, O_PATH | _bootsys.O_NOFOLLOW, _RESOLVE)
    except OSError as error:
        raise _unresolved(error, name, "no such link") from error
    try:
        stat = _bootsys.fstat(fd)
    finally:
        _bootsys.close(fd)
    if not files.is_link(stat):
        raise Failure(OPERATION, name, "not a symbolic link")


def _open_target(root_fd: int, relative: bytes, name: str) -> int:
    try:
        return files.openat2(root_fd, relative, O_PATH, _RESOLVE)
    except OSError as error:
        raise _unresolved(error, name, "dangling link: the deployment is gone") from error


_RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS


def _unresolved(error: OSError, name: str, absent: str) -> Failure:
    if error.errno == errno.EXDEV:
        return _outside(name)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Failure(OPERATION, name, absent, "choose another entry in the boot menu")
    if error.errno == errno.ENOSYS:
        return Failure(OPERATION, name, "this kernel has no openat2 (Linux 5.6 or later is needed)")
    return Failure(OPERATION, name, reason_of(error))


def _outside(name: str) -> Failure:
    return Failure(OPERATION, name, OUTSIDE)


def _no_deployment(name: str, path: bytes, why: str) -> Failure:
    return Failure(OPERATION, name, f"not a deployment: {show(path)} {why}")
