"""The early image: microcode for processors, which the kernel looks for before it unpacks.

It is a plain archive in front of all others, with the files of each vendor in one (kernel doc
`arch/x86/microcode.rst`).  They are the ones of linux-firmware and of Intel, as distributions
install them below `amd-ucode` and `intel-ucode`.
"""

import lzma
import re
from dataclasses import dataclass
from pathlib import Path

from prepare_root.image.contents import Item
from prepare_root.image.errors import ImageError
from prepare_root.image.run import run

OPERATION = "read microcode"
PLACE = "kernel/x86/microcode"
# By this dracut's tools, and ours, know what the archive in front is.
MARK = Item("early_cpio", 0o644, b"1\n")
_INTEL = re.compile(r"[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}(\.xz|\.zst)?")
_AMD = re.compile(r"microcode_amd(_fam[0-9a-f]{2}h)?\.bin(\.xz|\.zst)?")
_INTEL_VERSION = b"\x01\0\0\0"  # of the header
_AMD_MAGIC = b"DMA\0"


@dataclass(frozen=True, slots=True)
class Processor:
    """As /proc/cpuinfo names it, with the numbers of its kind."""

    vendor: str
    family: int
    model: int
    stepping: int

    @classmethod
    def parse(cls, cpuinfo: str) -> "Processor":
        """The first processor of `cpuinfo`; ImageError where it is not one of x86."""
        fields: dict[str, str] = {}
        for line in cpuinfo.splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
        try:
            numbers = (int(fields[key]) for key in ("cpu family", "model", "stepping"))
            return cls(fields["vendor_id"], *numbers)
        except (KeyError, ValueError):
            raise ImageError(OPERATION, "/proc/cpuinfo", "no processor of x86") from None

    @property
    def file(self) -> str:
        """The name of the file that may have something for it."""
        if self.vendor == "GenuineIntel":
            return f"{self.family:02x}-{self.model:02x}-{self.stepping:02x}"
        if self.family < 0x15:
            return "microcode_amd.bin"
        return f"microcode_amd_fam{self.family:02x}h.bin"


def items(firmware: Path, processor: Processor | None) -> list[Item]:
    """The members of the early image, from the directory `firmware`.

    With a `processor` only what is for it, which may be nothing.  Raises ImageError for a
    directory that has none for anybody, and for a file that is no microcode.
    """
    found = []
    there = 0
    for directory, form, name, start in (
        ("intel-ucode", _INTEL, "GenuineIntel.bin", _INTEL_VERSION),
        ("amd-ucode", _AMD, "AuthenticAMD.bin", _AMD_MAGIC),
    ):
        paths = [path for path in _sorted(firmware / directory) if form.fullmatch(path.name)]
        there += len(paths)
        if processor is not None:
            mine = name == f"{processor.vendor}.bin"
            paths = [path for path in paths if mine and _stem(path) == processor.file]
        data = b"".join(_read(path, start) for path in paths)
        if data:
            found.append(Item(f"{PLACE}/{name}", 0o644, data, str(firmware / directory)))
    if there == 0:
        raise ImageError(
            OPERATION,
            str(firmware),
            "no microcode in it, neither in intel-ucode nor in amd-ucode",
            "Debian's packages intel-microcode and amd64-microcode bring it",
        )
    return [MARK, *found] if found else []


def _sorted(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _stem(path: Path) -> str:
    return path.name.removesuffix(".xz").removesuffix(".zst")


def _read(path: Path, start: bytes) -> bytes:
    try:
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
    except (OSError, lzma.LZMAError) as error:
        raise ImageError(OPERATION, str(path), str(error)) from error
    if path.suffix == ".zst":
        data = run(("zstd", "-q", "-d", "-c"), OPERATION, str(path), stdin=data)
    if not data.startswith(start):
        raise ImageError(OPERATION, str(path), "not a microcode file")
    return data
