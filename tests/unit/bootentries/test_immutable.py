"""The immutable flag; setting it for real needs root, which tests/ns has."""

import os

from bootentries.immutable import set_immutable


def test_nothing_happens_where_there_are_no_flags():
    fd = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        set_immutable(fd, wanted=True)
        set_immutable(fd, wanted=False)
    finally:
        os.close(fd)


def test_lifting_what_is_not_set(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        set_immutable(fd, wanted=False)
    finally:
        os.close(fd)
    (tmp_path / "file").touch()
