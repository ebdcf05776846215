"""Handing a deployment's kernel to the kernel that runs, which then starts it without firmware.

What is loaded is what the boot entry names: kernel, initrds in their order, arguments.  By
kexec_file_load(2), where the kernel reads the files itself and can look at their signature.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bootentries import fs
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError, from_os_error
from bootentries.kargs import split
from bootentries.root import Root

OPERATION = "load kernel"
_DISABLED = "proc/sys/kernel/kexec_load_disabled"
_LOCKDOWN = "sys/kernel/security/lockdown"
_LOADED = "sys/kernel/kexec_loaded"
# Says, as long as it is there, which sysroot's kernel was loaded by us.
RECORD = "bootchain/kexec"
# The kernel looks for the next archive at a multiple of this.
_ALIGNMENT = 4
_BLOCK = 1 << 20
_REBOOT = "reboot into it by way of the firmware"
_SIGNATURE = (errno.EKEYREJECTED, errno.ENOKEY, errno.ENODATA, errno.EBADMSG, errno.ELIBBAD)


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be loaded: paths in the boot directory, and the kernel's arguments."""

    linux: str
    initrds: tuple[str, ...]
    cmdline: str

    def describe(self) -> list[str]:
        """Return a line for each part."""
        initrds = [f"load initrd boot/{path}" for path in self.initrds]
        return [f"load kernel boot/{self.linux}", *initrds, f"with arguments {self.cmdline}"]


def plan(item: Deployment) -> Load:
    """Return what to load for a deployment with an entry; raises BootentriesError."""
    entry = item.entry
    linux = entry.bls.get("linux") if entry is not None else None
    if entry is None or not linux:
        raise BootentriesError(
            OPERATION, item.name, "its boot entry names no kernel",
            hint="bootentries verify says what is amiss",
        )  # fmt: skip
    variables = [word for word in split(entry.options) if word.startswith("$")]
    if variables:
        raise BootentriesError(
            OPERATION, item.name, f"only its boot loader knows the argument {variables[0]}",
            hint="bootentries kargs edit-in-place can put the arguments themselves there",
        )  # fmt: skip
    return Load(_in_boot(linux), tuple(map(_in_boot, entry.bls.initrds())), entry.options)


def _in_boot(path: str) -> str:
    """Return an entry's path relative to the boot directory; it is the loader's, else."""
    return path.lstrip("/").removeprefix("boot/")


def load(root: Root, todo: Load, run: str = "/run") -> None:
    """Load it, in place of what was loaded before, and remember it; raises BootentriesError."""
    from bootentries import kexec_call  # noqa: PLC0415 - only who loads needs ctypes

    with ExitStack() as held:
        try:
            kernel = held.enter_context(fs.opened(root.boot(), todo.linux))
            initrd = held.enter_context(_one_initrd(root.boot(), todo.initrds))
        except OSError as error:
            raise from_os_error("read kernel", error) from error
        try:
            kexec_call.kexec_file_load(kernel, initrd, os.fsencode(todo.cmdline))
        except OSError as error:
            reason, hint = explain(error, *_state())
            raise BootentriesError(OPERATION, f"boot/{todo.linux}", reason, hint) from error
    record = f"{run}/{RECORD}"
    try:
        os.makedirs(os.path.dirname(record), exist_ok=True)
        with open(record, "w", encoding="ascii") as file:
            file.write(_identity(root))
    except OSError as error:
        raise from_os_error("remember the loaded kernel", error, record) from error


def forget(root: Root, note: Callable[[str], None], run: str = "/run") -> None:
    """Unload what was loaded from this sysroot, before its list is written anew.

    The bootlink among the arguments would lead nowhere, or to another deployment, then.
    Raises BootentriesError.
    """
    record = f"{run}/{RECORD}"
    if _text(record) != _identity(root):
        return
    if is_loaded():
        unload()
        note("the kernel that was loaded for kexec is given up: its bootlink is of this list")
    try:
        os.unlink(record)
    except OSError as error:
        raise from_os_error("forget the loaded kernel", error, record) from error


def _identity(root: Root) -> str:
    # Not the root itself: after a soft reboot that is another one, on the same sysroot.
    found = os.stat("ostree", dir_fd=root.fd)
    return f"{found.st_dev}:{found.st_ino}\n"


def unload() -> None:
    """Forget the kernel that is loaded, if there is one; raises BootentriesError."""
    from bootentries import kexec_call  # noqa: PLC0415 - only who loads needs ctypes

    try:
        kexec_call.kexec_file_unload()
    except OSError as error:
        reason, hint = explain(error, *_state())
        raise BootentriesError("unload kernel", "kexec_file_load", reason, hint) from error


def is_loaded(top: str = "/") -> bool:
    """Return whether a kernel is loaded."""
    return _text(f"{top}{_LOADED}").strip() == "1"


def explain(error: OSError, disabled: str, lockdown: str) -> tuple[str, str | None]:
    """Return (reason, hint) for a load that the kernel refused.

    `disabled` is the text of the sysctl kexec_load_disabled, `lockdown` that of the security
    module's file; each is empty where there is none.
    """
    said = error.strerror or str(error)
    if error.errno == errno.EPERM:
        if disabled.strip() == "1":
            return "kernel.kexec_load_disabled is set: it stays so until a reboot", _REBOOT
        mode = next((word for word in lockdown.split() if word.startswith("[")), "[none]")
        if mode != "[none]":
            return f"kernel lockdown ({mode[1:-1]}) takes none that it cannot verify", _REBOOT
        return said, "only root may load a kernel"
    if error.errno == errno.ENOSYS:
        return "the kernel that runs has no kexec_file_load (CONFIG_KEXEC_FILE)", _REBOOT
    if error.errno in _SIGNATURE:
        return f"the kernel that runs does not accept its signature: {said}", _REBOOT
    if error.errno == errno.ENOEXEC:
        return "not an image that the kernel that runs can load", _REBOOT
    return said, None


def _state() -> tuple[str, str]:
    return _text(f"/{_DISABLED}"), _text(f"/{_LOCKDOWN}")


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


@contextmanager
def _one_initrd(boot_fd: int, paths: tuple[str, ...]) -> Iterator[int]:
    """Hold one file with all initrds open, as a loader puts them into memory; -1 for none."""
    if not paths:
        yield -1
        return
    if len(paths) == 1:
        with fs.opened(boot_fd, paths[0]) as fd:
            yield fd
        return
    together = os.memfd_create("initrds", os.MFD_CLOEXEC)
    try:
        for path in paths:
            with fs.opened(boot_fd, path) as fd:
                _append(together, fd)
        yield together
    finally:
        os.close(together)


def _append(to_fd: int, from_fd: int) -> None:
    while block := os.read(from_fd, _BLOCK):
        view = memoryview(block)
        while view:
            view = view[os.write(to_fd, view) :]
    size = os.lseek(to_fd, 0, os.SEEK_CUR)
    os.write(to_fd, bytes(-size % _ALIGNMENT))
