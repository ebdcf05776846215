"""Without the `ostree` program; what it does is in tests/ns/test_deploy.py."""

import os

import pytest

from bootentries.deploy.checkout import checkout_copy, checkout_tree, write_image
from bootentries.errors import BootentriesError


@pytest.mark.parametrize(
    ("start", "operation"),
    [
        (lambda root, fd: checkout_tree(root, fd, "new", "c"), "check out"),
        (lambda root, fd: checkout_copy(root, fd, "etc", "c", subpath="/usr/etc"), "check out"),
        (lambda root, fd: write_image(root, fd, "c"), "make composefs image"),
    ],
)
def test_each_names_the_package(fake, root, monkeypatch, start, operation):
    monkeypatch.setattr("bootentries.run.SEARCH", ("/nonexistent",))
    fd = os.open(fake.deployment(), os.O_RDONLY)
    try:
        with pytest.raises(BootentriesError, match=f"{operation}: ostree: program not found") as at:
            start(root, fd)
    finally:
        os.close(fd)
    assert at.value.hint == "install the package ostree"
