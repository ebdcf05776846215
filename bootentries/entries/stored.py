"""The entries that lie on disk in one `loader.N`, and the bootlink that each one names."""

import stat

from bootentries import fs
from bootentries.deployment import Bootlink, Entry
from bootentries.entries import bls
from bootentries.entries.names import is_entry_name, parse_counters
from bootentries.errors import BootentriesError, from_os_error
from bootentries.order import newest_first
from bootentries.reader import Reader
from bootentries.root import Root


def read_entries(root: Root, bootversion: int) -> list[Entry]:
    """Return the entries of `loader.N`, the default first."""
    if root.boot_fd is None:
        return []
    directory = f"loader.{bootversion}/entries"
    entries = []
    with Reader(root.boot_fd) as reader:
        for name in fs.list_optional(root.boot_fd, directory) or []:
            if not is_entry_name(name):
                continue
            place = f"boot/{directory}/{name}"
            try:
                text = _entry_text(reader, f"{directory}/{name}", place)
            except OSError as error:
                raise from_os_error("read entry", error, place) from error
            if text is not None:
                entries.append(Entry(name, bls.parse(text), parse_counters(name)))
    order = {id(entry.bls): entry for entry in entries}
    return [order[id(item)] for item in newest_first([entry.bls for entry in entries])]


def _entry_text(reader: Reader, path: str, place: str) -> str | None:
    """Return an entry's text, or None for what is no file; raises OSError as well."""
    found = reader.stat_optional(path)
    if found is not None and not stat.S_ISREG(found.st_mode):
        return None
    data = None if found is None else reader.read_optional(path)
    if data is None:
        raise BootentriesError("read entry", place, "dangling symbolic link")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BootentriesError("read entry", place, "not UTF-8") from error
    if "\0" in text:
        raise BootentriesError("read entry", place, "a NUL byte is in it")
    return text


def entry_bootlink(entry: Entry) -> Bootlink:
    """Return the bootlink that an entry's `ostree=` names; raises BootentriesError."""
    return bootlink_in(entry.options, entry.name)


def bootlink_in(options: str, where: str) -> Bootlink:
    """Return the bootlink in the kernel arguments of the entry `where`."""
    # A plain split at spaces: that is how libostree looks for it.
    targets = [word for word in options.split(" ") if word.startswith("ostree=")]
    if not targets:
        raise BootentriesError("read entry", where, "no ostree= kernel argument")
    link = Bootlink.parse(targets[0].removeprefix("ostree="))
    if link is None:
        raise BootentriesError("read entry", where, f"invalid kernel argument {targets[0]!r}")
    return link
