"""What prepare-root will mount for a deployment, as far as it can be told from outside.

The configuration inside the initramfs decides.  What is read here is the deployment's own
copy, from which an initramfs is usually built.
"""

import os
import stat

from bootentries import fs
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.kargs import KernelArgs
from bootentries.repo import REPO
from bootentries.root import Root
from prepare_root.formats import FormatError, keyfile
from prepare_root.formats.config import Config
from prepare_root.formats.config import parse as parse_config

# The later one replaces the earlier one entirely.
_CONFIGS = ("etc/ostree/prepare-root.conf", "usr/lib/ostree/prepare-root.conf")
_IMAGE = ".ostree.cfs"


def mounts(root: Root, item: Deployment) -> list[tuple[str, str]]:
    """Return (mount point, what will be there) in the order of mounting.

    Raises OSError, and BootentriesError for a configuration that cannot be used.
    """
    with fs.opened(root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as fd:
        config = _config(fd, item.path)
        is_readonly = bool(config.sysroot_readonly) or _repo_readonly(root)
        return [
            ("/", _root(fd, config, item)),
            ("/etc", "transient, over usr/etc" if config.etc_transient else f"/{item.path}/etc"),
            ("/usr", _usr(fd)),
            ("/sysroot", f"the physical root, {'read-only' if is_readonly else 'writable'}"),
            ("/var", _var(fd, config, item)),
            ("/boot", _boot(root, config)),
        ]


def _config(fd: int, where: str) -> Config:
    for path in _CONFIGS:
        data = fs.read_optional(fd, path)
        if data is not None:
            return _parsed(data, f"{where}/{path}")
    return Config()


def _parsed(data: bytes, where: str) -> Config:
    try:
        return parse_config(data)
    except FormatError as error:
        reason = f"{where}: {error}"
        raise BootentriesError("read configuration", where, reason) from error


def _repo_readonly(root: Root) -> bool:
    data = fs.read_optional(root.fd, f"{REPO}/config")
    try:
        return data is not None and bool(keyfile.parse(data).boolean(b"sysroot", b"readonly"))
    except FormatError:
        return False  # prepare-root goes on without it, too


def _root(fd: int, config: Config, item: Deployment) -> str:
    has_image = fs.stat_optional(fd, _IMAGE) is not None
    how = " (transient)" if config.root_transient else ""
    if config.composefs == b"no" or (config.composefs == b"maybe" and not has_image):
        return f"/{item.path}{how}"
    demanded = "" if has_image else ", which is not there"
    return f"the composefs image /{item.path}/{_IMAGE}{demanded}{how}"


def _usr(fd: int) -> str:
    found = fs.stat_optional(fd, ".usr-ovl-work", follow=False)
    if found is not None and stat.S_ISDIR(found.st_mode):
        return "the root's, with the layers of a hotfix"
    return "the root's, read-only"


def _var(fd: int, config: Config, item: Deployment) -> str:
    if KernelArgs.parse(item.options).values("systemd.volatile"):
        return "volatile, as systemd.volatile says"
    if _fstab_has_var(fs.read_optional(fd, "etc/fstab") or b""):
        return "what the deployment's etc/fstab says"
    by = "prepare-root" if config.var_mount == b"yes" else "prepare-root or a unit"
    by = "a unit" if config.var_mount == b"no" else by
    return f"/ostree/deploy/{item.stateroot}/var, by {by}"


def _fstab_has_var(text: bytes) -> bool:
    fields = [line.split() for line in text.split(b"\n") if not line.lstrip().startswith(b"#")]
    return any(len(words) > 1 and words[1].rstrip(b"/") == b"/var" for words in fields)


def _boot(root: Root, config: Config) -> str:
    if not root.boot_is_on_root():
        return "its own filesystem, by the system (fstab, or its partition type)"
    return "/boot of the physical root" if config.boot_mount else "by the system"
