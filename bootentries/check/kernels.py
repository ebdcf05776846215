"""The kernel files in /boot, against the entries that name them and the deployments.

A payload is the directory in /boot of one kernel; entries share it.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from bootentries import fs
from bootentries.check.finding import Report
from bootentries.check.hashes import Hashes
from bootentries.check.listing import files
from bootentries.deployment import Deployment, Entry, overlay_checksums
from bootentries.entries.render import payload_dir
from bootentries.errors import BootentriesError
from bootentries.kargs import KernelArgs
from bootentries.kernel import KernelFile, KernelLayout, find_kernel
from bootentries.root import Root

OVERLAYS = "ostree/initramfs-overlays"


@dataclass(frozen=True, slots=True)
class Part:
    """One file or tree of a payload; `path` is its place in the boot directory."""

    code: str
    source: str
    path: str
    is_tree: bool = False


@dataclass(frozen=True, slots=True)
class Payload:
    """A kernel in its deployment, and its copy in the boot directory, by directory fds."""

    item: Deployment
    layout: KernelLayout
    deployment_fd: int
    boot_fd: int

    def parts(self) -> Iterator[Part]:
        """Return the parts that have to be in the boot directory."""
        directory = payload_dir(self.item)
        for code, part, is_tree in (
            ("kernel-missing", self.layout.linux, False),
            ("initramfs-missing", self.layout.initramfs, False),
            ("devicetree-missing", self.layout.devicetree, False),
            ("devicetree-missing", self.layout.dtb, True),
            ("payload-missing", self.layout.hmac, False),
            ("payload-missing", self.layout.aboot, False),
        ):
            if part is not None:
                yield Part(code, part.source, f"{directory}/{part.name}", is_tree)

    def copy(self) -> KernelLayout:
        """Return the layout of the copy in the boot directory."""

        def there(part: KernelFile | None) -> KernelFile | None:
            if part is None:
                return None
            return KernelFile(f"{payload_dir(self.item)}/{part.name}", part.name)

        linux = there(self.layout.linux)
        assert linux is not None
        return KernelLayout(
            linux=linux,
            initramfs=there(self.layout.initramfs),
            devicetree=there(self.layout.devicetree),
            dtb=there(self.layout.dtb),
        )


def check_kernels(
    root: Root, bootversion: int, items: tuple[Deployment, ...], report: Report
) -> None:
    """Look at what every entry of `loader.N` loads."""
    hashes = Hashes()
    for item in items:
        if item.entry is None:
            continue
        place = f"boot/loader.{bootversion}/entries/{item.entry.name}"
        with (
            report.guard(item.path, "kernel-layout"),
            fs.opened(root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as deployment,
        ):
            if not fs.is_dir(deployment, "usr"):
                continue  # the tree was reported
            layout = find_kernel(deployment, item.path)
            check_lines(place, item, item.entry, layout, report)
            payload = Payload(item, layout, deployment, root.boot())
            with report.guard(f"boot/{payload_dir(item)}"):
                if _check_presence(payload, report):
                    _check_content(payload, hashes, report)
        with report.guard(f"boot/{OVERLAYS}"):
            _check_overlays(root, place, item.entry, hashes, report)


def in_boot(path: str) -> str:
    """Return an entry's path relative to the boot directory; `bootprefix` puts /boot first."""
    return path.lstrip("/").removeprefix("boot/")


def check_lines(
    place: str, item: Deployment, entry: Entry, layout: KernelLayout, report: Report
) -> None:
    """Hold the paths in an entry against those that its deployment's files have."""
    initrds = entry.bls.initrds()
    for key, named, part in (
        ("linux", entry.bls.get("linux"), layout.linux),
        ("initrd", initrds[0] if initrds else None, layout.initramfs),
        ("devicetree", entry.bls.get("devicetree"), layout.devicetree),
        ("fdtdir", entry.bls.get("fdtdir"), layout.dtb),
    ):
        wanted = None if part is None else f"{payload_dir(item)}/{part.name}"
        if named and wanted and in_boot(named) != wanted:
            reason = f"{key} is {named!r}, its deployment's is '/{wanted}'"
            report.add("payload-elsewhere", place, reason)
    if layout.initramfs is not None and not initrds:
        report.add("initramfs-not-named", place, f"{layout.initramfs.name} is not named in it")
    if layout.initramfs is None and not initrds:
        prefixes = [word for word in KernelArgs.parse(entry.options).values("init") if word]
        if not any("/ostree/boot." in word for word in prefixes):
            report.add("entry-init", place, "neither initrd nor init= prepares the root")


def _check_presence(payload: Payload, report: Report) -> bool:
    """Return whether everything is there; raises OSError."""
    whole = True
    for part in payload.parts():
        if not (fs.is_dir if part.is_tree else fs.is_file)(payload.boot_fd, part.path):
            whole = False
            found = fs.stat_optional(payload.boot_fd, part.path, follow=False)
            what = "directory" if part.is_tree else "file"
            reason = f"no such {what}" if found is None else f"not a {what}"
            report.add(part.code, f"boot/{part.path}", reason)
    return whole


def _check_content(payload: Payload, hashes: Hashes, report: Report) -> None:
    """Compare a payload with the deployment, and both with the checksum; raises OSError."""
    item, layout = payload.item, payload.layout
    ours = hashes.layout(payload.deployment_fd, layout)
    theirs = hashes.layout(payload.boot_fd, payload.copy())
    # The names in the legacy layout are not computed from these bytes alone.
    named = item.bootcsum if layout.bootcsum is None else ours
    if ours != named:
        copy = "is right" if theirs == named else "is not right, either"
        reason = f"they give {ours}, their name is {named}; the copy in /boot {copy}"
        place = layout.linux.source.rpartition("/")[0]
        report.add("bootcsum-mismatch", f"{item.path}/{place}", reason)
    for part in payload.parts():
        is_summed = part.code != "payload-missing"
        if is_summed and theirs in (ours, named):
            continue
        left, right = (payload.deployment_fd, part.source), (payload.boot_fd, part.path)
        if not _same(left, right, part.is_tree, hashes):
            reason = f"not the same as the deployment's {part.source}"
            report.add("payload-differs", f"boot/{part.path}", reason)


def _same(left: tuple[int, str], right: tuple[int, str], is_tree: bool, hashes: Hashes) -> bool:
    """Whether two files, or all files below two directories, have the same bytes."""
    if not is_tree:
        return hashes.file(*left) == hashes.file(*right)
    names = files(*left)
    return names == files(*right) and all(
        hashes.file(left[0], f"{left[1]}/{name}") == hashes.file(right[0], f"{right[1]}/{name}")
        for name in names
    )


def _check_overlays(root: Root, place: str, entry: Entry, hashes: Hashes, report: Report) -> None:
    try:
        checksums = overlay_checksums(entry.bls, entry.name)
    except BootentriesError:
        return  # the entry's text was reported
    for path, checksum in zip(map(in_boot, entry.bls.initrds()[1:]), checksums, strict=True):
        if not fs.is_file(root.boot(), path):
            report.add("overlay-missing", f"boot/{path}", f"no such file, and {place} names it")
        elif hashes.file(root.boot(), path) != checksum:
            report.add("overlay-damaged", f"boot/{path}", "its sha256 is not its name")
