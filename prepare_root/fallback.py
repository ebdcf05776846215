"""Another deployment, where the one that the entry asks for cannot be found.

A list that was half written leaves entries whose `ostree=` leads nowhere, while the deployment
is there.  Looked for, inside the same stateroot only, and without writing anything:

1. the same bootcsum and serial by the other `boot.N`;
2. the same bootcsum by any bootlink, of `boot.N` and of both of its directories;
3. any deployment that has modules for the kernel that runs.

A serial is a place in a list: the same serial elsewhere can be another commit.  So this is
loud, and says what it boots.
"""

import _bootsys

from prepare_root import files, log, target
from prepare_root.errors import Failure, show
from prepare_root.target import Target

_BOOTS = (b"boot.0", b"boot.1")
# What entries on EFI partitions name: links that outlive a list (`bootentries.esp.links`).
_LASTING = b"boot-0"
_DIRECTORIES = (b"boot.0.0", b"boot.0.1", b"boot.1.0", b"boot.1.1")
# Not a bootcsum's neighbours, but what else a directory may hold is not for us to read.
_MOST = 64


class Wanted:
    """The parts of `/ostree/boot.N/STATEROOT/BOOTCSUM/SERIAL`."""

    __slots__ = ("boot", "bootcsum", "serial", "stateroot")

    def __init__(self, boot: bytes, stateroot: bytes, bootcsum: bytes, serial: bytes) -> None:
        self.boot = boot
        self.stateroot = stateroot
        self.bootcsum = bootcsum
        self.serial = serial


def parse(link: bytes) -> Wanted | None:
    """The parts of a bootlink's path, or None for another path."""
    parts = link.strip(b"/").split(b"/")
    if len(parts) != 5 or parts[0] != b"ostree" or parts[1] not in (*_BOOTS, _LASTING):
        return None
    if any(part in (b"", b".", b"..") for part in parts):
        return None
    boot = _BOOTS[0] if parts[1] == _LASTING else parts[1]
    return Wanted(boot, *parts[2:])


def find(root: bytes, link: bytes, cause: Failure) -> Target:
    """What to boot instead of `link` below the physical root.  Raises `cause` for nothing."""
    wanted = parse(link)
    # Nothing but malice or a great mistake leads out of the sysroot.
    if wanted is None or cause.reason == target.OUTSIDE:
        raise cause
    found = _by_link(root, wanted) or _by_kernel(root, wanted)
    if found is None:
        raise cause
    found.link = link
    found.instead = cause.reason
    log.error(str(cause))
    log.warning(f"fallback: booting {show(found.path)} instead, which may be another commit")
    return found


def _by_link(root: bytes, wanted: Wanted) -> Target | None:
    other = _BOOTS[1 - _BOOTS.index(wanted.boot)]
    paths = [_bootlink(other, wanted, wanted.serial)]
    for boot in (other, wanted.boot, *_DIRECTORIES):
        above = _bootlink(boot, wanted, b"").rstrip(b"/")
        paths += [above + b"/" + name for name in _names(root + above)]
    for path in paths:
        found = _try(root, path, wanted, by_link=True)
        if found is not None:
            return found
    return None


def _by_kernel(root: bytes, wanted: Wanted) -> Target | None:
    """Deployments without a bootlink: the modules have to be those of the kernel that runs."""
    release = _bootsys.uname()[2]
    above = b"/ostree/deploy/" + wanted.stateroot + b"/deploy"
    for name in _names(root + above):
        path = above + b"/" + name
        modules = root + path + b"/usr/lib/modules/" + release
        if name.endswith(b".origin") or not files.is_dir(files.lstat(modules)):
            continue
        found = _try(root, path, wanted, by_link=False)
        if found is not None:
            return found
    return None


def _try(root: bytes, path: bytes, wanted: Wanted, by_link: bool) -> Target | None:
    try:
        found = target.follow(root, path) if by_link else target.at(root, path)
    except Failure:
        return None
    return found if found.stateroot == wanted.stateroot else None


def _bootlink(boot: bytes, wanted: Wanted, serial: bytes) -> bytes:
    return b"/ostree/" + b"/".join((boot, wanted.stateroot, wanted.bootcsum, serial))


def _names(path: bytes) -> list[bytes]:
    """What is in a directory, sorted; nothing where it cannot be read."""
    try:
        return sorted(_bootsys.listdir(path))[:_MOST]
    except OSError:
        return []
