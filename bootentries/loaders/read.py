"""The menu that lies on disk, for one `loader.N`, whoever wrote its entries."""

from bootentries.entries.stored import read_entries
from bootentries.errors import from_os_error
from bootentries.loaders import Menu, MenuItem
from bootentries.reader import Reader
from bootentries.root import Root
from bootentries.sysroot import deployment_of


def read_menu(root: Root, bootversion: int) -> Menu:
    """Return the entries of `loader.N` with their deployments; raises BootentriesError."""
    try:
        with Reader(root.fd) as reader:
            items = tuple(
                MenuItem(entry, deployment_of(reader, entry))
                for entry in read_entries(root, bootversion)
            )
        return Menu(bootversion, items, root.boot_is_on_root())
    except OSError as error:
        raise from_os_error("read menu", error) from error
