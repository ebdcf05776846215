"""From the list to what every partition shall hold."""

import os
import re

from bootentries import fs
from bootentries.deployment import Deployment, Entry
from bootentries.entries.names import Counters
from bootentries.entries.stored import entry_bootlink
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp.entry import EspEntry, Payload, extras_of
from bootentries.esp.links import find_link
from bootentries.esp.lost import present_deployments
from bootentries.esp.names import payload_name
from bootentries.esp.ops import digest_of
from bootentries.esp.plan import Wanted
from bootentries.root import Root
from bootentries.sysroot import Sysroot

# Files of a staged deployment's kernel that lie in the boot directory before its entry.
_KERNEL_FILE = re.compile(r"(vmlinuz|initramfs|devicetree)-.*")


EFIVARS = "/sys/firmware/efi/efivars"
_COUNT_PATH = "LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


class Sources:
    """The files of the boot directory, each hashed once, or known from before."""

    def __init__(self, root: Root, known: dict[str, str] | None = None) -> None:
        """`known` says under which name a source was copied before."""
        self._root = root
        self._known = known or {}

    def payload(self, path: str) -> Payload:
        """Return the file that an entry names by `path`; raises BootentriesError."""
        source = path.lstrip("/").removeprefix("boot/")
        boot = self._root.boot()
        try:
            with fs.opened(boot, source) as fd:
                size = os.fstat(fd).st_size
                name = self._known.get(source)
                if name is None:
                    name = payload_name(source.rpartition("/")[2], digest_of(fd))
                    self._known[source] = name
        except OSError as error:
            raise from_os_error("read kernel", error, f"boot/{source}") from error
        return Payload(source, name, size)


def read_wanted(
    root: Root, present: Sysroot, known: dict[str, str] | None = None, efivars: str = EFIVARS
) -> Wanted:
    """Return what partitions shall hold for a list whose links are made.

    `known` maps files of the boot directory to names of copies that need no hash again.
    Raises BootentriesError for an entry that systemd-boot could not boot.
    """
    sources = Sources(root, known)
    entries = tuple(_entry(root, item, present.config.tries, sources) for item in present.on_disk)
    booted = present.booted_deployment
    extra = tuple(
        sources.payload(f"{directory}/{name}")
        for item in present.deployments
        if item.staged
        for directory in (f"ostree/{item.stateroot}-{item.bootcsum}",)
        for name in fs.list_optional(root.boot(), directory) or []
        if _KERNEL_FILE.fullmatch(name)
    )
    there, counting = present_deployments(root), present.config.tries > 0
    if booted is None:
        return Wanted(entries, extra, there=there, counting=counting)
    keep, counted = identity(booted), counted_name(efivars)
    return Wanted(entries, extra, keep, counted, there, counting)


def counted_name(efivars: str = EFIVARS) -> str | None:
    """Return the name of the entry file whose tries this boot counts, None for none.

    systemd-boot leaves it in a variable, as a path in UTF-16 after four bytes of attributes.
    """
    try:
        with open(f"{efivars}/{_COUNT_PATH}", "rb") as file:
            data = file.read(4096)
    except OSError:
        return None
    path = data[4:].decode("utf-16-le", "replace").partition("\0")[0]
    return path.rpartition("\\")[2].lower() or None


def identity(item: Deployment) -> str:
    """Return `STATEROOT/CHECKSUM.SERIAL`."""
    return f"{item.stateroot}/{item.name}"


def _entry(root: Root, item: Deployment, tries: int, sources: Sources) -> EspEntry:
    entry = item.entry
    if entry is None:
        raise BootentriesError("sync ESP", item.name, "it has no entry")
    linux = entry.bls.get("linux")
    if not linux:
        raise BootentriesError("sync ESP", entry.name, "the entry has no 'linux'")
    link = find_link(root, item)
    options = entry.options
    if link is not None:
        options = options.replace(str(entry_bootlink(entry)), link)
    devicetree = entry.bls.get("devicetree")
    return EspEntry(
        deployment=identity(item),
        title=entry.bls.get("title") or entry.name,
        options=options,
        linux=sources.payload(linux),
        initrds=tuple(sources.payload(path) for path in entry.bls.initrds()),
        devicetree=None if not devicetree else sources.payload(devicetree),
        extras=extras_of(entry.bls),
        tries=_tries(entry, tries),
    )


def _tries(entry: Entry, tries: int) -> tuple[int, int] | None:
    """Return the counters of the list's own entry, where boot counting is on."""
    if not tries or entry.counters == Counters():
        return None
    return (entry.counters.left, entry.counters.done)
