"""The directories beside a deployment that back its transient overlays."""

import os

from bootentries import fs
from bootentries.root import Root
from bootentries.sysroot import DEPLOY

_XATTR = "security.selinux"


def make_backing(root: Root, stateroot: str, name: str, deploy_fd: int) -> None:
    """Make `backing/NAME/root-transient/{work,upper}` for the deployment `deploy_fd`.

    `upper` is what the overlay's root looks like, so it gets the deployment's mode and label.
    """
    base = f"{DEPLOY}/{stateroot}/backing"
    transient = f"{base}/{name}/root-transient"
    for path in (base, f"{base}/{name}", transient, f"{transient}/work", f"{transient}/upper"):
        fs.make_dirs(root.fd, path, 0o700)
    upper = f"{transient}/upper"
    with fs.naming(upper), fs.opened(root.fd, upper, os.O_RDONLY | os.O_DIRECTORY) as fd:
        os.fchmod(fd, os.fstat(deploy_fd).st_mode & 0o7777)
        try:
            label = os.getxattr(deploy_fd, _XATTR)
        except OSError:
            return
        os.setxattr(fd, _XATTR, label)
