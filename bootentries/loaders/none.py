"""No backend: the bootloader reads the entries itself, or is somebody else's business."""

from dataclasses import dataclass

from bootentries.loaders import Menu
from bootentries.txn.ops import Op


@dataclass(frozen=True, slots=True)
class NoLoader:
    """Writes nothing but the entries."""

    name: str = "none"
    atomic: bool = False

    def resume(self) -> tuple[Op, ...]:
        return ()

    def before_swap(self, menu: Menu) -> tuple[Op, ...]:
        return ()

    def after_swap(self, menu: Menu) -> tuple[Op, ...]:
        return ()

    def after_relink(self, menu: Menu) -> tuple[Op, ...]:
        return ()
