"""The early image's members, from directories as distributions install them."""

import lzma
import subprocess
from pathlib import Path

import pytest

from prepare_root.image import microcode
from prepare_root.image.errors import ImageError
from prepare_root.image.microcode import Processor

INTEL, AMD = b"\x01\0\0\0intel ", b"DMA\0amd "
CPUINFO = """\
processor\t: 0
vendor_id\t: {}
cpu family\t: {}
model\t\t: {}
model name\t: a processor: fast
stepping\t: {}

processor\t: 1
vendor_id\t: other
"""


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    for name, data in (
        ("intel-ucode/06-9e-0a", INTEL + b"9e"),
        ("intel-ucode/06-2a-07", INTEL + b"2a"),
        ("intel-ucode/06-2a-07.initramfs", b"not for the kernel"),
        ("intel-ucode/list", b"not for the kernel"),
        ("amd-ucode/microcode_amd.bin", AMD + b"old"),
        ("amd-ucode/microcode_amd_fam19h.bin.xz", lzma.compress(AMD + b"19")),
        ("amd-ucode/microcode_amd_fam19h.bin.asc", b"not for the kernel"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    made = tmp_path / "amd-ucode/microcode_amd_fam17h.bin"
    made.write_bytes(AMD + b"17")
    subprocess.run(["zstd", "-q", "--rm", made], check=True)
    return tmp_path


def seen(items: list[microcode.Item]) -> dict[str, bytes | None]:
    return {item.name: item.data for item in items}


def test_for_every_processor(firmware: Path) -> None:
    assert seen(microcode.items(firmware, None)) == {
        "early_cpio": b"1\n",
        "kernel/x86/microcode/GenuineIntel.bin": INTEL + b"2a" + INTEL + b"9e",
        "kernel/x86/microcode/AuthenticAMD.bin": AMD + b"old" + AMD + b"17" + AMD + b"19",
    }


@pytest.mark.parametrize(
    ("kind", "name", "data"),
    [
        (("GenuineIntel", 6, 0x9E, 10), "GenuineIntel.bin", INTEL + b"9e"),
        (("GenuineIntel", 6, 0x9E, 11), None, None),
        (("AuthenticAMD", 0x10, 1, 1), "AuthenticAMD.bin", AMD + b"old"),
        (("AuthenticAMD", 0x17, 1, 1), "AuthenticAMD.bin", AMD + b"17"),
        (("AuthenticAMD", 0x19, 1, 1), "AuthenticAMD.bin", AMD + b"19"),
        (("AuthenticAMD", 0x1A, 1, 1), None, None),
        (("CentaurHauls", 6, 0x9E, 10), None, None),
    ],
)
def test_for_one_processor(
    firmware: Path, kind: tuple[str, int, int, int], name: str | None, data: bytes | None
) -> None:
    """None at all where there is nothing for it: no archive in front then."""
    processor = Processor.parse(CPUINFO.format(*kind))
    assert processor == Processor(*kind)
    expected = {"early_cpio": b"1\n", f"kernel/x86/microcode/{name}": data} if name else {}
    assert seen(microcode.items(firmware, processor)) == expected


@pytest.mark.parametrize("text", ["", "CPU implementer\t: 0x41\n", CPUINFO.format("x", "y", 1, 1)])
def test_no_processor_of_x86(text: str) -> None:
    with pytest.raises(ImageError) as caught:
        Processor.parse(text)
    assert str(caught.value) == "read microcode: /proc/cpuinfo: no processor of x86"


def test_none_there(tmp_path: Path) -> None:
    (tmp_path / "intel-ucode").mkdir()
    with pytest.raises(ImageError) as caught:
        microcode.items(tmp_path, None)
    assert str(caught.value) == (
        f"read microcode: {tmp_path}: no microcode in it, neither in intel-ucode nor in amd-ucode"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("intel-ucode/06-9e-0a", "not a microcode file"),
        ("amd-ucode/microcode_amd_fam19h.bin.xz", "Input format not supported by decoder"),
        ("amd-ucode/microcode_amd_fam17h.bin.zst", "zstd failed (1): zstd: /*stdin*\\: "),
    ],
)
def test_no_microcode(firmware: Path, name: str, reason: str) -> None:
    path = firmware / name
    path.write_bytes(b"<html>")
    with pytest.raises(ImageError) as caught:
        microcode.items(firmware, None)
    assert str(caught.value).startswith(f"read microcode: {path}: {reason}")
