"""Disk image files, by `qemu-img`."""

import subprocess
from pathlib import Path

from bootvm.errors import BootvmError


def _qemu_img(*words: str | Path) -> None:
    argv = ["qemu-img", *(str(word) for word in words)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BootvmError(
            "run", "qemu-img", "not found", "install the Debian package qemu-utils"
        ) from error
    if done.returncode != 0:
        raise BootvmError("run", " ".join(argv[:2]), done.stderr.strip())


def overlay(base: Path, path: Path, base_format: str = "raw") -> Path:
    """Makes a qcow2 at `path` that keeps all writes away from `base`."""
    _qemu_img("create", "-q", "-f", "qcow2", "-F", base_format, "-b", base.resolve(), path)
    return path


def rebase(path: Path, base: Path, base_format: str = "raw") -> None:
    """Says in the qcow2 at `path` that its base, unchanged, is at `base` now."""
    _qemu_img("rebase", "-q", "-u", "-f", "qcow2", "-F", base_format, "-b", base.resolve(), path)


def empty(path: Path, mib: int) -> Path:
    """Makes an empty qcow2 of `mib` MiB: a disk, or a place for snapshots."""
    _qemu_img("create", "-q", "-f", "qcow2", path, f"{mib}M")
    return path


def flatten(path: Path, raw: Path) -> Path:
    """Writes what a guest sees of the qcow2 at `path` into the sparse file `raw`."""
    _qemu_img("convert", "-f", "qcow2", "-O", "raw", path, raw)
    return raw
