"""What is printed below an error: without a shell there is nothing else to go by."""

import _bootsys

from prepare_root import blockdev, files, log
from prepare_root.errors import Failure, reason_of, show


def failure(error: Failure, root: bytes) -> None:
    """Print the one line of `error`, its hint, and the state of mounts, devices and links.

    `root` is where the physical root is or should be.
    """
    log.error(str(error))
    if error.hint:
        log.error(f"hint: {error.hint}")
    _mounts()
    log.error("block devices: " + blockdev.describe(blockdev.present()))
    _links(root)


def _mounts() -> None:
    try:
        text = files.read(b"/proc/self/mounts")
    except OSError as error:
        log.error(f"mounts: {reason_of(error)}")
        return
    for line in text.split(b"\n"):
        if line:
            log.error("mount: " + show(line))


def _links(root: bytes) -> None:
    """The bootlinks below `root`, hop by hop: which deployments could be asked for."""
    for version in (b"0", b"1"):
        top = root + b"/ostree/boot." + version
        try:
            text = _bootsys.readlink(top)
        except OSError:
            continue
        log.error(f"link: {show(top)} -> {show(text)}")
        for stateroot in _names(top):
            for bootcsum in _names(top + b"/" + stateroot):
                for serial in _names(top + b"/" + stateroot + b"/" + bootcsum):
                    _link(top + b"/" + stateroot + b"/" + bootcsum + b"/" + serial)


def _link(path: bytes) -> None:
    try:
        text = _bootsys.readlink(path)
        _bootsys.stat(path)
    except OSError as error:
        log.error(f"link: {show(path)}: {reason_of(error)}")
        return
    log.error(f"link: {show(path)} -> {show(text)}")


def _names(path: bytes) -> list[bytes]:
    try:
        return sorted(_bootsys.listdir(path))
    except OSError:
        return []
