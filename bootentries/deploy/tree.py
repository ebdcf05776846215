"""What a tree has to bring along so that a deployment of it boots."""

from bootentries import fs
from bootentries.errors import BootentriesError
from prepare_root.formats import FormatError
from prepare_root.formats.config import Config, parse

# prepare-root and systemd mount here, and nothing can be made in a deployment's root.
MOUNT_POINTS = ("boot", "dev", "proc", "run", "sys", "sysroot", "var")
LINK, TARGET = "ostree", "sysroot/ostree"
_CONFIGS = ("etc/ostree/prepare-root.conf", "usr/lib/ostree/prepare-root.conf")


def read_config(deploy_fd: int) -> Config:
    """Return what the tree's prepare-root.conf says; raises BootentriesError naming it."""
    for path in _CONFIGS:
        try:
            return parse(fs.read_bytes(deploy_fd, path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except FormatError as error:
            raise BootentriesError("read configuration", path, str(error)) from error
    return Config()


def shortcomings(deploy_fd: int, has_image: bool) -> list[str]:
    """Return what the tree open as `deploy_fd` lacks; libostree deploys it all the same.

    `has_image` says that it is mounted as a composefs image where that is configured.
    """
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
    return found + (_missing_links(deploy_fd) if has_image else [])


def _missing_links(deploy_fd: int) -> list[str]:
    """Return a note on links like /home that prepare-root cannot make in an image."""
    config = read_config(deploy_fd)
    if config.composefs == b"no" or config.root_transient:
        return []
    missing = [
        f"/{name.decode()} -> {target.decode()}"
        for name, target in config.links
        if fs.stat_optional(deploy_fd, name.decode(), follow=False) is None
    ]
    if not missing:
        return []
    return [f"the tree has no {', '.join(missing)}, and links cannot be made in a composefs image"]
