"""The real `ostree` and `bootentries` on the same sysroots.

Each reads and continues what the other wrote, and both write the same bytes.
"""

import json
import os
from pathlib import Path

import pytest
from chroots import CHECKOUT, Machine, machine, package_version
from trees import PLAIN, TREES, Tree, build

from bootentries import fs
from bootentries.kernel import compute_bootcsum, find_kernel
from bootentries.root import open_root
from bootentries.sysroot import load

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
LIBOSTREE = {"trixie": "2025.2", "sid": "2026."}


@pytest.fixture(params=SUITES)
def suite(request):
    return request.param


def deployed(box: Machine, work: Path, *trees: Tree, kargs=("root=UUID=abc", "quiet")) -> Machine:
    """Let the real ostree make a sysroot and deploy the trees, the last one as default."""
    box.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")
    box.admin("os-init", "testos")
    for number, tree in enumerate(trees):
        box.commit(build(work / "trees", tree), tree.name, f"1.{number}")
        options = [f"--karg={arg}" for arg in kargs] if number == 0 else []
        box.admin("deploy", "--os=testos", "--retain", *options, tree.name)
    return box


def options(box: Machine) -> list[str]:
    """The default entry's arguments without `ostree=`."""
    with open_root(str(box.view)) as root:
        words = load(root).deployments[0].options.split(" ")
    return [word for word in words if not word.startswith("ostree=")]


def snapshot(top: Path) -> dict[str, tuple[object, ...]]:
    """What a write may touch: /boot, the boot links, and the deployment refs."""
    found: dict[str, tuple[object, ...]] = {}
    for base in ("boot", "ostree"):
        for path in sorted((top / base).rglob("*")):
            name = str(path.relative_to(top))
            if name.startswith(("ostree/deploy/", "ostree/repo")) and "refs/heads" not in name:
                continue
            mode = path.lstat().st_mode
            if path.is_symlink():
                # The text as it is: a Path would tidy it up.
                found[name] = (mode, os.readlink(path))  # noqa: PTH115
            elif path.is_file():
                found[name] = (mode, path.read_bytes())
            elif not name.startswith("ostree/repo"):
                # Empty directories below refs/ mean nothing, and libostree leaves some.
                found[name] = (mode,)
    return found


def test_the_reference_is_the_one_meant(suite, tmp_path):
    with machine(suite, tmp_path) as box:
        assert package_version(box.root, "ostree").startswith(LIBOSTREE[suite])


def test_each_continues_what_the_other_wrote(suite, tmp_path):
    with machine(suite, tmp_path) as box:
        deployed(box, tmp_path, PLAIN)
        assert options(box) == ["root=UUID=abc", "quiet"]
        said = box.bootentries("instutil", "set-kargs", "--merge", "--append=ours=1")
        assert said == (
            "Bootloader updated; bootconfig swap: yes; bootversion: boot.0.1, "
            "deployment count change: 0\n"
        )
        assert options(box) == ["root=UUID=abc", "quiet", "ours=1"]
        status = box.admin("status")
        assert "Version: 1.0" in status
        assert "origin refspec: plain" in status
        box.admin("instutil set-kargs", "--merge", "--append=theirs=1")
        assert options(box) == ["root=UUID=abc", "quiet", "ours=1", "theirs=1"]
        box.bootentries("instutil", "set-kargs", "--merge", "--replace=quiet=2", "--delete=ours")
        box.admin("instutil set-kargs", "--merge", "--replace=theirs=2", "last")
        assert options(box) == ["root=UUID=abc", "quiet=2", "theirs=2", "last"]
        # A deploy that follows continues from our list, too.
        box.commit(build(tmp_path / "trees", TREES[1]), "next", "2.0")
        box.admin("deploy", "--os=testos", "--retain", "next")
        assert options(box) == ["root=UUID=abc", "quiet=2", "theirs=2", "last"]
        box.bootentries("instutil", "set-kargs", "--merge", "--append=on-two")
        assert box.admin("status").count("Version:") == 2
        box.admin("undeploy", "1")
        assert options(box)[-1] == "on-two"
        fsck = box.ostree("fsck", "--repo=/tmp/sysroot/ostree/repo")
        assert "object fsck of 1 commits completed successfully" in fsck.lower() or "no errors" in (
            fsck.lower()
        )


SAME = [
    (["--merge", "--append=foo=bar"], [PLAIN]),
    (["--merge"], [PLAIN]),
    (["--merge", "--replace=root=/dev/sda1", "a b", 'c="d e"'], [PLAIN]),
    (["x"], [PLAIN]),
    (["--merge", "--append=foo"], [PLAIN, TREES[1]]),
    (["--merge", "--append=foo"], [PLAIN, Tree("again", PLAIN.modules, pretty="Test OS 1.1")]),
    *((["--merge", "--append=foo"], [tree]) for tree in TREES[1:]),
]


def case_name(value: list[object]) -> str:
    return " ".join(item.name if isinstance(item, Tree) else str(item) for item in value)


def write_by_both(suite, tmp_path, args, trees):
    """Return (result line, files) of libostree's write and of ours, from equal beginnings."""
    found = []
    for who in ("theirs", "ours"):
        with machine(suite, tmp_path / who) as box:
            # The commits' time stands in no entry, but their checksums do.
            box.environ["SOURCE_DATE_EPOCH"] = "1700000000"
            deployed(box, tmp_path / who, *trees)
            if who == "theirs":
                said = box.admin("instutil set-kargs", *args)
            else:
                said = box.bootentries("instutil", "set-kargs", *args)
            found.append((said, normal(snapshot(box.view), box)))
    return found


@pytest.mark.parametrize(("args", "trees"), SAME, ids=case_name)
def test_both_write_the_same_bytes(suite, tmp_path, args, trees):
    (their_words, theirs), (our_words, ours) = write_by_both(suite, tmp_path, args, trees)
    assert our_words == their_words
    assert sorted(ours) == sorted(theirs)
    for name in theirs:
        assert ours[name] == theirs[name], name


def test_from_no_arguments_libostree_may_leave_a_blank(suite, tmp_path):
    (_, theirs), (_, ours) = write_by_both(suite, tmp_path, [], [PLAIN])
    entry = "boot/loader.0/entries/ostree-1.conf"
    # 2025.2 joins an empty first argument with a space; 2026.4 does not any more.
    text = theirs.pop(entry)[1].replace(b"options  ostree=", b"options ostree=")
    assert text == ours.pop(entry)[1]
    assert ours == theirs


def normal(files: dict[str, tuple[object, ...]], box: Machine) -> dict[str, tuple[object, ...]]:
    """Replace the commits' checksums, which differ between two runs, by their versions."""
    with open_root(str(box.view)) as root:
        names = {item.checksum: f"<{item.version}>" for item in load(root).deployments}

    def plain(value: object) -> object:
        for checksum, name in names.items():
            if isinstance(value, bytes):
                value = value.replace(checksum.encode(), name.encode())
            elif isinstance(value, str):
                value = value.replace(checksum, name)
        return value

    return {name: tuple(plain(part) for part in parts) for name, parts in files.items()}


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_bootcsum_is_what_libostree_computed(suite, tmp_path, tree):
    with machine(suite, tmp_path) as box:
        deployed(box, tmp_path, tree)
        with open_root(str(box.view)) as root:
            item = load(root).deployments[0]
            with fs.opened(root.fd, item.path) as fd:
                layout = find_kernel(fd, item.path)
                assert compute_bootcsum(fd, layout) == item.bootcsum


def test_status_says_what_libostree_says(suite, tmp_path):
    with machine(suite, tmp_path) as box:
        deployed(box, tmp_path, PLAIN, TREES[1])
        ours = json.loads(box.bootentries("status", "--json"))["deployments"]
        assert [item["version"] for item in ours] == ["1.1", "1.0"]
        for item in ours:
            assert f"testos {item['checksum']}.{item['serial']}" in box.admin("status")
        if suite == "sid":
            theirs = json.loads(box.admin("status", "--json"))["deployments"]
            for our, their in zip(ours, theirs, strict=True):
                assert their.items() <= our.items()


def test_boot_on_a_filesystem_of_its_own(suite, tmp_path):
    with machine(suite, tmp_path, own_boot=True) as box:
        deployed(box, tmp_path, PLAIN)
        damaged = next((box.view / "boot/ostree").glob("*/vmlinuz*"))
        damaged.write_text("KERNEL")
        done = box.attempt(box.command("instutil", "set-kargs", "--merge", "--append=a"))
        assert done.returncode == 0, done.stderr
        assert "its content was not the deployment's, written again" in done.stderr
        assert damaged.read_text() == "kernel"
        assert options(box)[-1] == "a"
        assert box.admin("status").count("Version: 1.0") == 1
        assert not list((box.view / "boot").rglob(".*.tmp"))


def test_libostree_writes_the_grub_menu_by_our_program(suite, tmp_path):
    with machine(suite, tmp_path) as box:
        box.run(["mkdir", str(box.root / "tmp/checkout")])
        box.run(["mount", "--bind", str(CHECKOUT), str(box.root / "tmp/checkout")])
        program = box.root / "tmp/grub2-exec"
        box.run(
            [
                "sh", "-c",
                f'printf "#!/bin/sh\\nexport PYTHONPATH=/tmp/checkout PYTHONDONTWRITEBYTECODE=1\\n'
                f'exec python3 -m bootentries.cli.grub2_exec \\"\\$@\\"\\n" > {program}; '
                f"chmod 755 {program}",
            ]
        )  # fmt: skip
        box.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")
        box.admin("os-init", "testos")
        box.ostree(
            "config", "--repo=/tmp/sysroot/ostree/repo", "set", "sysroot.bootloader", "grub2"
        )
        box.run(["mkdir", str(box.sysroot / "boot/grub")])
        box.run(["touch", str(box.sysroot / "boot/grub/grub.cfg")])
        box.commit(build(tmp_path / "trees", PLAIN), "plain", "1.0")
        env = {"OSTREE_GRUB2_EXEC": "/tmp/grub2-exec"}
        box.admin("deploy", "--os=testos", "--karg=root=UUID=a", "plain", env=env)
        theirs = (box.view / "boot/loader/grub.cfg").read_text()
        assert "menuentry 'Test OS 1.0 (ostree:0)'" in theirs
        assert "# bootversion 1, /boot is a directory of the root filesystem\n" in theirs
        assert theirs.endswith("set bootchain_bootversion='1'\n")
        # What we generate from the same entries is the same file.
        assert box.bootentries("instutil", "grub2-generate") == theirs
        said = box.bootentries("instutil", "set-kargs", "--merge", "--append=b")
        assert said.startswith("Transaction complete; bootconfig swap: yes")
        ours = (box.view / "boot/loader/grub.cfg").read_text()
        assert ours.endswith("set bootchain_bootversion='0'\n")
        assert "'root=UUID=a'" in ours
        assert "'b'" in ours
        assert (box.view / "boot/grub/bootchain-last-good.cfg").read_text() == ours
        box.admin("instutil set-kargs", "--merge", "--append=c", env=env)
        assert "'c'" in (box.view / "boot/loader/grub.cfg").read_text()
