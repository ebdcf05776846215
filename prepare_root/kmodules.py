"""Loading the kernel modules that the image lists, in the order it lists them."""

import errno

import _bootsys

from prepare_root import files, log
from prepare_root.constants import O_RDONLY
from prepare_root.errors import reason_of, show

LIST = b"/usr/lib/bootchain/modules"


def parse(text: bytes) -> list[tuple[bytes, bytes]]:
    """(path, parameters) for each line; blank lines and `#` comments are skipped."""
    found = []
    for line in text.split(b"\n"):
        path, _, parameters = line.strip().partition(b" ")
        if path and not path.startswith(b"#"):
            found.append((path, parameters.strip()))
    return found


def load_listed() -> None:
    """Load every module of the image's list; one that fails is a note, never the end.

    Whether something is missing shows when the root device does not come up.
    """
    try:
        text = files.read_if_exists(LIST)
    except OSError as error:
        log.warning(f"load modules: {show(LIST)}: {reason_of(error)}")
        return
    for path, parameters in parse(text or b""):
        try:
            _load(path, parameters)
        except OSError as error:
            # EEXIST: already there; ENODEV: for hardware that this machine has not.
            if error.errno not in (errno.EEXIST, errno.ENODEV):
                log.warning(f"load module: {show(path)}: {reason_of(error)}")


def _load(path: bytes, parameters: bytes) -> None:
    fd = _bootsys.open(path, O_RDONLY)
    try:
        _bootsys.finit_module(fd, parameters, 0)
    finally:
        _bootsys.close(fd)
