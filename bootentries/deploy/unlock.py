"""A writable /usr for the booted deployment: an overlay over it.

Everything here acts in the mount namespace that it is called in, which has to be the
system's own: the overlay is for everybody.  /sysroot may be mounted read-only there; what is
written goes through a mount of its own, which is gone afterwards.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bootentries import fs, syscalls
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError, from_os_error
from bootentries.immutable import set_immutable
from bootentries.root import Root
from bootentries.sysroot import DEPLOY
from bootentries.txn.namespace import MS_BIND, MS_RDONLY, make_writable

# From linux/mount.h and umount2(2)
_MS_SILENT = 0x8000
_MNT_DETACH = 2
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_XATTR = "security.selinux"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to unlock: the word for it, and what libostree says when it is done."""

    name: str
    message: str


DEVELOPMENT = Kind(
    "development",
    "Development mode enabled.  A writable overlayfs is now mounted on /usr.\n"
    "All changes there will be discarded on reboot.",
)
TRANSIENT = Kind(
    "transient",
    "A writable overlayfs is prepared for /usr, but is mounted read-only by default.\n"
    "All changes there will be discarded on reboot.",
)
HOTFIX = Kind(
    "hotfix",
    "Hotfix mode enabled.  A writable overlayfs is now mounted on /usr\n"
    "for this booted deployment.  A non-hotfixed clone has been created\n"
    "as the non-default rollback target.",
)


def describe(item: Deployment, kind: Kind) -> list[str]:
    """Return one line for each thing that unlocking does."""
    base = f"{DEPLOY}/{item.stateroot}"
    overlay = "mount a read-only overlay" if kind is TRANSIENT else "mount a writable overlay"
    if kind is not HOTFIX:
        place = f"{base}/backing/{item.name}/usr-transient"
        return [f"make {item.path} mutable", f"empty {place}", f"{overlay} on /usr, kept there"]
    return [
        f"deploy {item.checksum} once more, not as the default",
        f"make {item.path} mutable",
        f"{overlay} on /usr, kept in {item.path}/.usr-ovl-upper",
        f"note the hotfix in {item.path}.origin",
    ]


def unlock_usr(root: Root, item: Deployment, kind: Kind, run: str = "/run") -> None:
    """Mount the overlay on /usr, and leave the note in `run` by which others see it.

    The deployment's root loses its immutable flag, as libostree has it.  A hotfix keeps its
    changes in the deployment, where prepare-root finds them at the next boot; the others
    keep them beside it, and begin anew each time.  Raises BootentriesError; nothing is
    mounted then.
    """
    try:
        with fs.opened(root.fd, f"{item.path}/usr", _DIRECTORY) as usr_fd:
            with _writable_view(root, item.path, run) as fd:
                with fs.naming(item.path):
                    set_immutable(fd, wanted=False)
                if kind is HOTFIX:
                    _mount_hotfix(fd, usr_fd)
                    return
            with _writable_view(root, f"{DEPLOY}/{item.stateroot}", run) as fd:
                # Deployments of an older libostree have no such directory yet.
                fs.make_dirs(fd, f"backing/{item.name}", 0o700)
                base = f"backing/{item.name}/usr-transient"
                fs.remove_tree(fd, base)
                _make_like(fd, base, usr_fd)
                with fs.opened(fd, base, _DIRECTORY) as base_fd:
                    _mount_layers(base_fd, ("upper", "work"), usr_fd, kind is TRANSIENT)
        state = f"{run}/ostree/deployment-state/{item.name}"
        os.makedirs(state, 0o755, exist_ok=True)
        with open(f"{state}/unlocked-{kind.name}", "ab"):
            pass
    except OSError as error:
        raise from_os_error("unlock", error) from error


def _mount_hotfix(deploy_fd: int, usr_fd: int) -> None:
    names = (".usr-ovl-upper", ".usr-ovl-work")
    if _is_mounted():
        # Whoever was killed then has only not noted it.
        return
    for name in names:
        # Half of them, of one that was killed earlier.
        fs.remove_tree(deploy_fd, name)
    try:
        _mount_layers(deploy_fd, names, usr_fd, read_only=False)
    except OSError:
        # What is here at the next boot gets mounted then.
        for name in names:
            fs.remove_tree(deploy_fd, name)
        raise


def _mount_layers(base_fd: int, names: tuple[str, str], usr_fd: int, read_only: bool) -> None:
    """Make the directories of an overlay over `usr_fd`, and mount it on /usr."""
    for name in names:
        _make_like(base_fd, name, usr_fd)
    with (
        fs.opened(base_fd, names[0], _DIRECTORY) as upper,
        fs.opened(base_fd, names[1], _DIRECTORY) as work,
    ):
        layers = {"lowerdir": usr_fd, "upperdir": upper, "workdir": work}
        data = ",".join(f"{name}=/proc/self/fd/{fd}" for name, fd in layers.items())
        flags = _MS_SILENT | (MS_RDONLY if read_only else 0)
        syscalls.mount(b"overlay", b"/usr", b"overlay", flags, data.encode())


def _is_mounted() -> bool:
    """Return whether an overlay of this program, or of libostree, is on /usr."""
    with open("/proc/self/mountinfo", errors="surrogateescape") as file:
        lines = [line.partition(" - ") for line in file]
    return any(
        before.split(" ")[4] == "/usr" and after.startswith("overlay overlay ")
        for before, _, after in lines
    )


def _make_like(base_fd: int, name: str, model_fd: int) -> None:
    """Make a directory with the mode and the label of another one."""
    os.mkdir(name, 0o700, dir_fd=base_fd)
    with fs.naming(name), fs.opened(base_fd, name, _DIRECTORY) as fd:
        os.fchmod(fd, os.fstat(model_fd).st_mode & 0o7777)
        try:
            label = os.getxattr(model_fd, _XATTR)
        except OSError:
            return
        os.setxattr(fd, _XATTR, label)


@contextmanager
def _writable_view(root: Root, path: str, run: str) -> Iterator[int]:
    """Hold a directory of the sysroot open by a mount where it can be written to."""
    os.makedirs(f"{run}/ostree", 0o755, exist_ok=True)
    point = tempfile.mkdtemp(prefix=".unlock-", dir=f"{run}/ostree")
    try:
        with fs.opened(root.fd, path, os.O_PATH | os.O_DIRECTORY) as fd:
            source = f"/proc/self/fd/{fd}".encode()
            syscalls.mount(source, os.fsencode(point), b"", MS_BIND, b"")
        try:
            make_writable(point)
            fd = os.open(point, _DIRECTORY | os.O_CLOEXEC)
            try:
                yield fd
            finally:
                os.close(fd)
        finally:
            # What stays below /run until the next boot is no reason to fail, either.
            with suppress(OSError):
                syscalls.umount(os.fsencode(point), _MNT_DETACH)
    finally:
        # An empty directory in /run is no reason to fail.
        with suppress(OSError):
            os.rmdir(point)


def still_locked(item: Deployment | None) -> Deployment:
    """Return the booted deployment; raises BootentriesError when there is nothing to unlock."""
    if item is None:
        raise BootentriesError(
            "unlock", "/", "not booted into an OSTree system",
            hint="only the running deployment can be unlocked",
        )  # fmt: skip
    if item.unlocked != "none":
        raise BootentriesError("unlock", item.name, f"it is unlocked already: {item.unlocked}")
    return item
