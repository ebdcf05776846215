"""Installing the boot side into a tree, and what stands in its way."""

import subprocess
import sys
from pathlib import Path

import pytest

from prepare_root.image import bootside

ROOT = Path(__file__).resolve().parents[4]
OTHER = "another file is there"


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree/usr").mkdir(parents=True)
    (tmp_path / "executable").write_bytes(b"\x7fELF ours")
    return tmp_path / "tree"


def start(tree, *words):
    argv = ["boot-side", tree, "--binary", tree.parent / "executable", *words]
    code = "from prepare_root.image.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, argv)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def files(tree):
    return {
        str(path.relative_to(tree)): (path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in tree.rglob("*")
        if path.is_file()
    }


def test_install_twice(tree):
    for _ in range(2):
        done = start(tree)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            f"wrote {path}"
            for path in (bootside.PROGRAM, bootside.REMOUNT, bootside.GENERATOR, bootside.UNIT)
        ]
    found = files(tree)
    assert found[bootside.REMOUNT] == found[bootside.GENERATOR] == (b"\x7fELF ours", 0o755)
    assert found[bootside.UNIT][1] == 0o644
    assert len(found) == 4


@pytest.mark.parametrize(
    "path", [bootside.PROGRAM, bootside.REMOUNT, bootside.GENERATOR, bootside.UNIT]
)
def test_what_others_put_there_stays(tree, path):
    (tree / path).parent.mkdir(parents=True)
    (tree / path).write_text("libostree's")
    done = start(tree)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == f"prepare-root-image: install boot side: {tree / path}: {OTHER}"
    assert second.startswith("hint: ")
    assert files(tree).keys() == {path}
    assert start(tree, "--replace").returncode == 0
    assert len(files(tree)) == 4
    assert files(tree)[path][0] != b"libostree's"


def test_a_link_is_not_followed(tree):
    path = tree / bootside.REMOUNT
    path.parent.mkdir(parents=True)
    path.symlink_to(tree.parent / "executable")
    assert OTHER in start(tree).stderr
    assert start(tree, "--replace").returncode == 0
    assert not path.is_symlink()


def test_dry_run_writes_nothing(tree):
    done = start(tree, "--dry-run")
    assert done.stdout.splitlines()[0] == f"would write {bootside.PROGRAM}"
    assert files(tree) == {}


def test_not_a_tree(tmp_path, tree):
    (tree / "usr").rmdir()
    done = start(tree)
    assert done.returncode == 1
    assert f"install boot side: {tree}: no directory 'usr' in it" in done.stderr


def test_a_file_in_the_way(tree):
    (tree / "usr/lib").write_text("")
    done = start(tree)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("prepare-root-image: install boot side: ")
