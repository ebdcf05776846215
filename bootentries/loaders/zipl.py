"""zipl (s390x): a map of the kernel's blocks, written by `zipl` from the entries.

On the running system zipl is called directly; for another sysroot it runs in the tree of
the default deployment, with that sysroot's boot directory on /boot.
"""

from dataclasses import dataclass
from pathlib import Path

from bootentries.errors import BootentriesError, from_os_error
from bootentries.loaders import Menu
from bootentries.loaders.stamp import pending_menu, run_program, write_stamp
from bootentries.root import Root
from bootentries.txn.ops import Op

_SECURE_BOOT = "firmware/ipl/secure"
_SECURE_EXECUTION = "firmware/uv/prot_virt_guest"


@dataclass(frozen=True, slots=True)
class ZiplLoader:
    """`secure` is the value of `--secure`, the paths are absolute.

    `pending` is a menu that zipl has still to run for.
    """

    sysroot_path: str
    boot_path: str
    secure: str = "auto"
    pending: Menu | None = None
    name: str = "zipl"
    atomic: bool = True

    def resume(self) -> tuple[Op, ...]:
        """Run the program for the active list, if that was left undone."""
        return () if self.pending is None else self.after_swap(self.pending)

    def before_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Write the stamp."""
        return (write_stamp(),) if menu.items else ()

    def after_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Run the program."""
        if not menu.items:
            return ()
        program = ("zipl", "--secure", self.secure, "-V")
        if any(item.deployment.booted for item in menu.items):
            return (run_program(*program),)
        tree = f"{self.sysroot_path.rstrip('/')}/{menu.items[0].deployment.path}"
        inside = (
            "bwrap", "--bind", tree, "/", "--bind", self.boot_path, "/boot",
            "--dev-bind", "/dev", "/dev", "--proc", "/proc", "--ro-bind", "/sys", "/sys",
            "--tmpfs", "/run", "--tmpfs", "/tmp",  # noqa: S108 - in the tree's own view
            "--chdir", "/", "--die-with-parent", "--unshare-pid", "--",
        )  # fmt: skip
        return (run_program(*inside, *program),)

    def after_relink(self, menu: Menu) -> tuple[Op, ...]:
        """Return nothing: the entries are the same."""
        return ()


def read_zipl(root: Root, sysfs: str = "/sys") -> ZiplLoader:
    """Return the backend for this machine; raises BootentriesError."""
    if _flag(sysfs, _SECURE_EXECUTION):
        raise BootentriesError(
            "choose bootloader", "zipl", "this is a Secure Execution guest",
            hint="its boot image is not made here: write the list with ostree admin",
        )  # fmt: skip
    secure = "1" if _flag(sysfs, _SECURE_BOOT) else "auto"
    sysroot, boot = (str(Path(path).absolute()) for path in (root.path, root.boot_path))
    return ZiplLoader(sysroot, boot, secure, pending_menu(root))


def _flag(sysfs: str, name: str) -> bool:
    path = Path(sysfs) / name
    try:
        return "1" in path.read_text()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise from_os_error("choose bootloader", error) from error
