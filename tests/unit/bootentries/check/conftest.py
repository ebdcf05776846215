"""A sysroot without any fault, written by hand."""

import hashlib

import pytest
from victims import Victim

from prepare_root.formats.commit import COMMIT_TYPE
from prepare_root.formats.gvariant import Variant, encode

VERSIONS = ("1.0", "0.9")


def commit_checksum(version: str) -> str:
    """The checksum of the commit that the fake sysroot writes for a version."""
    fields = ({"version": Variant("s", version)}, b"", [], "", "", 0, bytes(32), bytes(32))
    return hashlib.sha256(encode(COMMIT_TYPE, fields, big=False)).hexdigest()


@pytest.fixture
def sound(sysroots, tmp_path):
    """The fake sysroot, completed to what `verify` wants to see."""
    made = sysroots(tmp_path / "sound")
    (made.path / "ostree/repo").mkdir(parents=True)
    (made.path / "boot").mkdir()
    made.config("[core]\nrepo_version=1\nmode=bare\n")
    refs = made.path / f"ostree/repo/refs/heads/ostree/{made.bootversion}/1"
    refs.mkdir(parents=True)
    for index, version in enumerate(VERSIONS):
        made.add(commit_checksum(version), version)
        (refs / str(index)).write_text(f"{made.checksums[index]}\n")
        tree = made.deployment(index)
        for name in ("etc", "boot", "dev", "proc", "run", "sys", "sysroot", "var"):
            (tree / name).mkdir()
        (tree / "ostree").symlink_to("sysroot/ostree")
    made.write_list()
    (made.path / f"ostree/deploy/{made.stateroot}/var").mkdir()
    return made


@pytest.fixture
def victim(sound):
    """The same, with the names of its parts."""
    return Victim(sound.path)
