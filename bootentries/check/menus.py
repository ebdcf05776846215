"""What the bootloader in force reads, against the entries."""

from bootentries import fs
from bootentries.check.finding import Report
from bootentries.check.grub import check_grub
from bootentries.errors import BootentriesError
from bootentries.loaders import Loader, Menu
from bootentries.loaders.detect import choose_menu_loader
from bootentries.loaders.grub import GrubLoader
from bootentries.loaders.stamp import STAMP, is_pending
from bootentries.repo import REPO, RepoConfig
from bootentries.root import Root
from bootentries.txn.ops import WriteFile


def check_menus(root: Root, config: RepoConfig, menu: Menu, report: Report) -> None:
    """Look whether the bootloader will show the list; raises OSError."""
    try:
        loader = choose_menu_loader(root, config)
        if isinstance(loader, GrubLoader):
            check_grub(root, loader.directory, menu, report)
        else:
            _check_files(root, loader, menu, report)
    except BootentriesError as error:
        report.add("loader-backend", f"{REPO}/config", f"{error.obj}: {error.reason}")
    if is_pending(root):
        report.add("loader-pending", STAMP, "its program has not run since the list was written")


def _check_files(root: Root, loader: Loader, menu: Menu, report: Report) -> None:
    """Compare what a write of this list would write; raises BootentriesError and OSError."""
    for op in loader.before_swap(menu):
        if not isinstance(op, WriteFile) or op.path == STAMP:
            continue
        data = fs.read_optional(root.boot(), op.path.removeprefix("boot/"))
        if data is None:
            report.add("menu-missing", op.path, "no such file")
        elif _lines(data) != _lines(op.text.encode()):
            report.add("menu-differs", op.path, f"it is not what {loader.name} needs for the list")


def _lines(data: bytes) -> list[bytes]:
    """Blank lines mean nothing to these loaders, and libostree adds one now and then."""
    return [line for line in data.split(b"\n") if line.strip()]
