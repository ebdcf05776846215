"""Runs the cases of the matrix in a real initramfs: `python3 matrixinit.py`, as /setup's child.

Beside it lies spec.json: `programs`, name → words; `key`, the text of the key file; `verity`,
the disks whose files get fs-verity first; `out`, the disk for the answers; `cases`, each with
`device`, `config`, `cmdline`, `readonly` and `programs`, the names of those to run.  One line
of JSON for each case is written to `out`: name of the program → what it left behind.

Every run is a process of its own in a mount namespace of its own, with a /run of its own; the
root is the kernel's own initramfs, and the physical root a disk.
"""

import errno
import fcntl
import json
import os
import struct
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import matrix

HERE = Path(__file__).resolve().parent
ENABLE_VERITY = 0x40806685  # FS_IOC_ENABLE_VERITY of linux/fsverity.h
SHA256, BLOCK = 1, 4096
WAIT_S = 10


def mount_disk(device: str, readonly: bool) -> None:
    """Mount a disk on /sysroot.

    What the run before had mounted can be let go a moment after its process ended, and a
    filesystem cannot be mounted both ways at once.
    """
    flags = matrix.MS_RDONLY if readonly else 0
    until = time.monotonic() + WAIT_S
    while True:
        try:
            matrix.mount(device, "/sysroot", "ext4", flags)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def prepare(key: str, case: dict) -> Path:
    """A fresh namespace with the inputs of a case."""
    matrix.check(matrix.libc.unshare(matrix.CLONE_NEWNS), "unshare")
    matrix.mount("none", "/", "", matrix.MS_REC | matrix.MS_SHARED)
    matrix.mount("run", "/run", "tmpfs", data="mode=0755")
    mount_disk(case["device"], case["readonly"])
    with suppress(FileNotFoundError):
        Path("/sysroot.tmp").rmdir()  # a refused run of libostree's program leaves it
    Path("/etc/ostree").mkdir(parents=True, exist_ok=True)
    Path("/etc/ostree/prepare-root.conf").write_text(case["config"])
    Path("/etc/ostree/initramfs-root-binding.key").write_text(key)
    Path("/cmdline").write_text(case["cmdline"] + "\n")
    matrix.mount("/cmdline", "/proc/cmdline", "", matrix.MS_BIND)
    return Path("/")


def enable(path: Path) -> None:
    """Switch fs-verity on for a file."""
    how = struct.pack("=IIIIQIIQ11Q", 1, SHA256, BLOCK, 0, 0, 0, 0, 0, *[0] * 11)
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, ENABLE_VERITY, how)
    finally:
        os.close(fd)


def enable_all(device: str) -> None:
    """Switch fs-verity on for the image and the objects on a disk, in a child."""
    child = os.fork()
    if child == 0:
        matrix.check(matrix.libc.unshare(matrix.CLONE_NEWNS), "unshare")
        mount_disk(device, readonly=False)
        top = Path("/sysroot/ostree")
        objects = [path for path in top.glob("repo/objects/*/*.file") if not path.is_symlink()]
        images = list(top.glob("deploy/*/deploy/*/.ostree.cfs"))
        for path in (*objects, *images):
            if path.stat().st_size > 0:
                enable(path)
        os._exit(0 if images else 1)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"matrix: no fs-verity on {device}")


def main() -> None:
    spec = json.loads((HERE / "spec.json").read_text())
    for device in spec["verity"]:
        enable_all(device)
    began = time.monotonic()
    with Path(spec["out"]).open("wb") as out:
        for case in spec["cases"]:
            ready = partial(prepare, spec["key"], case)
            answers = {
                name: matrix.forked(ready, spec["programs"][name]) for name in case["programs"]
            }
            out.write(json.dumps(answers).encode() + b"\n")
        size = out.tell()
    took = time.monotonic() - began
    sys.stdout.write(f"matrix: {len(spec['cases'])} cases, {size} bytes, {took:.0f} s: done\n")


if __name__ == "__main__":
    main()
