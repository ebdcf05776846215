"""A /boot of its own that is too small for old and new kernels at once."""

import os
import subprocess

import pytest
from chroots import CHECKOUT, Machine, machine
from trees import Tree, build

pytestmark = pytest.mark.ns

MIB = 1 << 20
TWO_STEPS = (
    "bootentries: /boot has no room for old and new kernels at once: updating it in two steps"
)


@pytest.fixture
def box(tmp_path):
    """A sysroot with a /boot of 64 MiB."""
    with machine("trixie", tmp_path, own_boot=True, root_mib=512) as found:
        found.run(["mkdir", str(found.root / "tmp/checkout")])
        found.run(["mount", "--bind", str(CHECKOUT), str(found.root / "tmp/checkout")])
        found.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")
        found.admin("os-init", "testos")
        yield found


def commit(box: Machine, work, name: str, size: int) -> None:
    """Commit a tree whose kernel has so many MiB."""
    root = build(work / "trees", Tree(name, {"initramfs.img": name}, pretty=name))
    (root / "usr/lib/modules/6.1.0-test/vmlinuz").write_bytes(os.urandom(size * MIB))
    box.commit(root, name, "1")


def ours(box: Machine, *args: str) -> "subprocess.CompletedProcess[str]":
    """Run our program inside the chroot, which has the `ostree` program."""
    program = ["env", "PYTHONPATH=/tmp/checkout", "PYTHONDONTWRITEBYTECODE=1", "python3", "-P"]
    where = ["-m", "bootentries", "--sysroot=/tmp/sysroot"]
    return box.attempt(["chroot", str(box.root), *program, *where, *args])


def titles(box: Machine) -> list[str]:
    entries = sorted((box.view / "boot/loader/entries").iterdir(), reverse=True)
    return [path.read_text().splitlines()[0].split(" ", 1)[1] for path in entries]


def kernels(box: Machine) -> int:
    return len(list((box.view / "boot/ostree").glob("testos-*")))


def test_two_steps(box, tmp_path):
    for name in ("one", "two", "three"):
        commit(box, tmp_path, name, 20)
    box.admin("deploy", "--os=testos", "one")
    box.admin("deploy", "--os=testos", "--retain", "two")
    assert kernels(box) == 2
    done = ours(box, "deploy", "--os=testos", "three")
    assert done.returncode == 0, done.stderr
    assert TWO_STEPS in done.stderr.splitlines()
    assert done.stdout.splitlines()[-1] == (
        "Bootloader updated; bootconfig swap: yes; bootversion: boot.0.0, "
        "deployment count change: 1"
    )
    assert titles(box) == ["three 1 (ostree:0)", "two 1 (ostree:1)"]
    assert kernels(box) == 2
    assert not list((box.view / "boot").rglob("*.tmp"))
    # libostree goes on from there.
    assert box.admin("status").count("Version: 1") == 2


def test_leftovers_alone_make_room(box, tmp_path):
    for name in ("one", "two"):
        commit(box, tmp_path, name, 20)
    box.admin("deploy", "--os=testos", "one")
    unused = box.view / f"boot/ostree/testos-{'f' * 64}"
    unused.mkdir()
    (unused / "vmlinuz-6.1.0-test").write_bytes(os.urandom(25 * MIB))
    done = ours(box, "deploy", "--os=testos", "two")
    assert done.returncode == 0, done.stderr
    assert TWO_STEPS not in done.stderr.splitlines()
    assert kernels(box) == 2
    assert titles(box) == ["two 1 (ostree:0)", "one 1 (ostree:1)"]


@pytest.mark.parametrize("opts", ["", "no-early-prune"])
def test_too_small_either_way_leaves_the_old_list(box, tmp_path, opts):
    for name, size in (("one", 30), ("two", 40)):
        commit(box, tmp_path, name, size)
    box.admin("deploy", "--os=testos", "one")
    box.environ["OSTREE_SYSROOT_OPTS"] = opts
    done = ours(box, "deploy", "--os=testos", "two")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert titles(box) == ["one 1 (ostree:0)"]
    assert not list((box.view / "boot").rglob(".*.tmp"))
    # What was begun is a leftover that the next clean-up takes away.
    assert ours(box, "cleanup").returncode == 0
    assert kernels(box) == 1
    assert len(list((box.view / "ostree/deploy/testos/deploy").glob("*.0"))) == 1
