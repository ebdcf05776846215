"""The directories beside a deployment."""

import os

import pytest

from bootentries.deploy.backing import make_backing


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o1775])
def test_they_are_private_but_for_the_overlays_root(fake, root, mode):
    fake.deployment().chmod(mode)
    name = f"{'a' * 64}.0"
    fd = os.open(fake.deployment(), os.O_RDONLY)
    try:
        make_backing(root, "testos", name, fd)
        # Again, as when a staged deployment is finished after a failure.
        make_backing(root, "testos", name, fd)
    finally:
        os.close(fd)
    top = fake.path / "ostree/deploy/testos/backing"
    transient = top / name / "root-transient"
    for path in (top, top / name, transient, transient / "work"):
        assert path.stat().st_mode & 0o7777 == 0o700
    assert (transient / "upper").stat().st_mode & 0o7777 == mode
