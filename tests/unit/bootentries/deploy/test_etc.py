"""The /etc of a new deployment, in the cases where nothing is checked out.

The others need the `ostree` program and are in tests/ns/test_deploy.py.
"""

import os

import pytest

from bootentries.deploy.etc import make_etc
from bootentries.errors import BootentriesError


@pytest.fixture
def deploy_fd(fake):
    fd = os.open(fake.deployment(), os.O_RDONLY)
    yield fd
    os.close(fd)


def test_a_tree_without_defaults_stays_as_it_is(fake, root, deploy_fd):
    make_etc(root, deploy_fd, "c", None)
    assert not (fake.deployment() / "etc").exists()
    (fake.deployment() / "etc").mkdir()
    make_etc(root, deploy_fd, "c", None)
    assert list((fake.deployment() / "etc").iterdir()) == []


def test_two_kinds_of_defaults_are_one_too_many(fake, root, deploy_fd):
    (fake.deployment() / "usr/etc").mkdir()
    (fake.deployment() / "etc").mkdir()
    (fake.deployment() / "etc/file").write_text("")
    with pytest.raises(BootentriesError, match="the tree has both /etc and /usr/etc") as caught:
        make_etc(root, deploy_fd, "c", None)
    assert caught.value.hint == "move what is in /etc of the tree to /usr/etc, and commit again"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_an_etc_that_is_no_directory(fake, root, deploy_fd, kind):
    path = fake.deployment() / "etc"
    if kind == "file":
        path.write_text("")
    else:
        path.symlink_to("usr")
    with pytest.raises(BootentriesError, match="prepare /etc: etc: not a directory in the tree"):
        make_etc(root, deploy_fd, "c", None)
