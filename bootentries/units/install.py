"""Writing drop-ins and units below a root directory, and taking them away."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.run import run
from bootentries.units import esp, hooks
from bootentries.units.dropins import PYTHON, TAKEOVERS, Takeover
from bootentries.units.whole import HEAD, whole_unit

# Where systemd looks for units, the first that has one wins; /lib for trees without merged /usr.
SEARCH = (
    "etc/systemd/system",
    "run/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)


def plan(
    root: str, directory: str, import_path: tuple[str, ...], *, with_esp: bool = False
) -> tuple[tuple[str, str], ...]:
    """Return (path, text) of each drop-in, relative to `root`; it only reads.

    With `with_esp` the units that keep EFI partitions in step are among them.

    A unit that libostree has not installed is written as a whole.  Raises BootentriesError
    where Python or the program is not there: the machine would be without anybody who
    finalises.
    """
    with _opened(root) as fd:
        if fs.stat_optional(fd, PYTHON.lstrip("/")) is None:
            raise BootentriesError(
                "install units", PYTHON, "not there", hint="install the package python3-minimal"
            )
        for name in ("bootentries", "prepare_root", "click"):
            if not any(fs.is_dir(fd, f"{place.lstrip('/')}/{name}") for place in import_path):
                raise BootentriesError(
                    "install units", name, f"not in {' or '.join(import_path)}",
                    hint="name the directory that holds it with --import-path",
                )  # fmt: skip
        files = [
            (item.path, item.text(import_path))
            if _is_theirs(fd, item)
            else (item.unit, whole_unit(item, import_path))
            for item in TAKEOVERS
        ]
    files += hooks.hook_units(import_path)
    files += esp.esp_units(import_path) if with_esp else ()
    return tuple((f"{directory}/{path}", text) for path, text in files)


def install(root: str, todo: tuple[tuple[str, str], ...]) -> None:
    """Write the drop-ins; raises BootentriesError."""
    with _opened(root) as fd:
        for path, text in todo:
            try:
                fs.make_dirs(fd, os.path.dirname(path))
                fs.write_file(fd, path, text.encode())
            except OSError as error:
                raise from_os_error("install units", error, path) from error


def installed(root: str) -> tuple[str, ...]:
    """Return the drop-ins that are there, relative to `root`."""
    with _opened(root) as fd:
        names = (*(item.path for item in TAKEOVERS), *hooks.PATHS, *esp.PATHS)
        places = SEARCH[::2]
        paths = [f"{place}/{name}" for place in places for name in names]
        found = [path for path in paths if fs.stat_optional(fd, path, follow=False)]
        units = [f"{place}/{item.unit}" for place in places for item in TAKEOVERS]
        return (*found, *(path for path in units if _is_ours(fd, path)))


def uninstall(root: str, paths: tuple[str, ...]) -> None:
    """Remove drop-ins, and their directories where nothing else is in them."""
    with _opened(root) as fd:
        for path in paths:
            try:
                fs.remove_tree(fd, path)
                if not os.path.dirname(path).endswith(".d"):
                    continue
                with fs.parent(fd, os.path.dirname(path)) as (parent, name), suppress(OSError):
                    os.rmdir(name, dir_fd=parent)
            except OSError as error:
                raise from_os_error("remove units", error, path) from error


def start_following() -> None:
    """Start the units that keep EFI partitions in step: the next list may be libostree's.

    Raises BootentriesError, with the units installed, when a partition cannot follow now.
    """
    run(("systemctl", "start", *esp.STARTED), "start units", esp.SERVICE)


def stop_following(paths: tuple[str, ...]) -> None:
    """Stop those of them whose files were among `paths`, which are removed.

    The manager is told later that they are gone, so that the partitions follow once more.
    """
    names = {os.path.basename(path) for path in paths}
    for name in esp.STARTED:
        if name in names:
            # It ends in any case; why a partition fails is in its journal.
            with suppress(BootentriesError):
                run(("systemctl", "stop", name), "stop units", name)


def _is_theirs(root_fd: int, takeover: Takeover) -> bool:
    """Return whether libostree's unit is there, so that a drop-in has something to change."""
    paths = [f"{place}/{takeover.unit}" for place in SEARCH]
    return any(fs.is_file(root_fd, path) and not _is_ours(root_fd, path) for path in paths)


def _is_ours(root_fd: int, path: str) -> bool:
    """Return whether a whole unit at `path` was written by us."""
    try:
        text = fs.read_optional(root_fd, path)
    except OSError:
        return False
    return text is not None and text.startswith(HEAD.encode())


@contextmanager
def _opened(root: str) -> Iterator[int]:
    try:
        fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise from_os_error("install units", error, root) from error
    try:
        yield fd
    finally:
        os.close(fd)
