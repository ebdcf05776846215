"""systemd-boot: entries on EFI partitions, which follow the list after every swap.

It stands beside the backend of `sysroot.bootloader`, which is written as ever: so a machine
can change from one to the other and back, and boots by either on the way.
"""

from dataclasses import dataclass

from bootentries.errors import BootentriesError
from bootentries.esp.sync import STAMP, is_pending, sync_all
from bootentries.loaders import Loader, Menu
from bootentries.root import Root
from bootentries.sysroot import load
from bootentries.txn import ops
from bootentries.txn.context import Context
from bootentries.txn.ops import Op
from bootentries.txn.run_ops import ProgramFailed


@dataclass(frozen=True, slots=True)
class SyncEsps:
    """Bring the partitions in step with the active list.

    The deployments of the list before stay while a partition has entries of it that could
    not be replaced, or that cannot be mounted here and may boot all the same.  Nothing boots
    from one that is not there: that is a remark.
    """

    def describe(self) -> str:
        return "bring the EFI partitions in step (bootentries esp sync)"

    def apply(self, context: Context) -> None:
        failed = [
            outcome
            for outcome in sync_all(context.root, load(context.root, context.run), context.note)
            if outcome.error is not None
        ]
        stuck: BootentriesError | None = None
        for outcome in failed:
            assert outcome.error is not None
            hint = f"{outcome.error.hint or 'mend that'}; then: bootentries esp sync"
            if stuck is None and not outcome.gone:
                stuck = outcome.error
            else:
                context.note(f"{outcome.error}")
                context.note(f"hint: {hint}")
        if stuck is not None:
            hint = f"{stuck.hint or 'mend that'}; then: bootentries esp sync"
            raise ProgramFailed(stuck.operation, stuck.obj, stuck.reason, hint=hint)


def resume_sync(root: Root) -> tuple[Op, ...]:
    """Return what has to be tried before the list before may be cleaned up."""
    return (SyncEsps(),) if is_pending(root) else ()


@dataclass(frozen=True, slots=True)
class SdbootLoader:
    """`inner` is the backend of `sysroot.bootloader`."""

    inner: Loader

    @property
    def name(self) -> str:
        """The name of what is written with the list."""
        return self.inner.name

    @property
    def atomic(self) -> bool:
        """As that of the other backend."""
        return self.inner.atomic

    def resume(self) -> tuple[Op, ...]:
        """Return what the other backend left undone: entries here keep links of their own."""
        return self.inner.resume()

    def before_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Write the stamp that remembers that the partitions are behind."""
        return (*self.inner.before_swap(menu), ops.WriteFile(STAMP, ""))

    def after_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Bring the partitions in step."""
        return (*self.inner.after_swap(menu), SyncEsps())

    def after_relink(self, menu: Menu) -> tuple[Op, ...]:
        """Bring the partitions in step: their entries name deployments."""
        return (*self.inner.after_relink(menu), SyncEsps())
