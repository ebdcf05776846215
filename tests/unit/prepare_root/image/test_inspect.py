"""What an image says of itself: made by us, packed by the real tools, or no image at all."""

import json
import stat
import subprocess
from pathlib import Path

import pytest

from prepare_root.image import inspect
from prepare_root.image.cpio import TRAILER, Member
from prepare_root.image.errors import ImageError
from prepare_root.image.initramfs import command as build_command

KVER = "6.1.0-test"
OURS = b"\x7fELF usage: prepare-root [--dry-run] SYSROOT\n"
LIBOSTREES = b"\x7fELF something else"
KEY = b"A" * 43 + b"=\n"
CONF = "usr/lib/ostree/prepare-root.conf"


def archive(files: dict[str, bytes]) -> bytes:
    members = [Member(name, stat.S_IFREG | 0o644, data=data) for name, data in files.items()]
    return b"".join(member.encode() for member in (*members, Member(TRAILER, 0)))


def packed(data: bytes, *argv: str) -> bytes:
    return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True).stdout


def test_early_archive_and_packed_one():
    early = archive({"kernel/x86/microcode/GenuineIntel.bin": b"m" * 700})
    main = packed(archive({"usr/lib/ostree/ostree-prepare-root": LIBOSTREES}), "zstd", "-qc")
    image = early + bytes(-len(early) % 512) + main
    report = inspect.inspect(image, "i")
    assert [(part.offset, part.packing, len(part.members)) for part in report.parts] == [
        (0, "none", 1), (len(image) - len(main), "zstd", 1),
    ]  # fmt: skip
    assert report.parts[1].size == len(main)
    assert report.microcode == ("kernel/x86/microcode/GenuineIntel.bin",)
    assert report.programs == (("usr/lib/ostree/ostree-prepare-root", "libostree"),)


PROGRAMS = [
    ({"init": OURS}, "/init (bootchain)"),
    ({"init": b"#!/bin/sh"}, "none"),
    ({"./usr/lib/bootchain/prepare-root": OURS}, "/usr/lib/bootchain/prepare-root (bootchain)"),
    ({"usr/lib/ostree/ostree-prepare-root": OURS},
     "/usr/lib/ostree/ostree-prepare-root (bootchain)"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "said"), PROGRAMS)
def test_whose_program(files, said):
    assert f"prepare-root: {said}" in inspect.lines(inspect.inspect(archive(files), "i"))


CONFIGURATIONS = [
    ({}, ["configuration: none, so nothing is set"]),
    ({CONF: b"[sysroot]\nreadonly=true\n"},
     [f"configuration: /{CONF}", "  [sysroot]", "  readonly=true"]),
    ({CONF: b"x", "etc/ostree/prepare-root.conf": b"[root]\ntransient=perhaps\n"},
     ["configuration: /etc/ostree/prepare-root.conf: ", "  [root]", "  transient=perhaps"]),
]  # fmt: skip


@pytest.mark.parametrize(("files", "said"), CONFIGURATIONS)
def test_configuration_that_counts(files, said):
    found = list(inspect.lines(inspect.inspect(archive({"init": OURS, **files}), "i")))
    found = found[-len(said) :]
    assert found[0].startswith(said[0])
    assert ("transient" in found[0]) == ("perhaps" in said[-1])
    assert found[1:] == said[1:]


@pytest.mark.parametrize(("text", "count"), [(KEY, 1), (KEY * 2, 2), (b"no key", 0)])
def test_keys(text, count):
    report = inspect.inspect(archive({"etc/ostree/initramfs-root-binding.key": text}), "i")
    assert report.keys == count
    assert f"keys for signed roots: {count} in /{inspect.KEY}" in inspect.lines(report)


def test_modules_by_release():
    names = ("6.1/kernel/fs/xfs/xfs.ko.xz", "6.1/kernel/crc32c-generic.ko", "7.0/updates/a.ko.zst")
    report = inspect.inspect(archive({f"usr/lib/modules/{name}": b"" for name in names}), "i")
    assert report.modules == {"6.1": ("crc32c_generic", "xfs"), "7.0": ("a",)}


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", "nothing but zeros is in it"),
        (bytes(512), "nothing but zeros is in it"),
        (b"hello", "neither an archive nor packed in a known way: it begins b'hello'"),
        (archive({"a": b"b"})[:-124], "no newc header at 116"),
        (packed(b"hello", "gzip", "-c"), "neither an archive nor packed"),
    ],
)
def test_no_image(image, reason):
    with pytest.raises(ImageError) as caught:
        inspect.inspect(image, "some/file")
    assert str(caught.value).startswith(f"read initramfs: some/file: {reason}")


def test_damaged_packing():
    image = packed(archive({"a": b"b" * 9000}), "gzip", "-c")[:-20]
    with pytest.raises(ImageError, match=r"^unpack: some/file: gzip failed"):
        inspect.inspect(image, "some/file")


@pytest.fixture
def ours(kernel_root: Path, static_program: Path, tmp_path: Path) -> Path:
    words = [tmp_path / "image", "--kver", KVER, "--modules-dir", kernel_root]
    words += ["--binary", static_program, "--compress", "gzip"]
    build_command.main([str(word) for word in words], standalone_mode=False)
    return tmp_path / "image"


def test_an_image_of_ours(ours: Path, capsys: pytest.CaptureFixture[str]):
    inspect.command.main([str(ours), "--list"], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert "erofs" in next(line for line in lines if line.startswith(f"modules of {KVER}: "))
    assert "modules are all loaded at the start" not in lines
    assert any(line.startswith("crw-------") and "5, 1" in line for line in lines)
    assert any(line.endswith(" usr/lib/bootchain/module-index") for line in lines)
    inspect.command.main([str(ours), "--json"], standalone_mode=False)
    report = json.loads(capsys.readouterr().out)
    names = [member["name"] for part in report["parts"] for member in part["members"]]
    assert {"init", "dev/console", CONF} <= set(names)
    assert report["configuration"]["fault"] is None
