"""Loader backends: how the entries reach a bootloader that does not read them itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bootentries.deployment import Deployment, Entry

if TYPE_CHECKING:
    from bootentries.txn.ops import Op


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One entry and the deployment that it boots."""

    entry: Entry
    deployment: Deployment


@dataclass(frozen=True, slots=True)
class Menu:
    """The entries of one `loader.N`, the default first."""

    bootversion: int
    items: tuple[MenuItem, ...]
    # /boot is a plain directory of the filesystem that the loader reads
    boot_on_root: bool


class Loader(Protocol):
    """A bootloader's side of a write; it only plans, so nothing it does can surprise."""

    @property
    def name(self) -> str:
        """The value of `sysroot.bootloader`."""

    @property
    def atomic(self) -> bool:
        """Whether the rename of `boot/loader` activates its configuration too."""

    def resume(self) -> tuple["Op", ...]:
        """Return what the write before left undone.

        It has to succeed before anything is changed or cleaned up: until then the machine
        boots the list before the active one.
        """

    def before_swap(self, menu: Menu) -> tuple["Op", ...]:
        """Return the operations that prepare the configuration in `boot/loader.N`."""

    def after_swap(self, menu: Menu) -> tuple["Op", ...]:
        """Return operations whose failure leaves the machine bootable."""

    def after_relink(self, menu: Menu) -> tuple["Op", ...]:
        """Return what follows a write that changed the boot links and left the entries."""
