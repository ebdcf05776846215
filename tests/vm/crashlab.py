"""Recordings of what programs write to a small sysroot, for tests that cut the power.

The sysroot is on a second disk of a Debian guest that runs the programs.  What boots from it
is `guest.tiny`, so that any state of it can be booted, too.
"""

import json
import os
import re
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bootvm.agent import with_agent
from bootvm.crash.cuts import Cut, Tear, floor
from bootvm.crash.explore import Failure, Findings, Judge, Span, Verdict
from bootvm.crash.filesystem import MOUNTS, Place, Room
from bootvm.crash.log import SECTOR, Log, Write
from bootvm.crash.record import Recorder, recorded
from bootvm.crash.replay import Replay, copy
from bootvm.errors import BootvmError
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import grub, layout, system, tiny
from guest.chroot import WORK, Bind, run_in
from guest.commit import Commit
from guest.disk import STATEROOT, TARGET
from guest.disk import Disk as GuestDisk
from guest.shape import Variant
from guest.shell import run
from guest.tree import Tree
from prepare_root.image.initramfs import command as initramfs_command

CHECKOUT = Path(__file__).resolve().parents[2]
LOGS = CHECKOUT / "build" / "vm-logs"
# Version and mark of its kernel: the third has the first one's.
VERSIONS = {"1.0": "A", "2.0": "B", "3.0": "A"}
READY = 300
TELL_S = 15
BOOTED = 240
# The size of everything: 1 is what CI takes, `make crash` takes more.
EFFORT = int(os.environ.get("BOOTCHAIN_CRASH_EFFORT", "1"))
# How mkfs is told the UUID that the kernel arguments name.
IDENTITY = {"xfs": "-m uuid={}", "btrfs": "-U {}"}
MOUNT = f"mount /dev/vdb2 {TARGET}"
OURS = f"bootentries --sysroot {TARGET}"
# The first entry of the list: arguments, digests of what it loads, its deployment.
DEFAULT = f"""
cd {TARGET}/boot/loader/entries && e=$(ls -r | head -n 1)
sed -n 's/^options //p' $e
for f in $(sed -n 's/^linux //p; s/^initrd //p' $e); do
    sha256sum <{TARGET}/boot/${{f#/boot}} | cut -d' ' -f1
done
cd $(readlink -f {TARGET}$(sed -n 's/^options.*ostree=\\([^ ]*\\).*/\\1/p' $e)) && pwd
cat usr/share/guest/version
find usr etc -type f -size -64k | sort | xargs sha256sum
"""


@dataclass(frozen=True, slots=True)
class Default:
    """What a list boots by default: arguments without `ostree=`, digests, the deployment.

    `files` are the smaller ones of the deployment, by path, each with its digest.
    """

    options: str
    digests: tuple[str, ...]
    deployment: str
    version: str
    files: dict[str, str] = field(hash=False)

    @classmethod
    def parse(cls, text: str) -> "Default":
        lines = text.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("/"))
        files = dict(line.split("  ", 1)[::-1] for line in lines[at + 2 :])
        assert len(files) > 10
        name = lines[at].rpartition("/")[2]
        return cls(without_ostree(lines[0]), tuple(lines[1:at]), name, lines[at + 1], files)


def without_ostree(options: str) -> str:
    """The arguments but for the one that is another in every list."""
    return " ".join(word for word in options.split() if not word.startswith("ostree="))


def ostree_of(options: str) -> str:
    """The target of `ostree=`."""
    return next(word for word in options.split() if word.startswith("ostree="))[7:]


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded command: the default of the list before and after it, and its span."""

    name: str
    span: Span
    before: Default
    after: Default

    def state_of(self, options: str, digests: tuple[str, ...]) -> str | None:
        """Whether it is the old default, the new one, or neither."""
        for name, default in (("new", self.after), ("old", self.before)):
            if (default.options, default.digests) == (without_ostree(options), digests):
                return name
        return None

    @property
    def states(self) -> set[str]:
        """What cuts may leave: a command that keeps the default leaves one state."""
        before, after = self.before, self.after
        same = (before.options, before.digests) == (after.options, after.digests)
        return {"new"} if same else {"old", "new"}


@dataclass(frozen=True, slots=True)
class Recording:
    """A disk before everything, the log of all writes to it, and the steps in order.

    `place` is the root filesystem, `boot` the boot partition where there is one, `tree` the
    Debian tree with libostree's programs.
    """

    base: Path
    log: Path
    steps: tuple[Step, ...]
    place: Place
    boot: Place | None = None
    tree: Tree | None = None

    @property
    def payload(self) -> frozenset[str]:
        """The digests of all kernels and initramfs images that are ever installed."""
        defaults = [one for step in self.steps for one in (step.before, step.after)]
        return frozenset(digest for one in defaults for digest in one.digests)

    def step(self, name: str) -> Step:
        return next(one for one in self.steps if one.name == name)


def initramfs(tree: Tree, place: Path, fstype: str = "ext4") -> Path:
    """Our own image, which mounts /var and boots twice as fast as dracut's."""
    config, image = place / "prepare-root.conf", place / "initramfs.img"
    config.write_text("[var]\nmount = yes\n")
    words = [image, "--kver", tree.kernel, "--modules-dir", tree.path, "--config", config]
    words += ["--fs", "ext4", "--fs", fstype]  # the guest has the one, what it writes the other
    initramfs_command.main([str(word) for word in words], standalone_mode=False)
    return image


def commits(tree: Tree, image: Path) -> list[Commit]:
    """The versions of the tiny system."""
    return tiny.commits(tree, image, VERSIONS)


def with_versions(tree: Tree, disk: GuestDisk, made: list[Commit]) -> None:
    """Put all versions into the disk's repository, as refs `tiny/VERSION`."""
    repo = f"{TARGET}/ostree/repo"
    lines = []
    for one in made:
        lines.append(f"ostree --repo={repo} pull-local {WORK}/repo {one.checksum}")
        lines.append(
            f"ostree --repo={repo} refs --force --create=tiny/{one.version} {one.checksum}"
        )
    script = "\n".join([*lines, f"sync -f {TARGET}"])
    mounts = [*disk.sysroot(), Bind(made[0].repo, f"{WORK}/repo")]
    run_in(tree.path, ["sh", "-ec", script], mounts=mounts)


def on_other(disk: GuestDisk, fstype: str, place: Path) -> GuestDisk:
    """The same sysroot on XFS or Btrfs, and a GRUB that reads it, in an image at `place`."""
    shape = layout.bios_layout(root_mib=384)
    part = shape.named("root")
    source = disk.filesystem()
    layout.write_table(place, shape)
    early = grub.early_config(str(disk.root_uuid))
    grub.embed(place, shape.named("bios"), grub.core_image(early, (*grub.MODULES, fstype)))
    identity = IDENTITY[fstype].format(disk.root_uuid)
    with tempfile.TemporaryDirectory(prefix="crash-") as scratch:
        # mkfs.btrfs takes no UUID that a device has, and another worker's copy may be mounted.
        hidden = f"mount -t tmpfs tmpfs /dev; mkfs.{fstype} -q {identity} made"
        script = (
            f"cd {scratch}; mkdir old new; truncate -s {part.size} made; "
            f"unshare --mount sh -ec '{hidden}'; "
            f"mount -o loop,offset={source.offset},sizelimit={source.size} {disk.path} old; "
            f"{MOUNTS[fstype]} -o loop made new; cp -a old/. new/; umount new old; "
            f"dd if=made of={place} bs=1M seek={part.offset >> 20} conv=notrunc,sparse status=none"
        )
        run(["unshare", "--mount", "sh", "-ec", script])
    return GuestDisk(place, shape, disk.root_uuid)


@contextmanager
def guest(
    tree: Tree, image: Path, subject: Path, log: Path, *, name: str, mount: str = MOUNT
) -> Iterator[tuple[Vm, Recorder]]:
    """A running guest with the subject's last partition mounted at TARGET, and recorded."""
    debian = system.build(tree, image, Variant(checkout=CHECKOUT))
    spec = VmSpec(disks=(Disk(debian.path), Disk(subject)))
    with Vm(with_agent(recorded(spec, 1, log)), name=name, logs=LOGS) as vm:
        vm.agent.wait_ready(READY)
        vm.check(f"mkdir -p {TARGET}; {mount}")
        yield vm, Recorder(vm, log)


def record(vm: Vm, recorder: Recorder, steps: dict[str, str]) -> tuple[Step, ...]:
    """Run and record the commands one after the other; each must succeed.

    Those whose names begin with `-` are not recorded.
    """
    # Compiled and in the cache, as on a machine that runs it every day.
    vm.check(f"{OURS} status && ostree admin status --sysroot={TARGET}", READY)
    found = []
    before = Default.parse(vm.check(DEFAULT))
    for name, script in steps.items():
        if name.startswith("-"):
            vm.check(script, READY)
            before = Default.parse(vm.check(DEFAULT))
            continue
        recorder.run(name, script, READY)
        after = Default.parse(vm.check(DEFAULT))
        found.append(Step(name, recorder.spans[name], before, after))
        before = after
    return tuple(found)


def whole_blocks(cut: Cut, writes: Sequence[Write]) -> Cut:
    """The same cut on a disk that writes each block of 4096 bytes whole, or not at all."""
    torn = []
    for tear in cut.torn:
        write = writes[tear.number]
        first = write.offset // SECTOR
        kept = 0
        for at in range(write.sectors):
            block = (first + at) // 8 * 8
            members = range(max(block - first, 0), min(block - first + 8, write.sectors))
            if all(tear.kept >> one & 1 for one in members):
                kept |= 1 << at
        torn.append(Tear(tear.number, kept))
    return replace(cut, torn=tuple(torn))


def only_tears_blocks(failure: Failure, base: Path, log: Log, judge: Judge, work: Path) -> bool:
    """Whether a filesystem cannot be mounted for no other reason than a torn block.

    The superblock of ext4 and the directories of XFS have checksums over more than a sector.
    Only a disk that writes single sectors of 512 bytes can tear them, and no order of writes
    helps then.
    """
    if not failure.fault.startswith("mount: ") or not failure.cut.torn:
        return False
    with image_of(whole_blocks(failure.cut, log.writes), base, log, work) as image:
        return judge.look(image).ok


@contextmanager
def image_of(cut: Cut, base: Path, log: Log, work: Path) -> Iterator[Path]:
    """The disk that a cut leaves, in a directory of its own below `work`."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        replay = Replay(base, log, Path(scratch))
        replay.advance(floor(log.writes, cut.end))
        with replay.image(cut, reads_only=False) as image:
            yield image


def repair(image: Path, places: Sequence[Place], room: Room) -> None:
    """Let e2fsck mend what it can, as somebody would in a shell; -p does not dare to."""
    for place in places:
        if place.fstype == "ext4":  # what the others have for this does nothing
            where = f"--offset={place.offset} --sizelimit={place.size}"
            script = f"device=$(losetup --find --show {where} {shlex.quote(str(image))}); "
            script += "e2fsck -y $device; losetup --detach $device"
            room.run(["sh", "-uc", script])


@dataclass(slots=True)
class Boots:
    """Real boots of some of the states that a judge is shown.

    Of what the judge finds, one in `every[state]` is booted, `limit` of each at the most, and
    has to show the same.
    """

    spec: VmSpec
    every: dict[str, int]
    limit: int
    seats: Callable[[], AbstractContextManager[None]]
    seen: Counter[str] = field(default_factory=Counter)
    judged: Counter[str] = field(default_factory=Counter)

    def look(self, image: Path, step: Step, judge: Callable[[], Verdict]) -> Verdict:
        """What the judge says of a disk, unless the boot says another thing."""
        if all(self.seen[state] >= self.limit for state in step.states):
            return judge()
        # The judge may write into it.
        spare = image.with_name("spare.img")
        copy(image, spare)
        verdict = judge()
        state = verdict.state
        if not verdict.ok or self.seen[state] >= self.limit:
            return verdict
        self.judged[state] += 1
        if self.judged[state] % self.every.get(state, 1):
            return verdict
        with self.seats():
            found = booted(spare, step, self.spec)
        self.seen[found.state if found.ok else "fault"] += 1
        if found == verdict:
            return verdict
        return Verdict(False, f"{found.state}, where {state} was foretold")


@dataclass(slots=True)
class Progress:
    """Tells how far an exploration is, every so many seconds, where somebody looks on (`-s`)."""

    name: str
    began: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int, found: Findings) -> None:
        now = time.monotonic()
        if now - self.told < TELL_S:
            return
        self.told = now
        left = (now - self.began) * (total - done) / done
        faults = found.verdicts["FAULT"]
        print(
            f"{self.name}: {done} of {total} cuts, {found.states} disks, {faults} at fault; "
            f"{left:.0f} s to go",
            file=sys.stderr,
            flush=True,
        )


@contextmanager
def memory() -> Iterator[Path]:
    """A directory for images that are made again and again: not on a disk where that can be."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as scratch:
        yield Path(scratch)


def patched(patch: str, words: str) -> str:
    """The command line of our program with a change to it, made in the guest's memory only."""
    code = f"{patch}\nimport sys\nfrom bootentries.cli import main\nsys.exit(main())\n"
    return f"python3 -I - --sysroot {TARGET} {words} <<'END'\n{code}END\n"


def booted(image: Path, step: Step, spec: VmSpec) -> Verdict:
    """Really boot a disk, and say which of the two it was; neither is a fault.

    `spec` is the machine without its disk.
    """
    try:
        with Vm(replace(spec, disks=(Disk(image),)), name="crash-boot") as vm:
            said = vm.console.wait_for(re.compile(rf"{tiny.GREETING} (\S+)\s"), BOOTED).group(1)
            told = vm.console.wait_for(re.compile(r"told: ([^\r\n]*)[\r\n]"), BOOTED).group(1)
    except BootvmError as error:
        return Verdict(False, f"boot: {error}")
    words = [word for word in told.split() if not word.startswith(("initrd=", "BOOT_IMAGE="))]
    for name, default in (("new", step.after), ("old", step.before)):
        if (without_ostree(" ".join(words)), said) == (default.options, default.version):
            return Verdict(True, name)
    return Verdict(False, f"booted {said}: {told}")


def deploy(version: str, *words: str) -> str:
    """The words of a deploy, for our program and for theirs."""
    return " ".join(["deploy", f"--os={STATEROOT}", *words, f"tiny/{version}"])


def theirs(verb: str, *words: str) -> str:
    return " ".join(["ostree admin", verb, f"--sysroot={TARGET}", *words])


def save(name: str, value: dict[str, object]) -> None:
    """Keep what an exploration found, for the table in docs/."""
    place = CHECKOUT / "build" / "crash"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")
