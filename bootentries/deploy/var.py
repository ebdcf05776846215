"""A stateroot's /var: what the first deployment puts there, and what each one leaves."""

import errno
import os
import stat
from collections.abc import Callable

from bootentries import fs
from bootentries.deploy.checkout import checkout_copy
from bootentries.deploy.label import Labels
from bootentries.errors import BootentriesError
from bootentries.root import Root
from bootentries.sysroot import DEPLOY

STAMP = ".ostree-selabeled"
# Nothing is in /var before all is there: half of it would never be completed.
_UNFINISHED = ".var.tmp"
# A mount point, or a volume: what is in it has to be made in it.
_OF_ITS_OWN = frozenset({errno.EBUSY, errno.EXDEV})
_TMPFILES = "usr/lib/tmpfiles.d"
_DIRECTORIES = (("tmp", 0o1777), ("lib", 0o755), ("log", 0o755))
_LINKS = (("run", "../run"), ("lock", "../run/lock"))


def make_var(root: Root, stateroot: str, deploy_fd: int, checksum: str) -> None:
    """Copy the tree's /var into a stateroot's that is completely empty.

    A tree without tmpfiles.d has nothing that would make the usual directories at boot, so
    they are made here.  Labels come later, by `label_var`.  Raises BootentriesError when
    either /var is not a directory.
    """
    place = f"{DEPLOY}/{stateroot}"
    present = fs.list_optional(root.fd, f"{place}/var")
    if present is None:
        raise BootentriesError(
            "prepare /var", f"{place}/var", "no such directory",
            hint=f"make the stateroot with: bootentries os-init {stateroot}",
        )  # fmt: skip
    found = fs.stat_optional(deploy_fd, "var", follow=False)
    if found is None or present:
        return
    if not stat.S_ISDIR(found.st_mode):
        raise BootentriesError("prepare /var", checksum, "/var of the tree is not a directory")
    with fs.opened(root.fd, place, os.O_PATH | os.O_DIRECTORY) as fd:
        fs.remove_tree(fd, _UNFINISHED)
        try:
            _fill(root, fd, _UNFINISHED, deploy_fd, checksum)
            os.rename(_UNFINISHED, "var", src_dir_fd=fd, dst_dir_fd=fd)
        except OSError as error:
            if error.errno not in _OF_ITS_OWN:
                raise
            _fill(root, fd, "var", deploy_fd, checksum)
        finally:
            fs.remove_tree(fd, _UNFINISHED)


def _fill(root: Root, parent_fd: int, name: str, deploy_fd: int, checksum: str) -> None:
    """Copy the tree's /var into a directory that is empty, or not there."""
    checkout_copy(root, parent_fd, name, checksum, subpath="/var")
    if fs.stat_optional(deploy_fd, _TMPFILES) is None:
        with fs.opened(parent_fd, name, os.O_RDONLY | os.O_DIRECTORY) as fd:
            _make_usual(fd)


def _make_usual(var_fd: int) -> None:
    for name, mode in _DIRECTORIES:
        try:
            os.mkdir(name, mode, dir_fd=var_fd)
        except FileExistsError:
            # Everybody has to be able to write in a /var/tmp of the tree, too.
            if name != "tmp":
                continue
        os.chmod(name, mode, dir_fd=var_fd)
    for name, target in _LINKS:
        try:
            os.symlink(target, name, dir_fd=var_fd)
        except FileExistsError:
            continue


def label_var(var_fd: int, labels: Labels | None, say: Callable[[str], None]) -> None:
    """Label everything in the /var open as `var_fd`, once for all: a stamp tells.

    libostree makes the stamp without a policy, too; then nothing is labelled.
    """
    if fs.stat_optional(var_fd, STAMP, follow=False) is not None:
        return
    say(f"Relabeling /var (no stamp file 'var/{STAMP}' found)")
    if labels is not None:
        labels.label_tree(var_fd, "/var")
    fs.write_file(var_fd, STAMP, b"")
    if labels is not None:
        labels.label(var_fd, STAMP, f"/var/{STAMP}")


def forget_update(directory_fd: int) -> None:
    """Remove `.updated`: systemd then knows that this is the first boot of a new tree."""
    try:
        os.unlink(".updated", dir_fd=directory_fd)
    except FileNotFoundError:
        return
