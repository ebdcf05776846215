"""Checksums of kernel files, each computed once: copies are often hard links."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bootentries import fs
from bootentries.check.listing import files
from bootentries.digest import sha256
from bootentries.kernel import KernelLayout, compute_bootcsum

_BLOCK = 1 << 20


@dataclass(slots=True)
class Hashes:
    """What was hashed so far, by device and inode."""

    known: dict[object, str] = field(default_factory=dict)

    def layout(self, root_fd: int, layout: KernelLayout) -> str:
        """Return the bootcsum that a layout's bytes give, whatever its names say.

        Raises OSError.
        """
        layout = replace(layout, bootcsum=None)
        parts = (layout.linux, layout.initramfs, layout.devicetree)
        sources = [part.source for part in parts if part is not None]
        if layout.devicetree is None and layout.dtb is not None:
            sources += [f"{layout.dtb.source}/{name}" for name in files(root_fd, layout.dtb.source)]
        key = tuple(_inode(root_fd, source) for source in sources)
        return self._get(key, lambda: compute_bootcsum(root_fd, layout))

    def file(self, root_fd: int, path: str) -> str:
        """Return the sha256 of a file; raises OSError."""
        return self._get(_inode(root_fd, path), lambda: _sha256(root_fd, path))

    def _get(self, key: object, compute: Callable[[], str]) -> str:
        if key not in self.known:
            self.known[key] = compute()
        return self.known[key]


def _inode(root_fd: int, path: str) -> tuple[int, int]:
    with fs.opened(root_fd, path, os.O_PATH) as fd:
        found = os.fstat(fd)
    return (found.st_dev, found.st_ino)


def _sha256(root_fd: int, path: str) -> str:
    digest = sha256()
    # A pipe would be waited for, else.
    with fs.opened(root_fd, path, os.O_RDONLY | os.O_NONBLOCK) as fd:
        while block := os.read(fd, _BLOCK):
            digest.update(block)
    return digest.hexdigest()
