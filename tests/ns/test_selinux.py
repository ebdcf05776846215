"""SELinux labels with the policy that Debian ships, beside those that libostree sets.

`test_labels.py` has a small policy of its own for the odd cases; here it is a real one, with
its compiled contexts, aliases of paths and home directories.  The kernel runs no SELinux.
"""

import os
import shutil
from pathlib import Path

import pytest
from chroots import PACKAGES, debian_chroot
from richtrees import rich
from sidebyside import OURS, THEIRS, Pair, pair
from test_labels import WITH_POLICY, labels
from trees import PLAIN, Tree

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
# Those in which a policy can be installed; the policy goes into the tree of any suite.
POLICY = ("trixie", (*PACKAGES, "selinux-policy-default", "selinux-utils"))
NEXT = Tree("next", {"vmlinuz": "kernel 2", "initramfs.img": "initramfs 2"})
# Files whose labels the policy tells apart, and one path of each kind of rule.
FILES = {
    "usr/etc/shadow": "shadow_t",
    "usr/etc/passwd": "etc_t",
    "usr/etc/ssh/ssh_host_rsa_key": "sshd_key_t",
    "usr/etc/init.d/service": "initrc_exec_t",
    "usr/etc/systemd/system/own.service": "systemd_unit_t",
    "usr/etc/resolv.conf": "net_conf_t",
}
VAR_FILES = {
    "var/log/messages": "var_log_t",
    "var/lib/dpkg/status": "dpkg_var_lib_t",
    "var/spool/cron/crontabs/root": None,
    "var/spool/mail/root": "mail_spool_t",
    "var/cache/apt/pkgcache.bin": "apt_var_cache_t",
    "var/home/someone/file": "var_t",
}
MADE = """
echo changed >> etc/passwd
echo mine > etc/ssh/ssh_host_ed25519_key
mkdir etc/own; echo mine > etc/own/file; ln -s passwd etc/alias
rm etc/resolv.conf
"""


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    with pair(request.param, tmp_path, packages=WITH_POLICY) as found:
        # After a merge libostree runs the tree's semodule by bwrap, which wants a root that is
        # a mount point, and all of /sys.
        chroot = str(found.box.root)
        found.box.run(["mount", "-t", "sysfs", "sys", f"{chroot}/sys"])
        found.box.run(["mount", "--rbind", chroot, chroot])
        found.commit(with_debians_policy(request.param, tmp_path / "trees", PLAIN), "first", "1.0")
        found.commit(with_debians_policy(request.param, tmp_path / "trees", NEXT), "next", "2.0")
        yield found


def with_debians_policy(suite: str, top: Path, tree: Tree) -> Path:
    root = rich(top, tree, tmpfiles=False)
    shutil.copytree(debian_chroot(*POLICY) / "etc/selinux", root / "usr/etc/selinux")
    (root / "usr/sbin").mkdir()
    # One that cannot refresh: the policy that was shipped stays as it is.
    (root / "usr/sbin/semodule").write_text("#!/usr/bin/sh\n")
    (root / "usr/sbin/semodule").chmod(0o755)
    shutil.copy(debian_chroot(suite, WITH_POLICY) / "usr/bin/busybox", root / "usr/bin/sh")
    for name in (*FILES, *VAR_FILES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name} of {tree.name}\n")
    return root


def compare_labels(both: Pair) -> dict[str, bytes]:
    """Assert that every file's label is libostree's; returns ours."""
    theirs, ours = labels(both.view(THEIRS)), labels(both.view(OURS))
    # These libostree leaves to the kernel, and here there is no SELinux in it.
    both_names = {*theirs, *ours}
    by_kernel = {name for name in both_names if name.endswith((".origin", "/.ostree-selabeled"))}
    assert by_kernel
    different = [
        f"{name}: theirs {theirs.get(name)!r}, ours {ours.get(name)!r}"
        for name in sorted(both_names - by_kernel)
        if theirs.get(name) != ours.get(name)
    ]
    assert not different, "\n".join(different)
    return ours


def deploy(both: Pair, *args: str) -> None:
    for run in (both.theirs, both.ours):
        done = run("deploy", "--os=testos", "--retain", *args)
        assert done.returncode == 0, done.stderr
        assert "left out" not in done.stderr


def kind(label: bytes) -> str:
    return label.rstrip(b"\0").decode().split(":")[2]


def test_labels_of_a_first_deployment(both):
    deploy(both, "--karg=a", "first")
    ours = compare_labels(both)
    (etc,) = {name.partition("/etc/")[0] for name in ours if "/etc/" in name}
    for name, wanted in FILES.items():
        assert kind(ours[f"{etc}/{name.removeprefix('usr/')}"]) == wanted
    for name, wanted in VAR_FILES.items():
        # The policy says <<none>> of a crontab: cron labels it when it writes one.
        label = ours.get(f"testos/{name}")
        assert (label and kind(label)) == wanted
    assert len({kind(label) for label in ours.values()}) > 12


def test_labels_after_the_merge(both):
    deploy(both, "--karg=a", "first")
    both.edit(MADE)
    deploy(both, "next")
    ours = compare_labels(both)
    merged = {name for name in ours if name.endswith("/etc/passwd")}
    assert {kind(ours[name]) for name in merged} == {"etc_t"}
    assert len(merged) == 2


def test_labels_when_the_other_one_goes_on(both):
    deploy(both, "--karg=a", "first")
    both.edit(MADE)
    both.swapped = True
    deploy(both, "next")
    deploy(both, "first")
    compare_labels(both)
