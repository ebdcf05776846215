"""What a tree has to bring along."""

import os
from contextlib import contextmanager

import pytest

from bootentries.deploy.tree import MOUNT_POINTS, read_config, shortcomings
from bootentries.errors import BootentriesError


@contextmanager
def opened(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.fixture
def good(tmp_path):
    for name in MOUNT_POINTS:
        (tmp_path / name).mkdir()
    (tmp_path / "ostree").symlink_to("sysroot/ostree")
    return tmp_path


def test_a_good_tree_lacks_nothing(good):
    with opened(good) as fd:
        assert shortcomings(fd, has_image=False) == []


def test_what_is_missing_is_named(good):
    (good / "dev").rmdir()
    (good / "run").rmdir()
    (good / "run").write_text("")
    with opened(good) as fd:
        assert shortcomings(fd, has_image=False) == [
            "the tree has no directory /dev, /run: it may not boot"
        ]


@pytest.mark.parametrize("kind", ["missing", "other", "directory"])
def test_the_link_to_the_physical_root(good, kind):
    (good / "ostree").unlink()
    if kind == "other":
        (good / "ostree").symlink_to("elsewhere")
    elif kind == "directory":
        (good / "ostree").mkdir()
    with opened(good) as fd:
        assert shortcomings(fd, has_image=False) == [
            "the tree has no link /ostree -> sysroot/ostree: ostree will not work in it"
        ]


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
        assert read_config(fd).composefs == expected
    finally:
        os.close(fd)


def test_a_broken_configuration_is_named(tmp_path):
    path = tmp_path / "usr/lib/ostree/prepare-root.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[composefs]\nenabled=perhaps\n")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(BootentriesError, match=r"usr/lib/ostree/prepare-root\.conf: .*enabled"):
            read_config(fd)
    finally:
        os.close(fd)


LINKS = ("home", "root", "opt", "srv", "mnt", "media", "usr/local")


@pytest.mark.parametrize(
    ("config", "has_image", "noted"),
    [
        ("[composefs]\nenabled=yes\n", True, True),
        ("[composefs]\nenabled=maybe\n", True, True),
        ("[composefs]\nenabled=maybe\n", False, False),
        ("[composefs]\nenabled=no\n", True, False),
        ("", True, False),
        ("[composefs]\nenabled=yes\n[root]\ntransient=true\n", True, False),
        ("[composefs]\nenabled=yes\n[links]\nenabled=false\n", True, False),
    ],
)
def test_links_that_an_image_cannot_get(good, config, has_image, noted):
    path = good / "usr/lib/ostree/prepare-root.conf"
    path.parent.mkdir(parents=True)
    path.write_text(config)
    for name in LINKS[2:]:
        (good / name).symlink_to("anywhere")
    text = (
        "the tree has no /home -> var/home, /root -> var/roothome, "
        "and links cannot be made in a composefs image"
    )
    with opened(good) as fd:
        assert shortcomings(fd, has_image) == ([text] if noted else [])
