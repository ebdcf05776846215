"""Deployments; what the damages leave open."""

import hashlib

from victims import put, relink

from bootentries.check.deployments import check_commit
from bootentries.check.finding import Report
from bootentries.check.verify import verify
from bootentries.deployment import Deployment
from bootentries.root import open_root
from prepare_root.formats.commit import COMMIT_TYPE
from prepare_root.formats.gvariant import Variant, encode


def test_a_commit_with_a_large_manifest(victim):
    """Commits of containers carry one; it is far larger than any other file that is read."""
    manifest = {"manifest": Variant("s", "x" * (8 << 20)), "version": Variant("s", "1")}
    fields = (manifest, b"", [], "", "", 0, bytes(32), bytes(32))
    data = encode(COMMIT_TYPE, fields, big=False)
    checksum = hashlib.sha256(data).hexdigest()
    put(victim.top / f"ostree/repo/objects/{checksum[:2]}/{checksum[2:]}.commit", data)
    report = Report()
    with open_root(str(victim.top)) as root:
        check_commit(root, Deployment("testos", checksum, 0, "d" * 64), report)
    assert report.findings == []


def test_an_absolute_link_into_the_physical_root(victim):
    relink(victim.deployment() / "ostree", "/sysroot/ostree")
    with open_root(str(victim.top)) as root:
        assert verify(root).findings == ()


def test_os_release_in_etc(victim):
    """It counts where there is none in /usr."""
    tree = victim.deployment()
    (tree / "usr/lib/os-release").rename(tree / "etc/os-release")
    with open_root(str(victim.top)) as root:
        assert verify(root).findings == ()
