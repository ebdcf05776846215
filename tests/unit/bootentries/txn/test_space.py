"""Room in /boot: what is counted; a /boot that is really full is in tests/ns."""

import os

from bootentries.sysroot import load
from bootentries.txn import space
from bootentries.txn.write import read_target

NOTHING = frozenset()


def targets(root, run):
    return tuple(read_target(root, item, NOTHING) for item in load(root, run).deployments)


def test_present_kernels_need_nothing(root, run):
    assert space.needed(root, targets(root, run)) == 0


def test_a_new_kernel_counts_once_and_in_blocks(fake, root, run):
    found = targets(root, run)
    payload = next((fake.path / "boot/ostree").iterdir())
    payload.rename(payload.with_name("elsewhere"))
    block = os.statvfs(fake.path).f_bsize
    # Two deployments share the kernel; two files are smaller than a block each.
    assert space.needed(root, found) == 2 * block
    tree = fake.deployment() / "usr/lib/modules/6.1"
    (tree / "vmlinuz").write_bytes(b"x" * (block + 1))
    assert space.needed(root, found[:1]) == 3 * block


def test_a_device_tree_directory_counts(fake, root, run):
    (fake.deployment() / "usr/lib/modules/6.1/dtb/vendor").mkdir(parents=True)
    (fake.deployment() / "usr/lib/modules/6.1/dtb/vendor/board.dtb").write_bytes(b"d")
    payload = next((fake.path / "boot/ostree").iterdir())
    found = targets(root, run)[:1]
    payload.rename(payload.with_name("elsewhere"))
    assert space.needed(root, found) == 3 * os.statvfs(fake.path).f_bsize


def test_used(fake, root, run):
    bootcsum = load(root, run).deployments[0].bootcsum
    assert space.used(root, {bootcsum}) == 2 * os.statvfs(fake.path).f_bsize
    assert space.used(root, {"0" * 64}) == 0
    assert space.used(root, set()) == 0


def test_asking_leaves_nothing(fake, root):
    before = sorted(path.name for path in (fake.path / "boot").iterdir())
    assert space.fits(root.boot(), 4096)
    assert not space.fits(root.boot(), 1 << 60)
    assert sorted(path.name for path in (fake.path / "boot").iterdir()) == before


def test_half_a_kernel_counts_for_the_rest(fake, root, run):
    """What was begun and not ended has still to be written."""
    found = targets(root, run)[:1]
    payload = next((fake.path / "boot/ostree").iterdir())
    (payload / found[0].kernel.linux.name).unlink()
    assert space.needed(root, found) == os.statvfs(fake.path).f_bsize
    (payload / found[0].kernel.linux.name).write_bytes(b"another size than before")
    assert space.needed(root, found) == os.statvfs(fake.path).f_bsize
