"""A stateroot's /var, in the cases where nothing is checked out (see tests/ns/test_deploy.py)."""

import os

import pytest

from bootentries.deploy.var import STAMP, forget_update, label_var, make_var
from bootentries.errors import BootentriesError


@pytest.fixture
def var(fake):
    path = fake.path / "ostree/deploy/testos/var"
    path.mkdir()
    return path


@pytest.fixture
def var_fd(var):
    fd = os.open(var, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def deploy_fd(fake):
    fd = os.open(fake.deployment(), os.O_RDONLY)
    yield fd
    os.close(fd)


def test_a_tree_without_var_changes_nothing(var, root, deploy_fd):
    make_var(root, "testos", deploy_fd, "c")
    assert list(var.iterdir()) == []


def test_a_var_with_anything_in_it_is_left_alone(fake, var, root, deploy_fd):
    (fake.deployment() / "var").write_text("not even a directory")
    (var / ".hidden").write_text("")
    make_var(root, "testos", deploy_fd, "c")
    assert [path.name for path in var.iterdir()] == [".hidden"]


def test_a_stateroot_without_var(root, deploy_fd):
    with pytest.raises(BootentriesError, match="ostree/deploy/testos/var: no such directory"):
        make_var(root, "testos", deploy_fd, "c")


def test_a_var_of_the_tree_that_is_no_directory(fake, var, root, deploy_fd):
    (fake.deployment() / "var").write_text("")
    with pytest.raises(BootentriesError, match="/var of the tree is not a directory"):
        make_var(root, "testos", deploy_fd, "c")


def test_the_stamp_is_set_once(var, var_fd):
    said = []
    label_var(var_fd, None, said.append)
    label_var(var_fd, None, said.append)
    assert said == ["Relabeling /var (no stamp file 'var/.ostree-selabeled' found)"]
    assert (var / STAMP).read_bytes() == b""
    assert (var / STAMP).stat().st_mode & 0o7777 == 0o644


def test_updated_is_forgotten(var, var_fd):
    forget_update(var_fd)
    (var / ".updated").write_text("")
    forget_update(var_fd)
    assert not (var / ".updated").exists()
