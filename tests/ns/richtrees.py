"""Trees with everything in them that a checkout could lose, and the odd shapes of /etc, /var."""

import os
from pathlib import Path

from trees import PLAIN, Tree, build

CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")


def rich(top: Path, tree: Tree = PLAIN, *, tmpfiles: bool = True) -> Path:
    """A tree with links, owners, modes, xattrs, whiteouts, and content in /etc and /var."""
    root = build(top, tree)
    for name in ("dev", "sys", "usr/share", "usr/etc/sub/deep", "var/lib/kept"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/tool").write_text("#!/bin/sh\n")
    (root / "usr/bin/tool").chmod(0o4755)
    os.setxattr(root / "usr/bin/tool", "security.capability", CAPABILITY)
    (root / "usr/bin/.ostree-wh.gone").touch(mode=0o640)
    (root / "usr/share/.ostree-wh.other").touch()
    etc = root / "usr/etc"
    (etc / "secret").write_text("s\n")
    (etc / "secret").chmod(0o600)
    os.setxattr(etc / "secret", "user.note", b"kept")
    (etc / "sub/deep/owned").write_text("o\n")
    os.chown(etc / "sub/deep/owned", 5, 6)
    (etc / "sub").chmod(0o2750)
    os.setxattr(etc / "sub", "user.note", b"kept")
    (etc / "empty").touch()
    (etc / "dangling").symlink_to("nowhere")
    (etc / "link").symlink_to("sub")
    etc.chmod(0o751)
    var = root / "var"
    (var / "lib/kept/file").write_text("v\n")
    (var / "lib/kept").chmod(0o1770)
    os.chown(var / "lib/kept", 7, 8)
    (var / "link").symlink_to("lib")
    if tmpfiles:
        (root / "usr/lib/tmpfiles.d").mkdir()
    return root
