"""What boots from a sysroot after a cut: GRUB's view first, then the kernel's, each its own.

GRUB reads the menu and the kernels as they lie there, without replay of a journal.  Then the
filesystem is mounted, and the deployment that GRUB's default names has to be there, whole.
"""

import hashlib
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from crashlab import Default, Recording, Step, ostree_of
from crashpeers import Peers, content

from bootentries.loaders.grub_stub import MARKER
from bootvm.crash.explore import Verdict
from bootvm.crash.filesystem import Room
from bootvm.crash.grubview import GrubError, GrubView

# The partitions of the disks that are made for it, in GRUB's words.
ROOT, BOOT = "loop0,gpt2", "loop0,gpt3"
# What GRUB starts with, which no list touches, though the directory changes with each.
STUB = "/grub/grub.cfg"
# As the stub looks for them, below the directory that is /boot.
MENUS = (
    *("/loader/grub.cfg", "/loader.0/grub.cfg", "/loader.1/grub.cfg"),
    "/grub/bootchain-last-good.cfg",
)
_ENTRY = re.compile(r"^menuentry .*?\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_COMPLETE = re.compile(r"^set bootchain_bootversion=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Booted:
    """GRUB's default: the arguments, and what its files hash to."""

    options: str
    digests: tuple[str, ...]


def grub_default(view: GrubView, prefix: str = "/boot") -> Booted:
    """What GRUB boots; raises GrubError when it finds no menu, or cannot read a file of it.

    `prefix` is where /boot is on its filesystem: empty on a boot partition.
    """
    if not view.read(prefix + STUB).startswith(MARKER.encode()):
        raise GrubError("boot", STUB, "not the stub")
    for menu in MENUS:
        try:
            text = view.read(prefix + menu).decode("utf-8", "replace")
        except GrubError:
            continue
        if _COMPLETE.search(text):
            return _first(view, text)
    raise GrubError("boot", MENUS[0], "no complete menu, and no last good one")


def _first(view: GrubView, text: str) -> Booted:
    found = _ENTRY.search(text)
    if found is None:
        raise GrubError("boot", MENUS[0], "a menu without entries")
    lines = dict(line.strip().split(" ", 1) for line in found[1].splitlines())
    kernel, *words = shlex.split(lines["linux"])
    files = [kernel, *shlex.split(lines.get("initrd", ""))]
    digests = tuple(hashlib.sha256(view.read(path)).hexdigest() for path in files)
    return Booted(" ".join(words), digests)


def judge(
    image: Path, step: Step, room: Room, recording: Recording, peers: Peers | None = None
) -> Verdict:
    """Old or new, whole for the loader, the kernel and libostree; all else is a fault."""
    boot = recording.boot
    device, prefix = (ROOT, "/boot") if boot is None else (BOOT, "")
    view = GrubView(room.inside(image), device, room.enter)
    try:
        booted = grub_default(view, prefix)
    except GrubError as error:
        return Verdict(False, str(error))
    state = step.state_of(booted.options, booted.digests)
    if state is None:
        return Verdict(False, f"GRUB boots neither old nor new: {booted.options}")
    wanted: tuple[Default, ...] = (step.after,) if state == "new" else (step.before,)
    if len(step.states) == 1:
        wanted = (step.before, step.after)

    def inside(root: Path) -> Verdict:
        target = ostree_of(booted.options)
        fault = deployment_fault(root, target, wanted) or half_payload(root, recording.payload)
        if not fault and peers is not None:
            places = (root / "boot", *sorted((root / "ostree").glob("boot.*")))
            expected = {one.deployment: one.version for one in (step.before, step.after)}
            mine = content(*places)
            fault = peers.fault(f"{mine} {on_boot}", booted.options, expected, image, boot)
        return Verdict(False, fault) if fault else Verdict(True, state)

    on_boot = ""
    if boot is not None:

        def separate(root: Path) -> Verdict:
            nonlocal on_boot
            on_boot = content(root)
            fault = half_payload(root, recording.payload)
            return Verdict(not fault, fault)

        verdict = room.look(image, boot, separate)
        if not verdict.ok:
            return verdict
    return room.look(image, recording.place, inside)


def half_payload(root: Path, known: frozenset[str]) -> str:
    """What in /boot has a kernel's name and not its content; empty when nothing has.

    Such a file does no harm before the next deployment finds it there, and takes it for whole.
    """
    for top in ("boot/ostree", "ostree"):
        for path in sorted((*root.glob(f"{top}/*-*/vmlinuz-*"), *root.glob(f"{top}/*-*/init*-*"))):
            if hashlib.sha256(path.read_bytes()).hexdigest() not in known:
                return f"{path.parent.name}/{path.name}: not a whole kernel or initramfs"
    return ""


def deployment_fault(root: Path, target: str, wanted: tuple[Default, ...]) -> str:
    """What is wrong with the deployment that `ostree=` names; empty when it is whole."""
    link = root / target.lstrip("/")
    if not link.is_symlink():
        return f"{target}: no such boot link"
    top = Path(os.path.normpath(link.parent / link.readlink()))
    default = next((one for one in wanted if one.deployment == top.name), None)
    if default is None:
        return f"{target}: leads to {top.name}, which is neither"
    for path, digest in default.files.items():
        try:
            data = (top / path).read_bytes()
        except OSError as error:
            return f"{top.name}/{path}: {error.strerror}"
        if hashlib.sha256(data).hexdigest() != digest:
            return f"{top.name}/{path}: other content"
    return ""
