"""The words of the variables."""

import pytest

from bootentries.environment import sysroot_words


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, set()),
        ({"OSTREE_SYSROOT_OPTS": "skip-sync,bootloader-naming-1"},
         {"skip-sync", "bootloader-naming-1"}),
        ({"OSTREE_SYSROOT_DEBUG": "no-dtb"}, {"no-dtb"}),
    ],
)  # fmt: skip
def test_words(environ, words):
    assert sysroot_words(environ.get) == words
