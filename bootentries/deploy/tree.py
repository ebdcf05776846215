"""What a tree has to bring along so that a deployment of it boots."""

from bootentries import fs

# prepare-root and systemd mount here, and nothing can be made in a deployment's root.
MOUNT_POINTS = ("boot", "dev", "proc", "run", "sys", "sysroot", "var")
LINK, TARGET = "ostree", "sysroot/ostree"


def shortcomings(deploy_fd: int) -> list[str]:
    """Return what the tree open as `deploy_fd` lacks; libostree deploys it all the same."""
    missing = [f"/{name}" for name in MOUNT_POINTS if not fs.is_dir(deploy_fd, name)]
    found = []
    if missing:
        found.append(f"the tree has no directory {', '.join(missing)}: it may not boot")
    try:
        text = fs.readlink_optional(deploy_fd, LINK)
    except OSError:
        text = ""
    if text != TARGET:
        found.append(f"the tree has no link /{LINK} -> {TARGET}: ostree will not work in it")
    return found
