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

from bootvm.crash.explore import Verdict
from bootvm.crash.filesystem import Room
from bootvm.crash.grubview import GrubError, GrubView

# The partitions of the disks that are made for it, in GRUB's words.
ROOT, BOOT = "loop0,gpt2", "loop0,gpt3"
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


def judge(image: Path, step: Step, room: Room, recording: Recording) -> Verdict:
    """Old or new, whole for the loader and for the kernel; all else is a fault."""
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
        fault = deployment_fault(root, ostree_of(booted.options), wanted)
        return Verdict(False, fault) if fault else Verdict(True, state)

    verdict = room.look(image, recording.place, inside)
    if boot is None or not verdict.ok:
        return verdict
    return room.look(image, boot, lambda _: verdict)


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
