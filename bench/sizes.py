"""What a program weighs with all that it loads."""

import re
from collections.abc import Iterable
from pathlib import Path

from guest.chroot import run_in

PEER = "/usr/lib/ostree/ostree-prepare-root"


def libraries(listing: str) -> list[str]:
    """The paths in what ldd(1) prints: libraries and the loader, without the kernel's vdso.

    Raises ValueError for a library that was not found, which would make the sum too small.
    """
    found = []
    for line in listing.splitlines():
        if "not found" in line:
            raise ValueError(line.strip())
        match = re.search(r"(?:=> )?(/\S+) \(0x", line)
        if match:
            found.append(match[1])
    return found


def weight(tree: Path, paths: Iterable[str]) -> int:
    """Bytes of the files at `paths` in `tree`, each once however many links lead to it."""
    return sum(
        file.stat().st_size for file in {(tree / path.lstrip("/")).resolve() for path in paths}
    )


def closure(tree: Path, program: str = PEER) -> int:
    """Bytes of `program` in `tree` and of every library that it loads there."""
    return weight(tree, [program, *libraries(run_in(tree, ["ldd", program]))])
