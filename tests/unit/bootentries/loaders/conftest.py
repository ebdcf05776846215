"""Menus for tests of the backends."""

import pytest

from bootentries.deployment import Deployment, Entry
from bootentries.entries.bls import parse
from bootentries.loaders import Menu, MenuItem


class Menus:
    """Makes entries and menus."""

    @staticmethod
    def item(number: int = 1, extra: str = "", booted: bool = False) -> MenuItem:
        """Return an entry of `number` with the lines `extra` at its end."""
        text = (
            f"title Test OS ({number})\nversion {number}\noptions arg={number}\n"
            f"linux /ostree/k{number}/vmlinuz\n{extra}"
        )
        deployment = Deployment("os", f"{number}" * 64, 0, "b" * 64, booted=booted)
        return MenuItem(Entry(f"ostree-{number}.conf", parse(text)), deployment)

    @staticmethod
    def parsed(text: str) -> MenuItem:
        """Return an entry with this text."""
        entry = Entry("ostree-9.conf", parse(text))
        return MenuItem(entry, Deployment("os", "9" * 64, 0, "b" * 64))

    @staticmethod
    def of(fake, index: int) -> MenuItem:
        """Return an entry for a deployment of the sysroot written by hand."""
        deployment = Deployment(fake.stateroot, fake.checksums[index], 0, "b" * 64)
        return MenuItem(Entry(f"ostree-{index}.conf", parse("linux /k\n")), deployment)

    @staticmethod
    def menu(*items: MenuItem) -> Menu:
        """Return the menu of `loader.1`."""
        return Menu(1, items, boot_on_root=True)


@pytest.fixture(scope="session")
def menus():
    return Menus()
