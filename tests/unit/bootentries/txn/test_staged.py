"""A staged deployment is given up when a list does not begin with it."""

from bootentries.booted import STAGED
from bootentries.txn.context import Context
from bootentries.txn.staged import DropStaged


def test_description_and_lock_go(root, run, fake):
    place = fake.path.parent / "run" / STAGED
    place.write_bytes(b"")
    place.with_name("staged-deployment-locked").touch()
    for _ in range(2):
        DropStaged().apply(Context(root, print, run=run))
        assert not list(place.parent.iterdir())
