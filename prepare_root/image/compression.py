"""How an image is compressed: what the kernel can unpack, and which tool does it.

A kernel unpacks what its CONFIG_RD_* options name.  Asked for something else it panics
with "no init found", which names nothing; so the choice is made here, from its config.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from prepare_root.image.errors import ImageError
from prepare_root.image.run import run, which


class Compression(StrEnum):
    """A way to compress an image; the value is what the command line calls it."""

    NONE = "none"
    GZIP = "gzip"
    XZ = "xz"
    ZSTD = "zstd"
    LZ4 = "lz4"

    @property
    def option(self) -> str:
        """The kernel option that unpacks it."""
        return f"CONFIG_RD_{self.name}" if self is not Compression.NONE else "CONFIG_BLK_DEV_INITRD"

    @property
    def argv(self) -> tuple[str, ...]:
        """The filter that compresses, one thread each: threads change the output."""
        return ARGV[self]


ARGV: dict[Compression, tuple[str, ...]] = {
    Compression.NONE: (),
    Compression.GZIP: ("gzip", "-n", "-9", "-c"),
    # The kernel's decoder knows no CRC64, which is xz's default.
    Compression.XZ: ("xz", "--check=crc32", "--threads=1", "-6", "-c"),
    Compression.ZSTD: ("zstd", "-q", "-19", "-T1", "-c"),
    # The kernel reads only the legacy frame.
    Compression.LZ4: ("lz4", "-q", "-l", "-9", "-c"),
}

# What `auto` tries.  zstd is nearly as small as xz and unpacks several times faster.
PREFERENCE = (Compression.ZSTD, Compression.XZ, Compression.GZIP, Compression.LZ4)

_SET = re.compile(r"^(CONFIG_\w+)=(\S+)")
_UNSET = re.compile(r"^# (CONFIG_\w+) is not set")


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """The options of one kernel, as its `.config` names them.

    `lines` maps an option to its whole line, for messages; `enabled` holds those set to y.
    """

    source: str
    enabled: frozenset[str]
    lines: dict[str, str]

    @classmethod
    def parse(cls, text: str, source: str) -> "KernelConfig":
        """Read a `.config`; raises ImageError when no line of it is an option."""
        enabled: set[str] = set()
        lines: dict[str, str] = {}
        for line in text.splitlines():
            match = _SET.match(line) or _UNSET.match(line)
            if match is None:
                continue
            lines[match[1]] = line.strip()
            if line.rstrip() == f"{match[1]}=y":
                enabled.add(match[1])
        if not lines:
            raise ImageError("read kernel config", source, "not a kernel configuration")
        return cls(source, frozenset(enabled), lines)

    def line(self, option: str) -> str:
        """The line that decides `option`; one that is not there counts as not set."""
        return self.lines.get(option, f"# {option} is not set")


def find_config(candidates: Iterable[Path]) -> KernelConfig | None:
    """The first of `candidates` that is there, parsed; None when none is."""
    for path in candidates:
        if path.is_file():
            return load_config(path)
    return None


def load_config(path: Path) -> KernelConfig:
    """The kernel configuration in `path`; ImageError when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ImageError("read kernel config", str(path), error.strerror or str(error)) from error
    return KernelConfig.parse(text, str(path))


def choose(wanted: str, config: KernelConfig | None) -> tuple[Compression, str]:
    """The compression for `wanted` ("auto" or a value of Compression), and a note or "".

    Raises ImageError when the kernel cannot unpack what was asked for, or when no tool
    for it is installed.
    """
    if config is not None and Compression.NONE.option not in config.enabled:
        raise ImageError(
            "choose compression",
            config.source,
            f"this kernel uses no initramfs at all ({config.line(Compression.NONE.option)})",
        )
    if wanted != "auto":
        return _named(Compression(wanted), config)
    if config is None:
        return _named(Compression.GZIP, None)[0], (
            "no kernel config found, so gzip, which nearly every kernel unpacks;"
            " --kernel-config FILE lets it choose"
        )
    for candidate in PREFERENCE:
        if candidate.option in config.enabled and which(candidate.argv[0]) is not None:
            return candidate, ""
    return Compression.NONE, f"{config.source} allows no compression that has a tool here"


def _named(compression: Compression, config: KernelConfig | None) -> tuple[Compression, str]:
    if config is not None and compression.option not in config.enabled:
        allowed = [c.value for c in PREFERENCE if c.option in config.enabled]
        raise ImageError(
            "choose compression",
            compression.value,
            f"the kernel cannot unpack it ({config.line(compression.option)} in {config.source})",
            f"it can unpack: {', '.join(allowed) or 'none'}",
        )
    return compression, ""


def compress(archive: bytes, compression: Compression) -> bytes:
    """`archive` through the tool of `compression`; raises ImageError when that fails."""
    if compression is Compression.NONE:
        return archive
    return run(compression.argv, "compress", compression.value, stdin=archive)
