"""composefs images for hand-written sysroots, by libostree 2026.4; signatures by openssl(1).

Debian's libostree is built without Ed25519: what signs here is another program than ours
and than libostree.
"""

import base64
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from chroots import debian_chroot

from prepare_root.formats import gvariant
from prepare_root.formats.commit import decode_commit
from prepare_root.formats.gvariant import Variant

BRANCH = "test"
# Where an Ed25519 key starts in its DER forms (RFC 8410): both are fixed.
_PUBLIC_AT = 12

COMMIT = r"""
set -e
mount --bind "$1" "$2/mnt"
mount -t proc proc "$2/proc"
root=$2; deployment=$3; shift 3
run() { chroot "$root" ostree --repo=/mnt/ostree/repo "$@"; }
rm -f "$root/mnt/ostree/repo/config"
run init --mode=bare
run commit --branch=test --generate-composefs-metadata "$@" /mnt/ostree/tree
# It links a file of the working directory.
chroot "$root" sh -ec 'cd "$0"; ostree --repo=/mnt/ostree/repo checkout --composefs test "$1"' \
    "/mnt/$deployment" .ostree.cfs
"""


def add(sysroot: Path, deployment: str, checksum: str, repo_config: str) -> None:
    """Put an image of the deployment into it, and its objects into the repository.

    `sysroot` is a directory that is not an image yet; `deployment` is below it.  The commit
    is kept under the name `checksum`, too, since the deployment has it.
    """
    tree = sysroot / "ostree/tree"
    shutil.copytree(sysroot / deployment, tree, symlinks=True)
    for name in ("etc", ".usr-ovl-work", ".usr-ovl-upper"):
        shutil.rmtree(tree / name, ignore_errors=True)
    root = debian_chroot("sid", ("ostree-boot",))
    words = [str(sysroot), str(root), deployment, "--owner-uid=0", "--owner-gid=0"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", COMMIT, "sh", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shutil.rmtree(tree)
    commit = done.stdout.split()[-1]
    objects = sysroot / "ostree/repo/objects"
    place = objects / checksum[:2]
    place.mkdir(exist_ok=True)
    shutil.copy(objects / commit[:2] / f"{commit[2:]}.commit", place / f"{checksum[2:]}.commit")
    (sysroot / "ostree/repo/config").write_text(repo_config)


@dataclass(frozen=True, slots=True)
class Key:
    """An Ed25519 key: its file for openssl, and the public half."""

    private: Path
    public: bytes

    @property
    def line(self) -> str:
        """The public half as a line of a key file."""
        return base64.b64encode(self.public).decode() + "\n"

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`."""
        message = self.private.with_suffix(".message")
        message.write_bytes(data)
        words = ["pkeyutl", "-sign", "-inkey", str(self.private), "-rawin", "-in", str(message)]
        return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout


def new_key(path: Path) -> Key:
    """A new key, whose private half is kept at `path`."""
    make = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)]
    subprocess.run(make, check=True, capture_output=True)
    show = ["openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER"]
    der = subprocess.run(show, check=True, capture_output=True).stdout
    return Key(path, der[_PUBLIC_AT:])


def detached(*signatures: bytes) -> bytes:
    """Detached metadata with these signatures."""
    value = Variant("aay", list(signatures))
    return gvariant.encode("a{sv}", {"ostree.sign.ed25519": value})


def object_file(sysroot: Path, checksum: str, kind: str) -> Path:
    """An object of the repository below `sysroot`."""
    return sysroot / "ostree/repo/objects" / checksum[:2] / f"{checksum[2:]}.{kind}"


def add_native(sysroot: Path, deployment: str, checksum: str) -> str:
    """The deployment's image once more, as bootc's own kind of root; returns its digest.

    It lies under the names of composefs-rs, with a state directory whose /etc is empty.
    """
    data = object_file(sysroot, checksum, "commit").read_bytes()
    value = decode_commit(data).metadata["ostree.composefs.digest.v0"].value
    assert isinstance(value, bytes)
    digest = value.hex()
    repo = sysroot / "composefs"
    shutil.copytree(sysroot / "ostree/repo/objects", repo / "objects", symlinks=True)
    place = repo / "objects" / digest[:2] / digest[2:]
    place.parent.mkdir(exist_ok=True)
    shutil.copy(sysroot / deployment / ".ostree.cfs", place)
    (repo / "images").mkdir()
    (repo / "images" / digest).symlink_to(f"../objects/{digest[:2]}/{digest[2:]}")
    state = sysroot / "state/deploy" / digest
    (state / "etc").mkdir(parents=True)
    (state / "var").symlink_to("../../os/default/var")
    (sysroot / "state/os/default/var").mkdir(parents=True)
    return digest
