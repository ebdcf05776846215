"""The `bootvm crash` command: what can a power cut do to the disk that a command writes to?"""

import json
import shutil
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import click

from bootvm import firmware, image, kvm
from bootvm.agent import with_agent
from bootvm.crash import command as commands
from bootvm.crash.explore import Findings, Judge, Span, Verdict, explore
from bootvm.crash.filesystem import CHECKS, Place, Room
from bootvm.crash.log import Log
from bootvm.crash.parts import part
from bootvm.crash.record import Recorder, recorded
from bootvm.crash.report import as_json, as_text
from bootvm.crash.sampling import Choice
from bootvm.errors import BootvmError
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm

_FILE = click.Path(path_type=Path)
EXAMPLE = """\b
Example:
  bootvm crash disk.img --run 'update-the-system' --mount 2:ext4 \\
         --judge 'cmp "$ROOT/boot/vmlinuz" old || cmp "$ROOT/boot/vmlinuz" new'

\b
The judge is run by sh for each different disk, with $IMAGE (the whole disk), $ROOT
(with --mount: the filesystem, recovered) and $FAT (with --fat: a copy of its files, read
without repair).  Status 0: sound, and the first line printed names what was found.
--mount also demands that the filesystem's own check finds nothing.

\b
Exit status: 0 every disk is sound; 1 one is not, or the machine failed; 2 the command line
is wrong."""


@dataclass(frozen=True, slots=True)
class _Views:
    """How the judge sees the disk: a mounted filesystem, a FAT copy, or neither."""

    command: str
    mount: Place | None
    fat_offset: int | None

    def judge(self, room: Room | None) -> Judge:
        return Judge(lambda image: self._look(image, room), reads_only=room is None)

    def _look(self, image: Path, room: Room | None) -> Verdict:
        if room is not None and self.mount is not None:
            return room.look(image, self.mount, lambda root: self._ask(image, ROOT=root))
        if self.fat_offset is None:
            return self._ask(image)
        with tempfile.TemporaryDirectory(prefix="bootvm-fat-") as scratch:
            try:
                commands.unpack_fat(image, self.fat_offset, Path(scratch) / "files")
            except BootvmError as error:
                return Verdict(False, str(error))
            return self._ask(image, FAT=Path(scratch) / "files")

    def _ask(self, image: Path, **more: Path) -> Verdict:
        return commands.verdict(self.command, image, **more)


class _Progress:
    """A line on standard error, rewritten: how far, what was found, how long still."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._shown = 0.0

    def __call__(self, done: int, total: int, findings: Findings) -> None:
        now = time.monotonic()
        if now - self._shown < 1 and done < total:
            return
        self._shown = now
        left = (now - self._began) * (total - done) / done
        print(
            f"\r{done}/{total} cuts, {findings.states} disks, "
            f"{len(findings.failures)} at fault, {left:.0f} s left ",
            end="\n" if done == total else "",
            file=sys.stderr,
            flush=True,
        )


def _place(text: str, disk: Path) -> Place:
    number, _, fstype = text.partition(":")
    if not number.isdigit() or fstype not in CHECKS:
        raise click.UsageError(f"--mount {text}: not NUMBER:TYPE with one of {', '.join(CHECKS)}")
    found = part(disk, int(number))
    return Place(fstype, found.offset, found.size)


@dataclass(frozen=True, slots=True)
class _Task:
    """What the guest does: `script` is recorded on the disk number `disk`, `prepare` is not."""

    disk: int
    prepare: str
    script: str
    limit: float

    def record(self, spec: VmSpec, log: Path) -> Span:
        """Boots the machine and runs the command; returns what of the log it wrote."""
        print("booting the guest ...", file=sys.stderr, flush=True)
        with Vm(with_agent(recorded(spec, self.disk, log)), name="bootvm-crash") as vm:
            vm.agent.wait_ready(self.limit)
            if self.prepare:
                vm.check(self.prepare, self.limit)
            recorder = Recorder(vm, log)
            recorder.run("command", self.script, self.limit)
            return recorder.spans["command"]


@dataclass(frozen=True, slots=True)
class _Output:
    """Where results go; None for those that nobody asked for."""

    keep: Path | None
    json_file: Path | None

    def write(self, findings: Findings, opened: Log, log: Path) -> None:
        print(as_text(findings, opened.writes), end="")
        if self.json_file is not None:
            value = as_json(findings, opened.writes)
            self.json_file.write_text(json.dumps(value, indent=1) + "\n")
        if self.keep is not None and findings.failures:
            shutil.copyfile(log, self.keep / "log")


@click.command(epilog=EXAMPLE, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("disks", metavar="DISK...", nargs=-1, required=True, type=_FILE)
@click.option("--run", "script", metavar="SCRIPT", required=True, help="What the guest runs.")
@click.option("--judge", metavar="COMMAND", required=True, help="What looks at each disk.")
@click.option("--prepare", metavar="SCRIPT", default="", help="Runs before, not recorded.")
@click.option("--record", default=1, show_default=True, help="Which of the disks is cut off.")
@click.option("--mount", metavar="NUMBER:TYPE", help="Mount this partition (0: the whole disk).")
@click.option("--fat", type=int, metavar="NUMBER", help="Read this partition as FAT.")
@click.option(
    "--firmware",
    "kind",
    type=click.Choice([Firmware.BIOS.value, Firmware.UEFI.value]),
    default=Firmware.BIOS.value,
    show_default=True,
)
@click.option("--memory", default=1024, show_default=True, help="MiB.")
@click.option("--timeout", default=300.0, show_default=True, help="Seconds for each step.")
@click.option("--samples", default=1000, show_default=True, help="Reorderings to try, in all.")
@click.option("--tears", default=4, show_default=True, help="Places to tear each write at.")
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", type=_FILE, metavar="DIR", help="Keep the disk of the shortest fault.")
@click.option("--json", "json_file", type=_FILE, help="Write what was found to this file.")
@click.option("--work", type=_FILE, metavar="DIR", help="Where images go (default: /dev/shm).")
def command(  # noqa: PLR0917 - one for each option
    disks: tuple[Path, ...],
    script: str,
    judge: str,
    prepare: str,
    record: int,
    mount: str | None,
    fat: int | None,
    kind: str,
    memory: int,
    timeout: float,
    samples: int,
    tears: int,
    seed: int,
    keep: Path | None,
    json_file: Path | None,
    work: Path | None,
) -> None:
    """Runs SCRIPT in the guest that boots from the DISKs, and judges every power cut.

    The writes to one disk are recorded.  Of that, every disk that a cut can leave is made:
    after each flush, after each write, torn, and with writes between flushes lost.
    """
    if not 1 <= record <= len(disks):
        raise click.UsageError(f"--record {record}: there are {len(disks)} disks")
    if mount and fat is not None:
        raise click.UsageError("--mount and --fat: one of them")
    for path in disks:
        if not path.is_file():
            raise BootvmError("open disk", path, "no such file")
    with tempfile.TemporaryDirectory(prefix="bootvm-crash-", dir=work or _work()) as scratch:
        base = _raw(disks[record - 1], Path(scratch))
        views = _Views(
            judge,
            _place(mount, base) if mount else None,
            part(base, fat).offset if fat is not None else None,
        )
        log = Path(scratch) / "log"
        spec = VmSpec(
            firmware=Firmware(kind),
            disks=tuple(Disk(path, _format(path)) for path in disks),
            memory=memory,
            ovmf=firmware.find() if kind == Firmware.UEFI.value else None,
            kvm=kvm.usable(None),
        )
        span = _Task(record - 1, prepare, script, timeout).record(spec, log)
        with nullcontext() if views.mount is None else Room() as room, Log(log) as opened:
            findings = explore(
                base,
                opened,
                span,
                views.judge(room),
                Path(scratch),
                choice=Choice(samples, tears, seed),
                keep=keep,
                progress=_Progress(),
            )
            _Output(keep, json_file).write(findings, opened, log)
    if findings.failures:
        raise BootvmError(
            "crash",
            f"{len(findings.failures)} of {findings.states} disks",
            findings.shortest.fault if findings.shortest else "",
            "" if keep else "keep the disk of the shortest trace with --keep DIR",
        )


def _work() -> Path | None:
    shared = Path("/dev/shm")  # noqa: S108 - a directory of random name is made in it
    return shared if shared.is_dir() else None


def _format(path: Path) -> str:
    with path.open("rb") as file:
        return "qcow2" if file.read(4) == b"QFI\xfb" else "raw"


def _raw(disk: Path, scratch: Path) -> Path:
    return disk if _format(disk) == "raw" else image.flatten(disk, scratch / "base.img")
