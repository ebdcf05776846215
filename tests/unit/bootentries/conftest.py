"""A sysroot written by hand, so that a test can say exactly what is in it."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootentries.root import open_root
from prepare_root.formats.commit import COMMIT_TYPE
from prepare_root.formats.gvariant import Variant, encode

KVER = "6.1"
KERNEL, INITRAMFS = b"kernel", b"initramfs"
BOOTCSUM = hashlib.sha256(KERNEL + INITRAMFS).hexdigest()


@dataclass(slots=True)
class FakeSysroot:
    """`checksums` are those of the deployments, the default first."""

    path: Path
    checksums: list[str] = field(default_factory=list)
    stateroot: str = "testos"
    bootversion: int = 1

    def deployment(self, index: int = 0) -> Path:
        return self.path / f"ostree/deploy/{self.stateroot}/deploy/{self.checksums[index]}.0"

    def entry(self, index: int = 0) -> Path:
        number = len(self.checksums) - index
        return self.path / f"boot/loader.{self.bootversion}/entries/ostree-{number}.conf"

    def config(self, text: str) -> None:
        (self.path / "ostree/repo/config").write_text(text)

    def add(self, checksum: str, version: str | None = "1.0") -> None:
        """Add a deployment at the end of the list."""
        self.checksums.append(checksum)
        tree = self.deployment(-1)
        (tree / f"usr/lib/modules/{KVER}").mkdir(parents=True)
        (tree / f"usr/lib/modules/{KVER}/vmlinuz").write_bytes(KERNEL)
        (tree / f"usr/lib/modules/{KVER}/initramfs.img").write_bytes(INITRAMFS)
        (tree / "usr/lib/os-release").write_text('ID=t\nPRETTY_NAME="Test OS"\n')
        tree.with_name(f"{checksum}.0.origin").write_text("[origin]\nrefspec=r:b\n")
        metadata = {"version": Variant("s", version)} if version else {}
        place = self.path / f"ostree/repo/objects/{checksum[:2]}/{checksum[2:]}.commit"
        place.parent.mkdir(parents=True, exist_ok=True)
        fields = (metadata, b"", [], "", "", 0, bytes(32), bytes(32))
        place.write_bytes(encode(COMMIT_TYPE, fields, big=False))

    def write_list(self) -> None:
        """Write the entries, boot links and kernels of the list."""
        bootversion = self.bootversion
        links = self.path / f"ostree/boot.{bootversion}.1/{self.stateroot}/{BOOTCSUM}"
        links.mkdir(parents=True)
        (self.path / f"ostree/boot.{bootversion}").symlink_to(f"boot.{bootversion}.1")
        payload = self.path / f"boot/ostree/{self.stateroot}-{BOOTCSUM}"
        payload.mkdir(parents=True)
        (payload / f"vmlinuz-{KVER}").write_bytes(KERNEL)
        (payload / f"initramfs-{KVER}.img").write_bytes(INITRAMFS)
        self.entry().parent.mkdir(parents=True)
        (self.path / "boot/loader").symlink_to(f"loader.{bootversion}")
        (self.path / "boot/boot").symlink_to(".")
        for index, checksum in enumerate(self.checksums):
            target = f"../../../deploy/{self.stateroot}/deploy/{checksum}.0"
            (links / str(index)).symlink_to(target)
            where = f"/ostree/{self.stateroot}-{BOOTCSUM}"
            self.entry(index).write_text(
                f"title Test OS 1.0 (ostree:{index})\n"
                f"version {len(self.checksums) - index}\n"
                f"options root=UUID=a quiet ostree=/ostree/boot.{bootversion}/"
                f"{self.stateroot}/{BOOTCSUM}/{index}\n"
                f"linux {where}/vmlinuz-{KVER}\n"
                f"initrd {where}/initramfs-{KVER}.img\n"
            )


@pytest.fixture(scope="session")
def sysroots() -> type[FakeSysroot]:
    """Makes a sysroot at a path, with nothing in it."""
    return FakeSysroot


@pytest.fixture
def fake(tmp_path: Path) -> FakeSysroot:
    """A sysroot with two deployments of one kernel, the default first."""
    sysroot = FakeSysroot(tmp_path / "sysroot")
    (sysroot.path / "ostree/repo").mkdir(parents=True)
    (sysroot.path / "boot").mkdir()
    sysroot.config("[core]\nrepo_version=1\nmode=bare\n")
    sysroot.add("a" * 64)
    sysroot.add("b" * 64, "0.9")
    sysroot.write_list()
    return sysroot


@pytest.fixture
def run(tmp_path: Path) -> str:
    """An empty /run."""
    (tmp_path / "run/ostree").mkdir(parents=True)
    return str(tmp_path / "run")


@pytest.fixture
def root(fake: FakeSysroot):
    """The sysroot, open."""
    with open_root(str(fake.path)) as found:
        yield found


@pytest.fixture
def partition(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory on a filesystem that is not the sysroot's, for an EFI partition."""
    monkeypatch.setenv("SYSTEMD_RELAX_ESP_CHECKS", "1")
    place = Path(tempfile.mkdtemp(prefix="bootchain-", dir="/dev/shm"))
    yield place
    shutil.rmtree(place)
