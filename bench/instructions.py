"""Instructions that a guest executes from its first user code to the real root's init.

A plugin of QEMU counts them (c/count.c): a count of work done, in which no waiting for disks
or timers is.  The real root's init is a program of ours at a known address (c/end.c), which
ends the machine.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import compiled
from bench.errors import BenchError
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import entry, system
from guest.shape import File, Variant
from guest.tree import Tree

CHECKOUT = Path(__file__).resolve().parent.parent
INIT = "usr/lib/bench/init"
# Without the last one the kernel tries out its ciphers in the background, a thousand million
# instructions that have nothing to do with the boot and end up in whatever is counted.
QUIET = ("console=ttyS0", "quiet", "cryptomgr.notests")
ENDED_S = 300


@dataclass(frozen=True, slots=True)
class Count:
    """Instructions in programs, and in the kernel on their behalf."""

    user: float
    kernel: float

    @property
    def total(self) -> float:
        return self.user + self.kernel


def parse(text: str) -> Count:
    """What the plugin wrote; raises ValueError when it is anything else."""
    words = [line.split(" ") for line in text.splitlines()]
    if [word[0] for word in words] != ["user", "kernel"]:
        raise ValueError(f"not a count: {text!r}")
    return Count(*(int(word[1]) for word in words))


def median(counts: Sequence[Count]) -> Count:
    return Count(
        statistics.median(count.user for count in counts),
        statistics.median(count.kernel for count in counts),
    )


def kernel_arguments(options: str) -> str:
    """An entry's options with QUIET for its consoles, and our program as init."""
    words = [word for word in options.split(" ") if not word.startswith("console=")]
    return " ".join([*words, *QUIET, f"init=/{INIT}"])


def machine(tree: Tree, disk: Path, options: str, image: Path, plugin: Sequence[str]) -> VmSpec:
    """The guest: one processor, and a clock that runs with the instructions."""
    return VmSpec(
        firmware=Firmware.DIRECT,
        kernel=tree.vmlinuz,
        initrd=image,
        cmdline=kernel_arguments(options),
        disks=(Disk(disk),),
        icount=0,
        cpus=1,
        extra=("-plugin", ",".join(plugin)),
    )


def boot(spec: VmSpec, name: str, out: Path) -> Count:
    """Boots once and reads the count; raises BenchError when the guest never came there."""
    out.unlink(missing_ok=True)
    with Vm(spec, name=f"bench-{name}") as vm:
        vm.wait_end(ENDED_S)
        said = vm.console.tail()
    if not out.exists():
        reason = f"it ended without starting the real root's init; its console:\n{said}"
        raise BenchError("count instructions", name, reason)
    return parse(out.read_text())


def medians(work: Path, tree: Tree, images: Mapping[str, Path], runs: int) -> dict[str, Count]:
    """The median count of `runs` boots of one disk with each of `images`."""
    program = compiled.end(work)
    variant = Variant(checkout=CHECKOUT, files=(File(INIT, program, 0o755),))
    first = next(iter(images.values()))
    disk = system.build(tree, first, variant, versions=("1.0",), readonly=True)
    out = work / "count"
    address = compiled.entry_address(program.read_bytes())
    words = [str(compiled.plugin(work)), f"end={address:#x}", f"out={out}"]
    options = entry.options(disk)
    return {
        name: median(
            [boot(machine(tree, disk.path, options, image, words), name, out) for _ in range(runs)]
        )
        for name, image in images.items()
    }
