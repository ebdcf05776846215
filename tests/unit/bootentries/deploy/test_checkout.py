"""What a tree's configuration demands of its image; see tests/ns/test_deploy.py for the rest."""

import os

import pytest

from bootentries.deploy import checkout
from bootentries.errors import BootentriesError


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, b"no"),
        ({"usr/lib/ostree/prepare-root.conf": "[composefs]\nenabled=verity\n"}, b"verity"),
        ({"usr/lib/ostree/prepare-root.conf": "[composefs]\nenabled=true\n"}, b"yes"),
        (
            {
                "usr/lib/ostree/prepare-root.conf": "[composefs]\nenabled=yes\n",
                "etc/ostree/prepare-root.conf": "[root]\ntransient=true\n",
            },
            b"no",
        ),
        ({"etc": "a file"}, b"no"),
    ],
)
def test_the_setting(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert checkout._composefs_setting(fd) == expected
    finally:
        os.close(fd)


def test_a_broken_configuration_is_named(tmp_path):
    path = tmp_path / "usr/lib/ostree/prepare-root.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[composefs]\nenabled=perhaps\n")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(BootentriesError, match=r"usr/lib/ostree/prepare-root\.conf: .*enabled"):
            checkout._composefs_setting(fd)
    finally:
        os.close(fd)
