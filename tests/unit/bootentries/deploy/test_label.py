"""Where a tree's SELinux policy is; the labels themselves are in tests/ns/test_labels.py."""

import os

import pytest

from bootentries.deploy import label
from bootentries.deploy.label import Labels, policy_directory

CONFIG = "# c\nSELINUX=enforcing\nSELINUXTYPE=targeted\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"usr/etc/selinux/config": CONFIG}, "usr/etc/selinux/targeted"),
        ({"etc/selinux/config": CONFIG}, "etc/selinux/targeted"),
        # The defaults do not count beside an etc/selinux, whatever is in it.
        ({"etc/selinux/other": "", "usr/etc/selinux/config": CONFIG}, None),
        ({"usr/etc/selinux/config": "SELINUX=disabled\n"}, None),
        ({"usr/etc/selinux/config": "#SELINUXTYPE=targeted\n"}, None),
        ({"etc": "a file"}, None),
    ],
)
def test_where_the_policy_is(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert policy_directory(fd) == expected
    finally:
        os.close(fd)


def test_without_the_program_a_note_says_so_once(tmp_path, monkeypatch):
    monkeypatch.setattr(label, "which", lambda _: None)
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "c").symlink_to("a")
    notes = []
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        Labels("/none", notes.append).label_tree(fd, "/var")
    finally:
        os.close(fd)
    assert notes == ["SELinux labels are left out: matchpathcon is not installed"]


def test_what_vanishes_meanwhile_is_passed_over(tmp_path, monkeypatch):
    """The live /var goes on while it is labelled."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("")

    def contexts(argv, *_args, **_more):
        # Between looking and labelling.
        (tmp_path / "b").unlink(missing_ok=True)
        paths = argv[argv.index("--") + 1 :]
        return b"".join(b"system_u:object_r:var_t:s0\n" for _ in paths)

    monkeypatch.setattr(label, "which", lambda _: "matchpathcon")
    monkeypatch.setattr(label, "run", contexts)
    labelled = []
    monkeypatch.setattr(os, "setxattr", _recording(tmp_path, labelled))
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        Labels("/none", print).label_tree(fd, "/var")
        Labels("/none", print).label(fd, "gone", "/var/gone")
    finally:
        os.close(fd)
    assert sorted(labelled) == [".", "a", "c"]


def _recording(top, labelled):
    """A setxattr for those who may not set this one: it looks for the file, as the real does."""

    def setxattr(path, name, value, *, follow_symlinks):
        assert (name, value) == ("security.selinux", b"system_u:object_r:var_t:s0\0")
        assert not follow_symlinks
        os.lstat(path)
        labelled.append(path.split("/", 5)[5])

    return setxattr
