"""The C programs of the bench, compiled where and when they are needed."""

import re
import subprocess
from pathlib import Path

from bench.errors import BenchError
from bootvm.vm import QEMU
from guest.shell import run

SOURCES = Path(__file__).resolve().parent / "c"
# Far from where the kernel puts programs, libraries and stacks.
END_ADDRESS = 0x5EED0000000
# The marks of `span`, as far from everything.
MARKS = {"begin": 0x5EEE0000000, "end": 0x5EEF0000000}
_STRICT = ("-Wall", "-Wextra", "-Werror")


def floor(directory: Path) -> Path:
    """A static program that does nothing."""
    out = directory / "floor"
    run(["gcc", "-O2", *_STRICT, "-static", "-o", out, SOURCES / "floor.c"])
    return out


def end(directory: Path) -> Path:
    """The program that stands in for the real root's init."""
    out = directory / "end"
    bare = ("-ffreestanding", "-fno-stack-protector", "-fno-pie", "-mcmodel=large")
    link = ("-static", "-nostdlib", "-no-pie", "-s", f"-Wl,-Ttext-segment={END_ADDRESS:#x}")
    flags = [*_STRICT, *bare, *link, "-Wl,--build-id=none"]
    run(["gcc", "-Os", *flags, "-o", out, SOURCES / "end.c"])
    return out


def span(directory: Path) -> Path:
    """The program that runs a command between two marks, at the addresses in MARKS."""
    out = directory / "span"
    places = [f"-Wl,--section-start=.mark_{name}={at:#x}" for name, at in MARKS.items()]
    flags = [*_STRICT, "-mcmodel=large", "-fno-asynchronous-unwind-tables", "-static", "-no-pie"]
    flags += ["-s", *places, "-Wl,--build-id=none"]
    run(["gcc", "-O2", *flags, "-o", out, SOURCES / "span.c"])
    return out


def entry_address(program: bytes) -> int:
    """The address of a 64-bit ELF program's first instruction (e_entry of elf(5))."""
    if program[:5] != b"\x7fELF\x02":
        raise BenchError("read program", program[:5], "not a 64-bit ELF file")
    return int.from_bytes(program[24:32], "little")


def api_version(banner: str) -> int:
    """The version of the plugin interface that the QEMU which says `banner` accepts."""
    found = re.search(r"version (\d+)\.", banner)
    if not found:
        raise BenchError("read QEMU's version", QEMU, f"not in {banner[:80]!r}")
    return 1 if int(found[1]) < 9 else 2


def plugin(directory: Path) -> Path:
    """The counting plugin, for the QEMU that is installed here."""
    banner = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    out = directory / "count.so"
    flags = ["-shared", "-fPIC", "-fvisibility=hidden", f"-DAPI_VERSION={api_version(banner)}"]
    run(["gcc", "-O2", *_STRICT, *flags, "-o", out, SOURCES / "count.c"])
    return out
