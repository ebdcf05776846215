"""One entry, hop by hop: what is found at each, up to the one that is broken."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bootentries import fs
from bootentries.check.active import check_config, check_loader
from bootentries.check.deployments import check_commit, check_origin, check_tree
from bootentries.check.entries import bootlink_of, check_text, in_order, read_entry
from bootentries.check.finding import Finding, Report, shown
from bootentries.check.grub import check_target, find_menu
from bootentries.check.initramfs import check_initramfs
from bootentries.check.kernels import check_kernels, in_boot
from bootentries.check.links import check_bootversion, follow
from bootentries.check.mounts import mounts
from bootentries.deployment import Bootlink, Deployment, Entry
from bootentries.entries.names import is_entry_name
from bootentries.entries.render import payload_dir
from bootentries.errors import BootentriesError
from bootentries.loaders.detect import choose_menu_loader, detect
from bootentries.loaders.grub import GrubLoader
from bootentries.loaders.grub_menu import boot_path
from bootentries.origin import Origin
from bootentries.origin import parse as parse_origin
from bootentries.repo import REPO, read_commit
from bootentries.root import Root


@dataclass(frozen=True, slots=True)
class Hop:
    """One step: its name, the place that was looked at, and what was found there.

    `fault` is set in the last one of a walk that ends early.
    """

    name: str
    place: str
    found: str = ""
    fault: Finding | None = None

    def to_json(self) -> dict[str, object]:
        """Return the hop for programs."""
        return {
            "hop": self.name,
            "place": self.place,
            "found": self.found or None,
            "fault": None if self.fault is None else self.fault.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Walk:
    """The hops of entry `index`; `count` is None when the list was not reached."""

    index: int
    count: int | None
    hops: tuple[Hop, ...]

    @property
    def fault(self) -> Finding | None:
        """What ended the walk early."""
        return self.hops[-1].fault


class NoSuchEntry(Exception):
    """The list is shorter; `count` is its length."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


class _Broken(Exception):
    def __init__(self, name: str, finding: Finding) -> None:
        super().__init__(name)
        self.name = name
        self.finding = finding


def explain(root: Root, index: int) -> Walk:
    """Walk entry `index`, 0 being the default; raises NoSuchEntry."""
    walker = _Walker(root, index)
    hops: list[Hop] = []
    try:
        for hop in walker.hops():
            # Names and texts come from the disk, and go to a terminal.
            hops.append(replace(hop, place=shown(hop.place), found=shown(hop.found)))
    except _Broken as broken:
        hops.append(Hop(broken.name, broken.finding.place, fault=broken.finding))
    return Walk(index, walker.count, tuple(hops))


@contextmanager
def _step(name: str, place: str) -> Iterator[Report]:
    """End the walk at the first fault of a block, whose findings the report takes."""
    report = Report()
    with report.guard(place):
        yield report
    for finding in report.findings:
        if finding.is_fault:
            raise _Broken(name, finding)


class _Walker:
    """The walk so far; each method makes one hop, or ends the walk."""

    def __init__(self, root: Root, index: int) -> None:
        self.root = root
        self.index = index
        self.count: int | None = None

    def hops(self) -> Iterator[Hop]:
        """Yield the hops in the order in which a boot takes them."""
        loader = self._loader()
        yield Hop("bootloader", f"{REPO}/config", loader)
        if self.root.boot_fd is not None:
            yield Hop("boot directory", "boot", self._boot())
        bootversion = self._bootversion()
        yield Hop("active list", "boot/loader", f"a link to loader.{bootversion}")
        entry, place = self._entry(bootversion)
        yield Hop("entry", place, self._described(entry))
        if loader.startswith("grub2"):
            yield from self._menu(bootversion, entry)
        yield from self._files(entry)
        link = bootlink_of(entry)
        assert link is not None
        yield Hop("ostree=", place, str(link))
        sub = self._subbootversion(link, bootversion)
        yield Hop("boot version", f"ostree/boot.{bootversion}", f"a link to {sub}")
        item = self._follow(entry, link)
        yield Hop("boot link", str(link).lstrip("/"), f"a link to /{item.path}")
        yield self._deployment(item)
        yield self._kernel(item, bootversion)
        yield self._commit(item)
        yield from self._mounts(item)

    def _loader(self) -> str:
        config = check_config(self.root, Report())
        if config.bootloader != "auto":
            return f"{config.bootloader}, as the repository says"
        if self.root.boot_fd is None:
            return "not known"
        try:
            return f"{detect(self.root).loader}, as what lies in /boot says"
        except BootentriesError as error:
            return f"not known: {error.reason}"

    def _boot(self) -> str:
        if self.root.boot_is_on_root():
            return "a directory of the root filesystem: the loader sees it as /boot"
        return "a filesystem of its own: the loader sees it as /"

    def _bootversion(self) -> int:
        with _step("active list", "boot/loader") as report:
            found = check_loader(self.root, report)
            if found is None and not report.faults:
                raise NoSuchEntry(0)
        assert found is not None
        return found

    def _entry(self, bootversion: int) -> tuple[Entry, str]:
        """Return the entry; those that cannot be read come after all others."""
        directory = f"loader.{bootversion}/entries"
        entries: list[Entry] = []
        broken: list[Finding] = []
        names: list[str] = []
        with _step("entries", f"boot/{directory}"):
            names = fs.list_optional(self.root.boot(), directory) or []
        for name in filter(is_entry_name, names):
            report = Report()
            with report.guard(f"boot/{directory}/{name}"):
                entry = read_entry(self.root, directory, name, report)
                if entry is not None:
                    entries.append(entry)
            broken += [finding for finding in report.findings if finding.is_fault]
        self.count = len(entries) + len(broken)
        if self.index >= self.count:
            raise NoSuchEntry(self.count)
        if self.index >= len(entries):
            raise _Broken("entry", broken[self.index - len(entries)])
        entry = in_order(entries)[self.index]
        place = f"boot/{directory}/{entry.name}"
        with _step("entry", place) as report:
            check_text(place, entry, report)
        return entry, place

    def _described(self, entry: Entry) -> str:
        counted = ""
        if entry.counters.left or entry.counters.done:
            counted = f", tries: {entry.counters.left} left, {entry.counters.done} done"
        where = "the default" if self.index == 0 else f"number {self.index} from the default on"
        return f"{entry.bls.get('title')!r}, version {entry.bls.get('version')}, {where}{counted}"

    def _menu(self, bootversion: int, entry: Entry) -> Iterator[Hop]:
        path: str | None = None
        with _step("menu", "boot"):
            # Whether GRUB's own file is right is `verify`'s business.
            path = find_menu(self.root, self._grub_directory(), bootversion, Report())
        if path is None:
            yield Hop("menu", "boot", "none: GRUB reads the entries themselves")
            return
        with _step("menu", f"boot/{path}") as report:
            check_target(self.root, path, str(bootlink_of(entry)), report)
        yield Hop("menu", f"boot/{path}", "it boots what the entry names")

    def _grub_directory(self) -> str:
        loader = choose_menu_loader(self.root, check_config(self.root, Report()))
        assert isinstance(loader, GrubLoader)
        return loader.directory

    def _files(self, entry: Entry) -> Iterator[Hop]:
        """Yield what the loader reads, under the paths by which it sees them."""
        on_root = self.root.boot_is_on_root()
        initrds = [("initrd", path, "initramfs-missing") for path in entry.bls.initrds()[:1]]
        initrds += [("initrd", path, "overlay-missing") for path in entry.bls.initrds()[1:]]
        devicetree = entry.bls.get("devicetree")
        trees = [("devicetree", devicetree, "devicetree-missing")] if devicetree else []
        linux = [("linux", entry.bls.get("linux") or "", "kernel-missing")]
        for key, path, code in (*linux, *initrds, *trees):
            place = f"boot/{in_boot(path)}"
            with _step(key, place) as report:
                found = fs.stat_optional(self.root.boot(), in_boot(path))
                if found is None or not stat.S_ISREG(found.st_mode):
                    report.add(code, place, "no such file" if found is None else "not a file")
            size = 0 if found is None else found.st_size
            yield Hop(key, place, f"{size} bytes; the loader reads {boot_path(path, on_root)}")

    def _subbootversion(self, link: Bootlink, bootversion: int) -> str:
        place = f"ostree/boot.{bootversion}"
        with _step("boot version", place) as report:
            sub = check_bootversion(self.root, bootversion, report)
            if link.bootversion != bootversion:
                reason = f"{link}, and {place} is the active one"
                report.add("entry-bootversion", place, reason)
        return f"boot.{bootversion}.{sub}"

    def _follow(self, entry: Entry, link: Bootlink) -> Deployment:
        item = None
        with _step("boot link", str(link).lstrip("/")) as report:
            item = follow(self.root, entry, link, report)
        assert item is not None
        return item

    def _deployment(self, item: Deployment) -> Hop:
        with _step("deployment", item.path) as report:
            check_tree(self.root, item, report)
        return Hop("deployment", item.path, "a root with all that is mounted on")

    def _kernel(self, item: Deployment, bootversion: int) -> Hop:
        place = f"boot/{payload_dir(item)}"
        with _step("kernel", place) as report:
            check_kernels(self.root, bootversion, (item,), report)
            check_initramfs(self.root, (item,), report)
        return Hop("kernel", place, "the same files as in the deployment")

    def _commit(self, item: Deployment) -> Hop:
        with _step("commit", item.path) as report:
            check_commit(self.root, item, report)
            check_origin(self.root, item, report)
        commit = read_commit(self.root.fd, item.checksum)
        version = commit.version if commit is not None else None
        data = fs.read_optional(self.root.fd, f"{item.path}.origin")
        origin = Origin() if data is None else parse_origin(data)
        source = origin.container_image or origin.refspec or "nowhere that is known"
        return Hop("commit", item.checksum, f"version {version or '-'}, from {source}")

    def _mounts(self, item: Deployment) -> Iterator[Hop]:
        found: list[tuple[str, str]] = []
        with _step("mounts", item.path):
            found = mounts(self.root, item)
        for point, what in found:
            yield Hop("mount", point, what)
