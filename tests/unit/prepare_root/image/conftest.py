"""A kernel's modules, made small: real ELF objects that kmod indexes and resolves."""

import gzip
import lzma
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

KVER = "6.1.0-test"


@dataclass(frozen=True, slots=True)
class Ko:
    """A module to make: its file below kernel/, what it exports, needs and announces."""

    file: str
    exports: str = ""
    needs: str = ""
    modinfo: tuple[str, ...] = ()


MODULES = (
    Ko("drivers/virtio/virtio_ring.ko", exports="ring_add"),
    Ko("drivers/virtio/virtio_pci.ko", needs="ring_add", modinfo=("alias=pci:v1AF4d*",)),
    Ko("drivers/block/virtio_blk.ko", needs="ring_add", modinfo=("alias=virtio:d2v*",)),
    Ko("crypto/crc32c-generic.ko", modinfo=("alias=crc32c",)),
    Ko("lib/libcrc32c.ko.xz", exports="crc32c", modinfo=("softdep=pre: crc32c",)),
    Ko("fs/xfs/xfs.ko.xz", needs="crc32c", modinfo=("alias=fs-xfs",)),
    Ko("fs/overlayfs/overlay.ko.xz", modinfo=("alias=fs-overlay",)),
    Ko("fs/erofs/erofs.ko.zst", needs="crc32c", modinfo=("alias=fs-erofs",)),
    Ko("fs/isofs/isofs.ko", modinfo=("alias=fs-iso9660",)),
)


def assemble(ko: Ko, path: Path) -> None:
    """Write the object file that kmod sees as `ko`, compressed as its name says."""
    name = Path(ko.file).name.partition(".")[0].replace("-", "_")
    lines = ['.section .modinfo,"a"', f'.asciz "name={name}"']
    lines += [f'.asciz "{text}"' for text in ko.modinfo]
    if ko.exports:
        lines += ['.section __ksymtab_strings,"a"', f'.asciz "{ko.exports}"']
    if ko.needs:
        lines += [".data", f".long {ko.needs}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name(f"{name}.tmp")
    subprocess.run(
        ["gcc", "-c", "-x", "assembler", "-", "-o", str(plain)],
        input="\n".join(lines) + "\n",
        text=True,
        check=True,
    )
    data = plain.read_bytes()
    plain.unlink()
    if path.suffix == ".xz":
        data = lzma.compress(data, check=lzma.CHECK_CRC32)
    elif path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        # With the size in its header, as from a file: kmod 34 reads no other.
        words = ["zstd", "-q", "-c", f"--stream-size={len(data)}"]
        done = subprocess.run(words, input=data, capture_output=True, check=True)
        data = done.stdout
    path.write_bytes(data)


@pytest.fixture(scope="session")
def kernel_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the modules above in usr/lib/modules, as a Debian package leaves them:
    no index, ext4 built in, and the kernel's configuration in boot."""
    root = tmp_path_factory.mktemp("kernel-root")
    directory = root / "usr/lib/modules" / KVER
    for ko in MODULES:
        assemble(ko, directory / "kernel" / ko.file)
    (directory / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    (directory / "modules.builtin.modinfo").write_bytes(
        b"ext4.alias=fs-ext4\0ext4.file=fs/ext4/ext4\0ext4.license=GPL\0"
    )
    (directory / "modules.order").write_text("".join(f"kernel/{ko.file}\n" for ko in MODULES))
    (root / "boot").mkdir()
    (root / "boot" / f"config-{KVER}").write_text(
        "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\nCONFIG_RD_ZSTD=y\n# CONFIG_RD_XZ is not set\n"
    )
    return root


@pytest.fixture(scope="session")
def static_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static executable of a few hundred bytes."""
    path = tmp_path_factory.mktemp("static") / "program"
    subprocess.run(
        ["gcc", "-static", "-nostdlib", "-Wl,--build-id=none", "-x", "c", "-", "-o", str(path)],
        input="void _start(void) { for (;;) ; }\n",
        text=True,
        check=True,
    )
    return path


@pytest.fixture
def module_file(tmp_path: Path) -> Callable[[str], Path]:
    """Makes one module file of the given name."""

    def make(name: str) -> Path:
        path = tmp_path / name
        assemble(Ko(name), path)
        return path

    return make
