"""The /etc that a new deployment begins with: a copy of the tree's defaults in usr/etc."""

import os
import stat

from bootentries import fs
from bootentries.deploy.checkout import checkout_copy
from bootentries.errors import BootentriesError
from bootentries.root import Root

ETC, DEFAULTS = "etc", "usr/etc"


def make_etc(root: Root, deploy_fd: int, checksum: str, policy_fd: int | None) -> None:
    """Bring `etc` of the deployment open as `deploy_fd` into being.

    A tree has `usr/etc`, with `etc` absent or empty, or neither.  One with a filled `etc`
    and no `usr/etc` (what libostree means to take, but fails on) has its `etc` moved there.
    Raises BootentriesError for a tree with both.
    """
    filled = _is_filled(deploy_fd)
    has_defaults = fs.is_dir(deploy_fd, DEFAULTS)
    if filled and has_defaults:
        raise BootentriesError(
            "prepare /etc", checksum, "the tree has both /etc and /usr/etc",
            hint="move what is in /etc of the tree to /usr/etc, and commit again",
        )  # fmt: skip
    source = f"/{DEFAULTS}"
    if filled:
        os.rename(ETC, DEFAULTS, src_dir_fd=deploy_fd, dst_dir_fd=deploy_fd)
        source = f"/{ETC}"
    elif not has_defaults:
        return
    elif filled is not None:
        os.rmdir(ETC, dir_fd=deploy_fd)
    checkout_copy(root, deploy_fd, ETC, checksum, subpath=source, policy_fd=policy_fd)


def _is_filled(deploy_fd: int) -> bool | None:
    """Return whether something is in `etc`, None when it is not there."""
    found = fs.stat_optional(deploy_fd, ETC, follow=False)
    if found is None:
        return None
    if not stat.S_ISDIR(found.st_mode):
        raise BootentriesError(
            "prepare /etc", ETC, "not a directory in the tree",
            hint="a tree keeps its configuration in /usr/etc",
        )  # fmt: skip
    return bool(fs.list_optional(deploy_fd, ETC))
