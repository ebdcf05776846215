"""What can be unlocked; the overlays themselves are in tests/ns/test_unlock.py."""

from dataclasses import replace

import pytest

from bootentries.deploy.unlock import (
    DEVELOPMENT,
    HOTFIX,
    TRANSIENT,
    describe,
    still_locked,
    unlock_usr,
)
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError

ITEM = Deployment("testos", "a" * 64, 0, "b" * 64, booted=True)


def test_a_booted_deployment_is():
    assert still_locked(ITEM) is ITEM


def test_nothing_is_booted():
    with pytest.raises(BootentriesError, match="unlock: /: not booted into an OSTree") as caught:
        still_locked(None)
    assert caught.value.hint == "only the running deployment can be unlocked"


@pytest.mark.parametrize("kind", [DEVELOPMENT, TRANSIENT, HOTFIX], ids=lambda kind: kind.name)
def test_one_that_is_unlocked(kind):
    with pytest.raises(BootentriesError, match=f"it is unlocked already: {kind.name}"):
        still_locked(replace(ITEM, unlocked=kind.name))


def test_a_tree_without_usr_is_an_error(fake, root, run):
    (fake.path / "ostree/deploy/testos/deploy" / f"{'c' * 64}.0").mkdir()
    item = replace(ITEM, checksum="c" * 64)
    with pytest.raises(BootentriesError, match=r"unlock: .*/usr: No such file or directory"):
        unlock_usr(root, item, DEVELOPMENT, run)


@pytest.mark.parametrize(
    ("kind", "lines", "last"),
    [
        (DEVELOPMENT, 3, "mount a writable overlay on /usr, kept there"),
        (TRANSIENT, 3, "mount a read-only overlay on /usr, kept there"),
        (HOTFIX, 4, f"note the hotfix in {ITEM.path}.origin"),
    ],
)
def test_what_it_would_do(kind, lines, last):
    found = describe(ITEM, kind)
    assert len(found) == lines
    assert found[-1] == last
    assert f"make {ITEM.path} mutable" in found
