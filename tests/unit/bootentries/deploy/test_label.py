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
