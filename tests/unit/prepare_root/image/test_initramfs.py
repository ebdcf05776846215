"""The command: options, messages and the file that it leaves."""

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from prepare_root.image import compression, cpio, initramfs, inspect
from prepare_root.image.errors import ImageError
from prepare_root.image.run import run

KVER = "6.1.0-test"


@pytest.fixture
def options(kernel_root: Path, static_program: Path) -> list[str]:
    return ["--kver", KVER, "--modules-dir", str(kernel_root), "--binary", str(static_program)]


def invoke(*arguments: str, **environ: str) -> Result:
    result = CliRunner().invoke(initramfs.command, arguments, env=environ)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def unpack(path: Path) -> dict[str, cpio.Member]:
    data = path.read_bytes()
    for method in compression.PREFERENCE:
        magic = {"zstd": b"\x28\xb5", "gzip": b"\x1f\x8b"}.get(method.value)
        if magic and data.startswith(magic):
            argv = (method.argv[0], "-d", "-c")
            data = run(argv, "unpack", str(path), stdin=data)
    return {member.name: member for member in cpio.members(data)}


def test_default_modules_are_those_that_the_kernel_has(options: list[str], tmp_path: Path) -> None:
    result = invoke(str(tmp_path / "out"), *options)
    assert result.exit_code == 0
    found = unpack(tmp_path / "out")
    names = [
        line.rpartition("/")[2] for line in found["usr/lib/bootchain/modules"].data.decode().split()
    ]
    assert names == [
        "virtio_ring.ko",
        "virtio_blk.ko",
        "overlay.ko",
        "crc32c-generic.ko",
        "libcrc32c.ko",
        "erofs.ko",
        "virtio_pci.ko",
    ]
    assert found["usr/lib/ostree/prepare-root.conf"].data.startswith(b"# Nothing is set")


def test_the_kernel_configuration_of_the_tree_decides(options: list[str], tmp_path: Path) -> None:
    result = invoke(str(tmp_path / "out"), *options)
    assert "(zstd)" in result.stderr
    assert (tmp_path / "out").read_bytes().startswith(b"\x28\xb5\x2f\xfd")


def test_a_named_kernel_configuration_wins(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "config").write_text("CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n")
    invoke(str(tmp_path / "out"), *options, "--kernel-config", str(tmp_path / "config"))
    assert (tmp_path / "out").read_bytes().startswith(b"\x1f\x8b")


def test_compression_that_the_kernel_lacks(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"xz: the kernel cannot unpack it \(# CONFIG_RD_XZ is"):
        invoke(str(tmp_path / "out"), *options, "--compress", "xz")
    assert list(tmp_path.iterdir()) == []


def test_configurations(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "lib.conf").write_text("[sysroot]\nreadonly=true\n")
    (tmp_path / "etc.conf").write_text("[etc]\ntransient=true\n")
    lib, etc = str(tmp_path / "lib.conf"), str(tmp_path / "etc.conf")
    invoke(str(tmp_path / "out"), *options, "--config", lib, "--etc-config", etc)
    found = unpack(tmp_path / "out")
    assert found["usr/lib/ostree/prepare-root.conf"].data == b"[sysroot]\nreadonly=true\n"
    assert found["etc/ostree/prepare-root.conf"].data == b"[etc]\ntransient=true\n"


KEY = b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ("enabled=signed", "etc/ostree/initramfs-root-binding.key"),
        ("enabled=signed\nkeypath=/usr/lib/keys/of/ours", "usr/lib/keys/of/ours"),
        ("enabled=no", "etc/ostree/initramfs-root-binding.key"),  # an argument may ask for it
    ],
)
def test_key(options: list[str], tmp_path: Path, config: str, place: str) -> None:
    (tmp_path / "conf").write_text(f"[composefs]\n{config}\n")
    (tmp_path / "key").write_bytes(KEY)
    words = ["--config", str(tmp_path / "conf"), "--key", str(tmp_path / "key")]
    invoke(str(tmp_path / "out"), *options, *words)
    assert unpack(tmp_path / "out")[place].data == KEY


def test_a_signed_root_needs_a_key(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("[composefs]\nenabled=signed\n")
    with pytest.raises(ImageError, match=r"enabled=signed: no key to check signatures with"):
        invoke(str(tmp_path / "out"), *options, "--config", str(tmp_path / "conf"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"\n", "there is no key in it")],
)
def test_a_key_that_is_none(
    options: list[str], tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(ImageError, match=f"read keys: {tmp_path}/key: {reason}"):
        invoke(str(tmp_path / "out"), *options, "--key", str(tmp_path / "key"))
    assert not (tmp_path / "out").exists()


def loaded(path: Path) -> list[str]:
    lines = unpack(path)["usr/lib/bootchain/modules"].data.decode().split()
    return [Path(line).stem for line in lines]


def test_modules_of_most_machines(options: list[str], tmp_path: Path) -> None:
    invoke(str(tmp_path / "out"), *options, "--generic", "--fs", "iso9660")
    assert {"virtio_blk", "virtio_pci", "isofs", "xfs", "overlay", "erofs"} <= {
        *loaded(tmp_path / "out")
    }


def test_modules_of_one_machine(options: list[str], tmp_path: Path) -> None:
    """By what its sysfs says; a driver that the kernel lacks may be built in."""
    host = tmp_path / "host"
    device = host / "sys/devices/pci/virtio/block/vda"
    device.mkdir(parents=True)
    (device.parents[1] / "modalias").write_text("virtio:d2v\n")
    (device.parents[2] / "modalias").write_text("pci:v8086\n")
    for place in ("sys/dev/block", "proc/self"):
        (host / place).mkdir(parents=True)
    (host / "sys/dev/block/254:0").symlink_to(device)
    (host / "proc/self/mountinfo").write_text("1 0 254:0 / / rw - xfs /dev/vda rw\n")
    result = invoke(str(tmp_path / "out"), *options, "--hostonly", "--host", str(host))
    assert "root: xfs on vda" in result.stderr
    assert loaded(tmp_path / "out") == [
        "virtio_ring", "virtio_blk", "crc32c-generic", "libcrc32c", "xfs", "overlay", "erofs",
    ]  # fmt: skip
    index = unpack(tmp_path / "out")["usr/lib/bootchain/module-index"].data.decode()
    assert index.splitlines()[:2] == ["alias virtio:d2v* 0 1", "fs xfs 2 3 4"]


def test_two_choices_at_once(options: list[str], tmp_path: Path) -> None:
    result = invoke(str(tmp_path / "out"), *options, "--hostonly", "--generic")
    assert result.exit_code == 2
    assert "--generic and --hostonly exclude each other." in result.stderr


def test_included_files(options: list[str], tmp_path: Path, static_program: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/link").symlink_to("/etc/x")
    words = ["--include", f"{static_program}:/bin/sh", "--include", f"{tmp_path}/more:/etc/more"]
    invoke(str(tmp_path / "out"), *options, *words, SOURCE_DATE_EPOCH="7")
    found = unpack(tmp_path / "out")
    assert (found["bin/sh"].mode, found["bin/sh"].data) == (0o100755, static_program.read_bytes())
    assert found["bin"].mode == found["etc/more"].mode == 0o040755
    link = found["etc/more/link"]
    assert (link.mode, link.data, link.nlink, link.mtime) == (0o120777, b"/etc/x", 1, 7)
    listing = invoke(*options, *words, "--list").stdout
    assert f"lrwxrwxrwx {'':>9} etc/more/link -> /etc/x\n" in listing


def test_a_shell_that_was_forgotten(
    options: list[str], tmp_path: Path, static_program: Path
) -> None:
    (tmp_path / "conf").write_text("[failure]\naction=shell\n")
    words = [str(tmp_path / "out"), *options, "--config", str(tmp_path / "conf")]
    assert "note: [failure] action=shell, and the image has no /bin/sh" in invoke(*words).stderr
    assert "note: " not in invoke(*words, "--include", f"{static_program}:/bin/sh").stderr


def test_an_included_file_does_not_replace_ours(
    options: list[str], tmp_path: Path, static_program: Path
) -> None:
    with pytest.raises(ImageError, match=r"include file: /init: there is such a file"):
        invoke(str(tmp_path / "out"), *options, "--include", f"{static_program}:/init")
    assert not (tmp_path / "out").exists()


def microcode(tmp_path: Path) -> str:
    for name, data in (
        ("intel-ucode/06-9e-0a", b"\1\0\0\0i"),
        ("amd-ucode/microcode_amd.bin", b"DMA\0"),
    ):
        (tmp_path / "firmware" / name).parent.mkdir(parents=True)
        (tmp_path / "firmware" / name).write_bytes(data)
    return str(tmp_path / "firmware")


def test_microcode_is_in_front(options: list[str], tmp_path: Path) -> None:
    """Plain, since the kernel looks for it before it can unpack anything."""
    invoke(str(tmp_path / "plain"), *options)
    words = [*options, "--microcode", microcode(tmp_path)]
    invoke(str(tmp_path / "out"), *words)
    data, rest = (tmp_path / "out").read_bytes(), (tmp_path / "plain").read_bytes()
    assert data.endswith(rest)
    early = {member.name: member.data for member in cpio.members(data[: -len(rest)])}
    assert early == {
        **dict.fromkeys(("kernel", "kernel/x86", "kernel/x86/microcode"), b""),
        "early_cpio": b"1\n",
        "kernel/x86/microcode/AuthenticAMD.bin": b"DMA\0",
        "kernel/x86/microcode/GenuineIntel.bin": b"\1\0\0\0i",
    }
    assert (len(data) - len(rest)) % 512 == 0
    report = inspect.inspect(data, "out")
    assert report.microcode == tuple(sorted(name for name in early if name.endswith(".bin")))
    assert "kernel/x86/microcode/GenuineIntel.bin" in invoke(*words, "--list").stdout
    invoke(str(tmp_path / "again"), *words)
    assert (tmp_path / "again").read_bytes() == data


def test_empty_configuration_is_kept_empty(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "empty.conf").touch()
    invoke(str(tmp_path / "out"), *options, "--config", str(tmp_path / "empty.conf"))
    assert unpack(tmp_path / "out")["usr/lib/ostree/prepare-root.conf"].data == b""


def test_named_modules_replace_the_defaults(options: list[str], tmp_path: Path) -> None:
    invoke(str(tmp_path / "out"), *options, "--fs", "xfs", "--driver", "virtio_blk depth=4")
    lines = unpack(tmp_path / "out")["usr/lib/bootchain/modules"].data.decode()
    assert "overlay" not in lines
    assert "/virtio_blk.ko depth=4\n" in lines


def test_named_module_that_the_kernel_lacks(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=f"^find module: btrfs: not in kernel {KVER}"):
        invoke(str(tmp_path / "out"), *options, "--fs", "btrfs")
    assert list(tmp_path.iterdir()) == []


def test_same_bytes_twice(options: list[str], tmp_path: Path) -> None:
    for name in ("one", "two"):
        invoke(str(tmp_path / name), *options, SOURCE_DATE_EPOCH="1700000000")
    one = (tmp_path / "one").read_bytes()
    assert one == (tmp_path / "two").read_bytes()
    assert unpack(tmp_path / "one")["init"].mtime == 1700000000


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "9999999999999"])
def test_epoch_that_is_no_time(options: list[str], tmp_path: Path, text: str) -> None:
    with pytest.raises(ImageError, match=r"^read environment: SOURCE_DATE_EPOCH: not a time"):
        invoke(str(tmp_path / "out"), *options, SOURCE_DATE_EPOCH=text)


def test_list_prints_the_plan_and_writes_nothing(options: list[str], tmp_path: Path) -> None:
    result = invoke(str(tmp_path / "out"), *options, "--list")
    assert list(tmp_path.iterdir()) == []
    assert "crw-------      5, 1 dev/console\n" in result.stdout
    assert "load order: virtio_ring, virtio_blk, overlay, " in result.stdout
    assert "built into the kernel: ext4\n" in result.stdout
    assert "not in this kernel: nvme, ahci\n" in result.stdout
    assert result.stdout.endswith("compression: zstd\n")


def test_progress_goes_to_stderr(options: list[str], tmp_path: Path) -> None:
    result = invoke(str(tmp_path / "out"), *options)
    assert result.stdout == ""
    size = (tmp_path / "out").stat().st_size
    assert result.stderr.endswith(f"==> wrote {tmp_path}/out: {size} bytes\n")


def test_no_out(options: list[str]) -> None:
    result = invoke(*options)
    assert result.exit_code == 2
    assert "Missing argument 'OUT'" in result.stderr


def test_out_in_no_directory(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^write image: .*/none/out: No such file or directory$"):
        invoke(str(tmp_path / "none/out"), *options)


def test_a_failed_write_leaves_the_old_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ImageError, match=r"^write image: .*/out: No space left on device$"):
        initramfs.write(out, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert out.read_bytes() == b"old"


@pytest.mark.parametrize("option", ["--config", "--etc-config"])
def test_configuration_that_is_not_there(options: list[str], tmp_path: Path, option: str) -> None:
    with pytest.raises(ImageError, match=r"^read configuration: /none: No such file"):
        invoke(str(tmp_path / "out"), *options, option, "/none")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[sysroot]\nreadonly=yes\n", r"line 2: \[sysroot\] readonly: 'yes' is not true"),
        ("[root]\ntransient=1\ntransient-ro=1\n", r"\[root\] transient and transient-ro excl"),
        ("readonly=true\n", "line 1: "),
    ],
)
def test_configuration_that_would_stop_the_machine(
    options: list[str], tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "bad.conf"
    path.write_text(text)
    with pytest.raises(ImageError, match=f"^read configuration: {path}: {reason}"):
        invoke(str(tmp_path / "out"), *options, "--config", str(path))


@pytest.mark.parametrize(
    ("lib", "etc", "expected"),
    [
        ("", None, set()),
        ("[composefs]\nenabled=maybe\n", None, {"erofs.ko", "overlay.ko"}),
        ("[etc]\ntransient=true\n", None, {"overlay.ko"}),
        ("[root]\ntransient-ro=true\n", None, {"overlay.ko"}),
        ("[composefs]\nenabled=yes\n", "[sysroot]\nreadonly=true\n", set()),
        ("", "[composefs]\nenabled=yes\n", {"erofs.ko", "overlay.ko"}),
    ],
)
def test_configuration_brings_the_filesystems_that_it_needs(
    options: list[str], tmp_path: Path, lib: str, etc: str | None, expected: set[str]
) -> None:
    (tmp_path / "lib.conf").write_text(lib)
    more = ["--config", str(tmp_path / "lib.conf"), "--fs", "ext4"]
    if etc is not None:
        (tmp_path / "etc.conf").write_text(etc)
        more += ["--etc-config", str(tmp_path / "etc.conf")]
    invoke(str(tmp_path / "out"), *options, *more)
    lines = unpack(tmp_path / "out")["usr/lib/bootchain/modules"].data.decode().split()
    assert {Path(line).name for line in lines} & {"erofs.ko", "overlay.ko"} == expected


def test_help_has_an_example() -> None:
    with click.Context(initramfs.command) as context:
        assert "Example: prepare-root-image initramfs" in initramfs.command.get_help(context)
