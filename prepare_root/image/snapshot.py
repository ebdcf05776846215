"""The snapshot: CPython's state after all imports, taken from the executable's first starts.

The linked executable is started by the build; it initialises the core, imports the frozen
modules, and writes the section `.snapshot` of its own memory (prepare_root/sys/snapshot.c).
Put in that section's place, the executable goes on from there whenever it is started.
"""

import sys
from pathlib import Path

from prepare_root.image.errors import ImageError
from prepare_root.image.run import run

SECTION = ".snapshot"
FILE, MODULES = "snapshot", "modules"
PAGE = 4096
# For the first of two links, which is there to learn how much is needed.
ROOMY = 16 << 20
# Left free for what a preparation allocates; more comes from memory that costs no file.
SPARE = 2 * PAGE

# An address of the process, a number of its own or of the moment makes two starts differ:
# the kernel puts stacks and heaps elsewhere each time.
DIFFERS = "two starts made different ones"


def argv(program: str, entry: str) -> list[str]:
    """The command that writes the snapshot of `program`, a path, to standard output."""
    return [program, entry, MODULES]


def embed_argv(program: str) -> list[str]:
    """The command that puts FILE into `program`."""
    return ["objcopy", "--update-section", f"{SECTION}={FILE}", program]


def take(work: Path, program: str, entry: str) -> bytes:
    """The snapshot of `program` in `work`, where MODULES is, too.

    Taken twice; raises ImageError when they differ, and with the last line of a traceback
    when a module cannot be imported.
    """
    first, second = (
        run(argv(str(work / program), entry), "take snapshot", entry, cwd=work) for _ in range(2)
    )
    if first != second:
        raise ImageError(
            "take snapshot",
            entry,
            DIFFERS,
            "a module must not look at the outside world when it is imported",
        )
    return first


def room(snapshot: bytes) -> int:
    """The size of pool that the executable needs, in bytes: a `snapshot` begins with its use."""
    used = int.from_bytes(snapshot[:8], sys.byteorder)
    return -(-(used + SPARE) // PAGE) * PAGE
