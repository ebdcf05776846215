"""The test's side of `driver.py`: starts it, and reads its answer as values."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import sysroots

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
ENDED = 120


@dataclass(frozen=True, slots=True, order=True)
class Mount:
    """One line of the mount table, with numbers that differ between runs left out.

    `propagation` is `private`, `shared`, `slave` or `slave,shared`.
    """

    point: str
    root: str
    fstype: str
    source: str
    options: str
    super_options: str
    propagation: str

    @property
    def readonly(self) -> bool:
        return "ro" in self.options.split(",")


def parse_mount(line: str) -> Mount:
    """A line of /proc/PID/mountinfo (proc(5))."""
    before, _, after = line.partition(" - ")
    _, _, _, root, point, options, *fields = before.split(" ")
    fstype, source, super_options = after.split(" ", 2)
    kinds = sorted({{"master": "slave"}.get(f.split(":")[0], f.split(":")[0]) for f in fields})
    source = re.sub(r"/dev/loop\d+", "/dev/loop", source)
    return Mount(
        point, root, fstype, source, options, super_options, ",".join(reversed(kinds)) or "private"
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a prepare-root left behind; see `driver.py` for what each field holds."""

    status: int
    stdout: str
    stderr: str
    device: int
    inode: int | None
    mounts: tuple[Mount, ...]
    run: dict[str, str]
    sysroot: dict[str, str]
    flags: str
    shell: list[str]

    def below(self, top: str) -> dict[str, Mount]:
        """The mounts at and below `top`, by their path relative to it."""
        return {
            mount.point.removeprefix(top).lstrip("/") or ".": mount
            for mount in self.mounts
            if mount.point == top or mount.point.startswith(top + "/")
        }

    @property
    def error(self) -> str:
        """The first line on standard error, without the program's name."""
        return self.stderr.split("\n", 1)[0].removeprefix("prepare-root: ")

    @property
    def booted(self) -> bytes | None:
        """The bytes of /run/ostree-booted, or None."""
        text = self.run.get("ostree-booted")
        return None if text is None else bytes.fromhex(text.partition(" ")[2])


@dataclass(frozen=True, slots=True)
class Run:
    """How to run a prepare-root: what program, in what initramfs, with what input.

    `options` are for the mount of the sysroot; `programs` are copied into its /run under
    their names; `setup` are shell lines that spoil
    something first, with the initramfs's root as working directory; `wrapper` starts
    chroot(1), which starts `program`; `shell` are lines evaluated in the prepared root
    afterwards.
    """

    program: tuple[str, ...]
    lower: str = "/"
    config: str | None = None
    cmdline: str = f"root=LABEL=x {sysroots.OSTREE_KARG} quiet"
    filesystem_ro: bool = False
    options: tuple[str, ...] = ()
    immutable: bool = True
    run_files: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    shell: tuple[str, ...] = ()
    wrapper: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)
    programs: dict[str, Path] = field(default_factory=dict)


def python(*omit: str) -> tuple[str, ...]:
    """Our prepare-root on the host's interpreter, with steps of the plan left out."""
    return (sys.executable, "-B", str(HERE / "mutant.py"), *omit, "--", "/sysroot", "/cmdline")


def initramfs(work: Path) -> Path:
    """Where the initramfs's root is in the namespace of an `execute` in `work`."""
    return work / "mnt/root"


def execute(work: Path, image: Path, run: Run) -> Outcome:
    """Run `run` on `image`, a file or a block device, in a mount namespace of its own.

    `work` is an empty directory.
    """
    work.mkdir(parents=True, exist_ok=True)
    (work / "mnt").mkdir(exist_ok=True)
    spec = {
        "work": str(work / "mnt"),
        "image": str(image),
        "lower": run.lower,
        "config": run.config,
        "cmdline": run.cmdline,
        "filesystem_ro": run.filesystem_ro,
        "options": run.options,
        "immutable": sysroots.DEPLOYMENT if run.immutable and not run.filesystem_ro else "",
        "deployment": sysroots.DEPLOYMENT,
        "program": run.program,
        "run_files": run.run_files,
        "setup": run.setup,
        "shell": run.shell,
        "wrapper": run.wrapper,
        "environ": run.environ,
        "programs": {name: str(file) for name, file in run.programs.items()},
    }
    path = work / "spec.json"
    path.write_text(json.dumps(spec))
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-B", HERE / "driver.py", path],
        capture_output=True,
        text=True,
        timeout=ENDED,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"driver failed:\n{done.stderr}")
    answer = json.loads(done.stdout)
    answer["mounts"] = tuple(parse_mount(line) for line in answer["mounts"])
    return Outcome(**answer)
