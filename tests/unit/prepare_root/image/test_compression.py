"""The choice follows the kernel's configuration; the tools write what a kernel unpacks."""

import re
import subprocess
from pathlib import Path

import pytest

from prepare_root.image import compression
from prepare_root.image.compression import Compression, KernelConfig, choose
from prepare_root.image.errors import ImageError


def config(*allowed: str) -> KernelConfig:
    text = "CONFIG_BLK_DEV_INITRD=y\n# CONFIG_RD_LZO is not set\n"
    return KernelConfig.parse(text + "".join(f"CONFIG_RD_{name}=y\n" for name in allowed), "cfg")


@pytest.mark.parametrize(
    ("text", "enabled"),
    [
        ("CONFIG_A=y\n", {"CONFIG_A"}),
        ("CONFIG_A=m\nCONFIG_B=y\n", {"CONFIG_B"}),
        ('# a comment\nCONFIG_S="CONFIG_X=y"\n# CONFIG_B is not set\n', set()),
        ("CONFIG_N=yes\n", set()),
    ],
)
def test_parse(text: str, enabled: set[str]) -> None:
    assert KernelConfig.parse(text, "cfg").enabled == enabled


def test_parse_fails() -> None:
    with pytest.raises(ImageError, match=r"^read kernel config: cfg: not a kernel config"):
        KernelConfig.parse("hello\n", "cfg")


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (("GZIP", "XZ", "ZSTD", "LZ4"), Compression.ZSTD),
        (("GZIP", "XZ", "LZ4"), Compression.XZ),
        (("GZIP", "BZIP2"), Compression.GZIP),
        (("BZIP2",), Compression.NONE),
    ],
)
def test_auto(allowed: tuple[str, ...], expected: Compression) -> None:
    assert choose("auto", config(*allowed))[0] is expected


def test_auto_takes_only_what_has_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        compression, "which", lambda name: None if name in {"zstd", "xz"} else Path(name)
    )
    assert choose("auto", config("ZSTD", "XZ", "GZIP"))[0] is Compression.GZIP


def test_auto_without_a_configuration_says_so() -> None:
    method, note = choose("auto", None)
    assert method is Compression.GZIP
    assert note.startswith("no kernel config found, so gzip")


@pytest.mark.parametrize("method", Compression)
def test_named_without_a_configuration(method: Compression) -> None:
    assert choose(method.value, None) == (method, "")


def test_none_needs_no_decompressor() -> None:
    assert choose("none", config()) == (Compression.NONE, "")


@pytest.mark.parametrize(
    ("wanted", "line", "hint"),
    [
        ("xz", "# CONFIG_RD_XZ is not set", "it can unpack: zstd, gzip"),
        ("lz4", "# CONFIG_RD_LZ4 is not set", "it can unpack: zstd, gzip"),
    ],
)
def test_what_the_kernel_cannot_unpack(wanted: str, line: str, hint: str) -> None:
    with pytest.raises(ImageError) as caught:
        choose(wanted, config("GZIP", "ZSTD"))
    assert str(caught.value) == (
        f"choose compression: {wanted}: the kernel cannot unpack it ({line} in cfg)"
    )
    assert caught.value.hint == hint


def test_a_kernel_without_initramfs() -> None:
    off = KernelConfig.parse("# CONFIG_BLK_DEV_INITRD is not set\nCONFIG_RD_GZIP=y\n", "cfg")
    with pytest.raises(ImageError, match=r"no initramfs at all \(# CONFIG_BLK_DEV_INITRD is"):
        choose("auto", off)


def test_find_config(tmp_path: Path) -> None:
    (tmp_path / "second").write_text("CONFIG_A=y\n")
    found = compression.find_config([tmp_path / "first", tmp_path / "second"])
    assert found is not None
    assert found.source == str(tmp_path / "second")
    assert compression.find_config([tmp_path / "first"]) is None


def test_load_config_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^read kernel config: .*/none: No such file"):
        compression.load_config(tmp_path / "none")


DATA = b"some text, " * 5000

# What a kernel looks for at the start, and the flags that decide whether it copes.
MAGIC = {
    Compression.NONE: DATA[:4],
    Compression.GZIP: b"\x1f\x8b\x08\x00\x00\x00\x00\x00",  # no name, no time
    Compression.XZ: b"\xfd7zXZ\x00\x00\x01",  # checked by CRC32
    Compression.ZSTD: b"\x28\xb5\x2f\xfd",
    Compression.LZ4: b"\x02\x21\x4c\x18",  # the legacy frame
}


@pytest.mark.parametrize("method", Compression)
def test_compress(method: Compression) -> None:
    packed = compression.compress(DATA, method)
    assert packed.startswith(MAGIC[method])
    if method is not Compression.NONE:
        argv = [method.argv[0], "-d", "-c"]
        back = subprocess.run(argv, input=packed, capture_output=True, check=True)
        assert back.stdout == DATA
        assert len(packed) < len(DATA) / 10
    assert compression.compress(DATA, method) == packed


def test_tool_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prepare_root.image.run.SEARCH", ("/nonexistent",))
    with pytest.raises(ImageError, match=r"^compress: xz: program not found$") as caught:
        compression.compress(DATA, Compression.XZ)
    assert re.fullmatch(r"install the Debian package xz-utils", caught.value.hint)
