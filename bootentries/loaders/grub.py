"""GRUB: a generated menu in `boot/loader.N`, read by a static stub."""

from dataclasses import dataclass

from bootentries.loaders import Menu
from bootentries.loaders.grub_menu import grub_menu
from bootentries.loaders.grub_stub import LAST_GOOD
from bootentries.txn import ops
from bootentries.txn.ops import Op


@dataclass(frozen=True, slots=True)
class GrubLoader:
    """`directory` is GRUB's own, relative to the boot directory (`grub`, `grub2`)."""

    directory: str
    name: str = "grub2"
    atomic: bool = True

    def resume(self) -> tuple[Op, ...]:
        """Return nothing: the swap does all."""
        return ()

    def before_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Write the menu beside the entries, so that one rename activates both."""
        return (ops.WriteFile(f"boot/loader.{menu.bootversion}/grub.cfg", grub_menu(menu)),)

    def after_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Keep the menu that is active now where no other program removes it."""
        return (ops.WriteFile(f"boot/{self.directory}/{LAST_GOOD}", grub_menu(menu)),)

    def after_relink(self, menu: Menu) -> tuple[Op, ...]:
        """Write the menu anew: its ids name deployments, and those have changed places."""
        return (*self.before_swap(menu), *self.after_swap(menu))
