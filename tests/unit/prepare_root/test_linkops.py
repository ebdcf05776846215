"""Making links and their targets below real directories, and never outside them."""

import errno
import os
import stat
from pathlib import Path

import pytest

from prepare_root.linkops import LinkBind, LinkTarget, MakeLink


def open_fds():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def no_fd_is_lost():
    before = open_fds()
    yield
    assert open_fds() == before


@pytest.fixture
def var(tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "outside").mkdir()
    return tmp_path / "var"


def error_of(op):
    with pytest.raises(OSError) as caught:
        op.apply()
    return caught.value.errno


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_describe():
    assert LinkTarget("link root", b"/s/var", b"roothome", 0o700).describe() == (
        "make sure of directory /s/var/roothome"
    )
    assert LinkBind("link srv", b"/new/var", b"s\nrv", b"/new/srv").describe() == (
        "bind /new/var/s\\x0arv on /new/srv"
    )
    assert MakeLink("link home", b"/d", b"home", b"var/\x1bhome").describe() == (
        "link /d/home -> var/\\x1bhome"
    )


def test_all_are_best_effort():
    assert [op.required for op in (LinkTarget, LinkBind, MakeLink)] == [False] * 3


def test_only_the_bind_has_an_undo():
    back = LinkBind("link srv", b"/new/var", b"srv", b"/new/srv").undo()
    assert (back.step, back.describe()) == ("link srv", "detach /new/srv")
    assert LinkTarget("s", b"/v", b"a", 0o755).undo() is None
    assert MakeLink("s", b"/v", b"a", b"b").undo() is None


def test_target_gets_its_mode_and_those_above_it_the_usual(var):
    old = os.umask(0o077)
    try:
        LinkTarget("link", bytes(var), b"a/b/roothome", 0o700).apply()
        LinkTarget("link", bytes(var), b"a/home", 0o755).apply()
    finally:
        os.umask(old)
    assert [mode(var / name) for name in ("a", "a/b", "a/b/roothome", "a/home")] == [
        *(0o755, 0o755, 0o700, 0o755)
    ]


def test_target_that_is_there_is_kept(var):
    (var / "home").mkdir(mode=0o711)
    (var / "home/user").mkdir()
    LinkTarget("link", bytes(var), b"home", 0o755).apply()
    assert mode(var / "home") == 0o711
    assert (var / "home/user").is_dir()


def test_target_through_a_link_that_stays_inside(var):
    (var / "data").mkdir()
    (var / "lib").symlink_to("data")
    LinkTarget("link", bytes(var), b"lib/home", 0o755).apply()
    assert (var / "data/home").is_dir()


@pytest.mark.parametrize("text", ["../outside", "/outside", "../../../../../../outside"])
def test_target_never_leaves_its_base(var, text):
    (var / "data").symlink_to(text if text != "/outside" else var.parent / "outside")
    assert error_of(LinkTarget("link", bytes(var), b"data/home", 0o755)) == errno.EXDEV
    assert not any((var.parent / "outside").iterdir())


@pytest.mark.parametrize("path", [b"file", b"file/home"])
def test_a_file_in_the_way_of_a_target(var, path):
    (var / "file").write_text("users'")
    assert error_of(LinkTarget("link", bytes(var), path, 0o755)) == errno.ENOTDIR
    assert (var / "file").read_text() == "users'"


def test_target_without_its_base(var):
    assert error_of(LinkTarget("link", bytes(var / "none"), b"home", 0o755)) == errno.ENOENT


@pytest.mark.parametrize(
    ("path", "code"),
    [(b"out", errno.EXDEV), (b"abs", errno.EXDEV), (b"none", errno.ENOENT), (b"f", errno.ENOTDIR)],
)
def test_bind_refuses_its_source_before_it_mounts(var, path, code):
    (var / "out").symlink_to("../outside")
    (var / "abs").symlink_to(var.parent / "outside")
    (var / "f").write_text("")
    (var.parent / "target").mkdir()
    op = LinkBind("link", bytes(var), path, bytes(var.parent / "target"))
    assert error_of(op) == code
    assert not (var.parent / "target").is_mount()


def test_link_has_its_text_and_what_stands_there_stays(tmp_path):
    MakeLink("link", bytes(tmp_path), b"home", b"var/home").apply()
    assert str((tmp_path / "home").readlink()) == "var/home"
    assert error_of(MakeLink("link", bytes(tmp_path), b"home", b"var/other")) == errno.EEXIST
    assert str((tmp_path / "home").readlink()) == "var/home"
    assert error_of(MakeLink("link", bytes(tmp_path / "none"), b"a", b"b")) == errno.ENOENT
    assert error_of(MakeLink("link", bytes(tmp_path / "home"), b"a", b"b")) == errno.ENOENT


def test_link_where_flags_do_not_exist():
    """proc has none: that is no reason to stop, the symlink's own refusal is."""
    assert error_of(MakeLink("link", b"/proc/self/task", b"home", b"var/home")) in (
        *(errno.ENOENT, errno.EPERM, errno.EACCES),
    )
