"""SELinux labels, with a real policy lookup, beside libostree's.

The kernel here runs no SELinux.  libostree sets some labels by a kernel interface that then
does nothing; those that it writes itself have to be the same as ours.
"""

import os
import shutil
from pathlib import Path

import pytest
from chroots import PACKAGES
from richtrees import rich
from sidebyside import OURS, THEIRS, facts, pair

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
WITH_POLICY = (*PACKAGES, "selinux-utils", "bubblewrap", "busybox-static")
CONTEXTS = """
/.*                     system_u:object_r:default_t:s0
/etc(/.*)?              system_u:object_r:etc_t:s0
/etc/secret      --     system_u:object_r:shadow_t:s0
/etc/ostree(/.*)?       system_u:object_r:ostree_etc_t:s0
/var(/.*)?              system_u:object_r:var_t:s0
/var/lib(/.*)?          system_u:object_r:var_lib_t:s0
/var/link        -l     system_u:object_r:link_t:s0
/var/tmp         -d     system_u:object_r:tmp_t:s0
/var/lib/kept/none      <<none>>
"""
LABEL = "security.selinux"


@pytest.fixture(params=SUITES)
def suite(request):
    return request.param


def with_policy(top: Path) -> Path:
    root = rich(top, tmpfiles=False)
    policy = root / "usr/etc/selinux/targeted"
    (policy / "contexts/files").mkdir(parents=True)
    (policy / "policy").mkdir()
    (policy.parent / "config").write_text("SELINUX=enforcing\nSELINUXTYPE=targeted\n")
    (policy / "contexts/files/file_contexts").write_text(CONTEXTS)
    (policy / "policy/policy.33").write_text("not read here\n")
    (root / "var/lib/kept/none").write_text("no label\n")
    (root / "var/lib/kept/blank name").write_text("a label\n")
    return root


def labels(top: Path) -> dict[str, bytes]:
    """The labels of a stateroot's files, without those of the repository's objects."""
    found = {}
    for name, value in facts(top / "ostree/deploy").items():
        xattrs = value[2]
        assert isinstance(xattrs, dict)
        if LABEL in xattrs:
            found[name] = xattrs[LABEL]
    return found


def test_labels_are_libostrees(suite, tmp_path):
    with pair(suite, tmp_path, packages=WITH_POLICY) as both:
        checksum = both.commit(with_policy(tmp_path / "trees"), "policy", "1.0")
        for run in (both.theirs, both.ours):
            done = run("deploy", "--os=testos", "--karg=a", "policy")
            assert done.returncode == 0, done.stderr
            assert "left out" not in done.stderr
        theirs, ours = labels(both.view(THEIRS)), labels(both.view(OURS))
        var = "testos/var"
        assert ours[f"{var}/lib/kept/file"] == b"system_u:object_r:var_lib_t:s0\0"
        assert ours[f"{var}/lib/kept/blank name"] == b"system_u:object_r:var_lib_t:s0\0"
        assert ours[f"{var}/link"] == b"system_u:object_r:link_t:s0\0"
        assert ours[f"{var}/tmp"] == b"system_u:object_r:tmp_t:s0\0"
        assert f"{var}/lib/kept/none" not in ours
        assert ours[f"testos/deploy/{checksum}.0/etc/secret"] == b"system_u:object_r:shadow_t:s0"
        # These two it leaves to the kernel.
        origin, stamp = f"testos/deploy/{checksum}.0.origin", f"{var}/.ostree-selabeled"
        assert ours.pop(origin) == b"system_u:object_r:ostree_etc_t:s0\0"
        assert ours.pop(stamp) == b"system_u:object_r:var_t:s0\0"
        assert ours == theirs


def test_a_var_in_use_is_labelled_anew(suite, tmp_path):
    with pair(suite, tmp_path, packages=WITH_POLICY) as both:
        both.commit(with_policy(tmp_path / "trees"), "policy", "1.0")
        for who in (THEIRS, OURS):
            # A /var that was in use before there was this policy.
            var = both.view(who) / "ostree/deploy/testos/var"
            (var / "lib").mkdir()
            (var / "lib/mine").write_text("m\n")
            os.setxattr(var / "lib/mine", LABEL, b"system_u:object_r:mine_t:s0\0")
        for run in (both.theirs, both.ours):
            done = run("deploy", "--os=testos", "--no-merge", "policy")
            assert done.returncode == 0, done.stderr
        theirs, ours = labels(both.view(THEIRS)), labels(both.view(OURS))
        assert ours["testos/var/lib/mine"] == b"system_u:object_r:var_lib_t:s0\0"
        assert ours["testos/var/lib"] == b"system_u:object_r:var_lib_t:s0\0"
        assert {name: ours[name] for name in theirs} == theirs


SEMODULE = """#!/usr/bin/sh
b=/usr/bin/busybox
{
    echo "semodule $*"; $b id -u; $b pwd; $b ls -1 /; $b ls -1 /dev /sys /run /tmp
    $b awk '{print $5, $6}' /proc/self/mountinfo
} >> /etc/semodule.log
case "$*" in *--help*) [ -e /etc/old ] || echo "  --refresh"; exit 0;; esac
[ -e /etc/fail ] && echo "cannot do that" >&2 && exit 3
exit 0
"""


@pytest.fixture
def refreshing(suite, tmp_path):
    """A tree with a semodule that notes where it runs; deployed once."""
    with pair(suite, tmp_path, packages=WITH_POLICY) as both:
        root = with_policy(tmp_path / "trees")
        (root / "usr/sbin").mkdir()
        (root / "usr/sbin/semodule").write_text(SEMODULE)
        (root / "usr/sbin/semodule").chmod(0o755)
        shutil.copy(both.box.root / "usr/bin/busybox", root / "usr/bin/busybox")
        (root / "usr/bin/sh").symlink_to("busybox")
        # bwrap wants a root that is a mount point, and libostree's way needs all of /sys.
        chroot = str(both.box.root)
        both.box.run(["mount", "-t", "sysfs", "sys", f"{chroot}/sys"])
        both.box.run(["mount", "--rbind", chroot, chroot])
        both.commit(root, "policy", "1.0")
        both.by_theirs("deploy", "--os=testos", "--karg=a", "policy")
        yield both


def semodule_logs(top: Path) -> list[str]:
    return [path.read_text() for path in top.glob("ostree/deploy/testos/deploy/*/etc/semodule.log")]


def test_the_policy_is_refreshed_after_the_merge(refreshing):
    theirs, ours = (
        run("deploy", "--os=testos", "policy") for run in (refreshing.theirs, refreshing.ours)
    )
    assert (theirs.returncode, ours.returncode) == (0, 0), theirs.stderr + ours.stderr
    assert ours.stdout == theirs.stdout
    (log,) = semodule_logs(refreshing.view(OURS))
    assert "semodule --help\n" in log
    assert "semodule -N --refresh\n" in log
    assert [log] == semodule_logs(refreshing.view(THEIRS))


def test_a_policy_that_cannot_be_refreshed(refreshing):
    for name in ("fail", "old"):
        refreshing.edit(f"echo > etc/{name}")
        before = facts(refreshing.view(OURS))
        theirs = refreshing.theirs("deploy", "--os=testos", "policy")
        ours = refreshing.ours("deploy", "--os=testos", "policy")
        if name == "old":
            # It has no such option, so nothing can fail.
            assert (theirs.returncode, ours.returncode) == (0, 0), ours.stderr
        else:
            assert (theirs.returncode, ours.returncode) == (1, 1)
            assert "bwrap failed (3): cannot do that" in ours.stderr
            assert facts(refreshing.view(OURS)) == before


def test_without_matchpathcon_a_note_says_so(suite, tmp_path):
    with pair(suite, tmp_path) as both:
        both.commit(with_policy(tmp_path / "trees"), "policy", "1.0")
        done = both.ours("deploy", "--os=testos", "policy")
        assert done.returncode == 0, done.stderr
        # The other remark is about the initramfs, which is a word in these trees.
        *_, last = done.stderr.splitlines()
        assert last == "bootentries: SELinux labels are left out: matchpathcon is not installed"
