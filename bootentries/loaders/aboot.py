"""aboot: an Android boot image, put into its partition by `aboot-deploy`.

The program is called as libostree 2026.4 calls it: in the sysroot, with the paths that the
default entry's keys `aboot` and `abootcfg` hold, and its arguments.
"""

from dataclasses import dataclass

from bootentries.errors import BootentriesError
from bootentries.loaders import Menu
from bootentries.loaders.stamp import run_program, write_stamp
from bootentries.txn.ops import Op

PROGRAM = "aboot-deploy"
# Without one of these libostree swaps first and fails then.
REQUIRED = ("aboot", "abootcfg", "version", "linux", "initrd", "options")


@dataclass(frozen=True, slots=True)
class AbootLoader:
    """Runs `aboot-deploy` for the default entry; `pending` is a menu that it has to run for."""

    pending: Menu | None = None
    name: str = "aboot"
    atomic: bool = True

    def resume(self) -> tuple[Op, ...]:
        """Run the program for the active list, if that was left undone and can be done."""
        if self.pending is None or missing_key(self.pending):
            return ()
        return self.after_swap(self.pending)

    def before_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Write the stamp; raises BootentriesError for a default that aboot cannot boot."""
        if not menu.items:
            return ()
        key = missing_key(menu)
        if key is not None:
            raise BootentriesError(
                "prepare aboot", menu.items[0].entry.name, f"the entry has no {key!r}",
                hint="the default's tree needs aboot.img beside its kernel and "
                "usr/lib/ostree-boot/aboot.cfg",
            )  # fmt: skip
        return (write_stamp(),)

    def after_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Run the program."""
        if not menu.items:
            return ()
        bls = menu.items[0].entry.bls
        aboot, config, options = (bls.get(key) or "" for key in ("aboot", "abootcfg", "options"))
        return (run_program(PROGRAM, "-r", ".", "-c", config, "-o", options, aboot),)

    def after_relink(self, menu: Menu) -> tuple[Op, ...]:
        """Return nothing: the entries are the same."""
        return ()


def missing_key(menu: Menu) -> str | None:
    """Return a key that the default entry lacks, or None."""
    bls = menu.items[0].entry.bls
    return next((key for key in REQUIRED if not bls.get(key)), None)
