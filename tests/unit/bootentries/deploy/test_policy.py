"""Which trees have a policy to refresh; the refreshing is in tests/ns/test_labels.py."""

import os

import pytest

from bootentries.deploy.policy import refresh_policy
from bootentries.errors import BootentriesError

CONFIG = "SELINUXTYPE=targeted\n"
PROGRAM = "usr/sbin/semodule"


def refresh(top, files):
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    fd = os.open(top, os.O_RDONLY)
    try:
        refresh_policy(fd, "deployment")
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {PROGRAM: ""},
        {"etc/selinux/config": CONFIG},
        # Only what is in /etc is local.
        {"usr/etc/selinux/config": CONFIG, PROGRAM: ""},
        {"etc/selinux/config": "SELINUX=disabled\n", PROGRAM: ""},
    ],
)
def test_there_is_nothing_to_do(tmp_path, monkeypatch, files):
    monkeypatch.setattr("bootentries.run.SEARCH", ("/nonexistent",))
    refresh(tmp_path, files)


def test_without_bwrap_it_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("bootentries.run.SEARCH", ("/nonexistent",))
    with pytest.raises(BootentriesError, match="bwrap: program not found") as caught:
        refresh(tmp_path, {"etc/selinux/config": CONFIG, PROGRAM: ""})
    assert caught.value.hint == "install the package bubblewrap"
