"""Why a staged deployment did not become active: a file in /boot that the next boot tells of.

The file is libostree's: whoever runs after the next boot tells its text and removes it, and a
finalisation that succeeds removes it.  We write it when a deployment is staged, so that a
machine that stops before its shutdown came to it, or in the middle, tells as well.
"""

import os
import re

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.root import Root
from bootentries.sysroot import Sysroot

STAMP = "ostree/finalize-failure.stamp"
# When a machine stopped, as it reads after the reboot.
WAITING = "the machine stopped before its shutdown came to it"
BEGUN = "finalisation began, and did not end"
_OPERATION = "finalize staged deployment"
_INTERRUPTED = re.compile(rf"{_OPERATION}: ([^/]+)/([0-9a-f]+\.[0-9]+): interrupted: ")


def expect_interruption(root: Root, stateroot: str, name: str, when: str) -> None:
    """Let the next boot tell that finalisation of this deployment was interrupted.

    `when` is WAITING or BEGUN.  Nobody sees it when all goes well.  Raises OSError.
    """
    text = f"{_OPERATION}: {stateroot}/{name}: interrupted: {when}; stage it again"
    _write(root, text)


def record_failure(root: Root, error: BootentriesError) -> None:
    """Keep the reason in /boot, where `boot-complete` and `verify` find it after the reboot."""
    _write(root, f"{error}; {error.hint}" if error.hint else str(error))


def forget_failure(root: Root) -> None:
    """Remove what is kept, as it is done with."""
    fs.remove_tree(root.boot(), STAMP)


def forget_interruption(root: Root) -> None:
    """Remove what is kept, unless it tells of something that did happen."""
    text = _read(root)
    if text is not None and interrupted(text) is not None:
        forget_failure(root)


def read_failure(root: Root, present: Sysroot | None = None) -> str | None:
    """Return the reason why the last finalisation failed, or None.

    With the list in `present`, an interruption is none of a deployment that is in it: staged,
    or active because it was interrupted after the swap.  Raises BootentriesError.
    """
    text = _read(root)
    name = None if text is None else interrupted(text)
    if present is not None and name is not None and name in _names(present):
        return None
    return text


def take_failure(root: Root, present: Sysroot | None = None) -> str | None:
    """Return the same as `read_failure`, and forget it: it is told once.

    What waits for the shutdown of a system that runs stays.
    """
    reason = read_failure(root, present)
    if reason is None and present is not None and any(item.staged for item in present.deployments):
        return None
    try:
        forget_failure(root)
    except OSError as error:
        raise from_os_error("forget failure", error, f"boot/{STAMP}") from error
    return reason


def interrupted(text: str) -> tuple[str, str] | None:
    """Return (stateroot, name) of the deployment that `expect_interruption` wrote about."""
    found = _INTERRUPTED.match(text)
    return None if found is None else (found[1], found[2])


def _names(present: Sysroot) -> set[tuple[str, str]]:
    return {(item.stateroot, item.name) for item in present.deployments}


def _read(root: Root) -> str | None:
    try:
        data = None if root.boot_fd is None else fs.read_optional(root.boot_fd, STAMP)
    except OSError as error:
        raise from_os_error("read failure", error, f"boot/{STAMP}") from error
    return None if data is None else data.decode(errors="replace")


def _write(root: Root, text: str) -> None:
    directory = os.path.dirname(STAMP)
    fs.make_dirs(root.boot(), directory, 0o775)
    fs.write_file(root.boot(), STAMP, text.encode(errors="surrogateescape"))
    # A power cut is an interruption, too.
    with fs.opened(root.boot(), directory, os.O_RDONLY | os.O_DIRECTORY) as fd:
        os.fsync(fd)
