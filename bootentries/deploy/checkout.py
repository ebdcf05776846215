"""Checking out commits, by the `ostree` program.

The options used here give what libostree's own deploying gives: hard links into the
repository, `.ostree-wh.NAME` files as whiteout devices, and copies for what gets changed.
"""

import os

from bootentries import fs
from bootentries.deploy.tree import read_config
from bootentries.errors import BootentriesError
from bootentries.repo import REPO
from bootentries.root import Root
from bootentries.run import attempt, run

IMAGE = ".ostree.cfs"
# What the program says when it was built without composefs, and when it is too old.
_NO_COMPOSEFS = ("composefs is not supported", "Unknown option")


def checkout_tree(root: Root, parent_fd: int, name: str, checksum: str) -> None:
    """Check out a commit as the new directory `name`, with every file a hard link.

    Raises BootentriesError with what `ostree` said.
    """
    options = ("--require-hardlinks", "--process-passthrough-whiteouts")
    _checkout(root, [parent_fd], name, checksum, *options)


def checkout_copy(
    root: Root,
    parent_fd: int,
    name: str,
    checksum: str,
    *,
    subpath: str,
    policy_fd: int | None = None,
) -> None:
    """Copy what the commit has at `subpath` into `name`, a directory that may be there.

    `policy_fd` is a tree with an SELinux policy: the copies get the labels of their place
    below `/NAME`.  Raises BootentriesError with what `ostree` said.
    """
    options = ["--force-copy", "--union", f"--subpath={subpath}"]
    fds = [parent_fd]
    if policy_fd is not None:
        options += [f"--selinux-policy=/proc/self/fd/{policy_fd}", f"--selinux-prefix=/{name}"]
        fds.append(policy_fd)
    _checkout(root, fds, name, checksum, *options)


def write_image(root: Root, deploy_fd: int, checksum: str) -> bool:
    """Write the composefs image of a commit into its deployment, open as `deploy_fd`.

    Returns False when the `ostree` here cannot make one.  Raises BootentriesError when the
    tree's prepare-root.conf demands one then, and when making it fails.
    """
    wanted = read_config(deploy_fd).composefs
    kind = "--composefs" if wanted in (b"signed", b"verity") else "--composefs-noverity"
    argv = ("ostree", "checkout", _repo(root), kind, checksum, IMAGE)
    # The program makes its temporary file where it was started.
    done = attempt(argv, "make composefs image", pass_fds=(root.fd,), cwd_fd=deploy_fd)
    if done.returncode == 0:
        with fs.naming(IMAGE), fs.opened(deploy_fd, IMAGE) as fd:
            os.fchmod(fd, 0o644)
        return True
    said = done.stderr.decode(errors="replace").strip()
    if not any(text in said for text in _NO_COMPOSEFS):
        # A killed one says nothing.
        reason = said.splitlines()[-1] if said else f"ostree failed ({done.returncode}): no message"
        raise BootentriesError("make composefs image", checksum, reason)
    if wanted not in (b"no", b"maybe"):
        raise BootentriesError(
            "make composefs image", checksum, "the tree's prepare-root.conf demands composefs",
            hint="the installed ostree was built without it",
        )  # fmt: skip
    return False


def _checkout(root: Root, fds: list[int], name: str, checksum: str, *options: str) -> None:
    """Check out into `name` of the directory `fds[0]`; the others are for `options`."""
    # One sync of the filesystem comes before the list is written.
    argv = ("ostree", "checkout", _repo(root), "--fsync=false", *options, checksum)
    run((*argv, f"/proc/self/fd/{fds[0]}/{name}"), "check out", checksum, pass_fds=(root.fd, *fds))


def _repo(root: Root) -> str:
    return f"--repo=/proc/self/fd/{root.fd}/{REPO}"
