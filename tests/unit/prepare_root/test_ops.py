"""Each operation's words, what it does on a real directory, and what takes it back."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from prepare_root import ops
from prepare_root.constants import MS_PRIVATE, MS_SHARED, MS_SLAVE

ROOT = Path(__file__).resolve().parents[3]
PROPAGATE = ops.Propagation

# (operation, its words, the words of what takes it back)
OPS = [
    (ops.MakeDir("s", b"/a", 0o755), "make directory /a with mode 0755", "remove directory /a"),
    (ops.MakeDir("s", b"/a", 0), "make directory /a with mode 0000", "remove directory /a"),
    (ops.RemoveDir("s", b"/a\n"), "remove directory /a\\x0a", None),
    (ops.RemoveFile("s", b"/a\x9b"), "remove /a\\x9b", None),
    (ops.Bind("s", b"/a", b"/b"), "bind /a on /b", "detach /b"),
    (ops.Remount("s", b"/a", readonly=True), "remount /a read-only", None),
    (ops.Remount("s", b"/a", readonly=False), "remount /a writable", None),
    (ops.Overlay("s", b"/d", b"/u", b"lowerdir=/u", False), "overlay lowerdir=/u in /d on /u",
     "detach /u"),
    (PROPAGATE("s", b"/", MS_PRIVATE, recursive=True), "make / and all below it private", None),
    (PROPAGATE("s", b"/v", MS_SLAVE), "make /v slave", None),
    (PROPAGATE("s", b"/v", MS_SHARED), "make /v shared", None),
    (ops.Detach("s", b"/a"), "detach /a", None),
    (ops.Move("s", b"/a", b"/b"), "move /a to /b", "move /b to /a"),
    (ops.WriteFile("s", b"/a", b"four"), "write /a (4 bytes)", "remove /a"),
    (ops.RecordMounts("s", b"/a"), "record the mount table in /a", None),
]  # fmt: skip


@pytest.mark.parametrize(("op", "words", "back"), OPS, ids=[words for _, words, _ in OPS])
def test_words(op, words, back):
    assert op.describe() == words
    undo = op.undo()
    assert (undo and undo.describe()) == back
    assert undo is None or (undo.step, undo.undo() is None) == ("s", not isinstance(op, ops.Move))


def test_the_table_has_every_operation():
    every = {
        value
        for value in vars(ops).values()
        if isinstance(value, type) and issubclass(value, ops.Op) and value is not ops.Op
    }
    assert {type(op) for op, _, _ in OPS} == every


def test_what_is_best_effort():
    optional = {type(op).__name__ for op, _, _ in OPS if not op.required}
    assert optional == {"RemoveDir", "RecordMounts"}


def error_of(op):
    with pytest.raises(OSError) as caught:
        op.apply()
    return caught.value


def test_make_and_remove_directories(tmp_path):
    make = ops.MakeDir("s", bytes(tmp_path / "a/b"), 0o711)
    make.apply()
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o711
    make.apply()  # one that is there is kept
    make.undo().apply()
    assert not (tmp_path / "a/b").exists()
    assert error_of(make.undo()).errno == errno.ENOENT


def test_a_directory_that_others_have_filled_stays(tmp_path):
    make = ops.MakeDir("s", bytes(tmp_path / "ostree"), 0o755)
    make.apply()
    (tmp_path / "ostree/initramfs-mount-var").write_text("")
    make.undo().apply()
    assert (tmp_path / "ostree/initramfs-mount-var").exists()


def test_write_file_and_its_undo(tmp_path):
    write = ops.WriteFile("s", bytes(tmp_path / "run/dir/file"), b"content")
    write.apply()
    assert (tmp_path / "run/dir/file").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "run/dir/file").stat().st_mode) == 0o644
    write.undo().apply()
    assert not (tmp_path / "run/dir/file").exists()
    assert error_of(write.undo()).errno == errno.ENOENT


FULL = """
import resource, signal, sys
from prepare_root import ops
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    ops.WriteFile("s", sys.argv[1].encode(), b"x" * 200).apply()
except OSError as error:
    print(error.strerror)
"""


def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path):
    """The first 100 bytes were written: that part alone would say "booted"."""
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "booted"],
        env=os.environ | {"PYTHONPATH": paths},
        check=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("File too large\n", "")
    assert not (tmp_path / "booted").exists()


def test_a_file_that_cannot_be_opened_is_left_alone(tmp_path):
    (tmp_path / "dir").mkdir()
    error = error_of(ops.WriteFile("s", bytes(tmp_path / "dir"), b"x"))
    assert error.errno == errno.EISDIR
    assert (tmp_path / "dir").is_dir()


def test_record_mounts(tmp_path):
    ops.RecordMounts("s", bytes(tmp_path / "bootchain/mounts")).apply()
    recorded = (tmp_path / "bootchain/mounts").read_text().splitlines()
    assert any(line.split(" ")[4] == "/proc" for line in recorded)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: ops.Bind("s", path, path),
        lambda path: ops.Move("s", path, path),
        lambda path: ops.Remount("s", path, readonly=True),
        lambda path: ops.Propagation("s", path, MS_PRIVATE),
        lambda path: ops.Detach("s", path),
    ],
)
def test_mounts_name_what_they_could_not_do(tmp_path, make):
    """As an ordinary user they are refused, as root there is nothing to mount on."""
    path = bytes(tmp_path / "none")
    error = error_of(make(path))
    assert error.errno in (errno.ENOENT, errno.EPERM)
    assert error.filename == path


def test_overlay_ends_in_a_known_directory(tmp_path, monkeypatch):
    """A working directory on the physical root would keep it busy."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layers").mkdir()
    op = ops.Overlay("s", bytes(tmp_path / "layers"), bytes(tmp_path / "none"), b"", True)
    assert error_of(op).errno in (errno.ENOENT, errno.EPERM)
    assert Path.cwd() == Path("/")
    monkeypatch.chdir(tmp_path)
    missing = ops.Overlay("s", bytes(tmp_path / "none"), bytes(tmp_path), b"", True)
    assert error_of(missing).errno == errno.ENOENT
    assert Path.cwd() == tmp_path
