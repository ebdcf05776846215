"""A staged deployment is given up when a list does not begin with it."""

from bootentries.booted import STAGED, Staged, read_staged
from bootentries.staged import write_staged
from bootentries.txn.context import Context
from bootentries.txn.staged import DropStaged, EditStagedKey


def test_description_and_lock_go(root, run, fake):
    place = fake.path.parent / "run" / STAGED
    place.write_bytes(b"")
    place.with_name("staged-deployment-locked").touch()
    for _ in range(2):
        DropStaged().apply(Context(root, print, run=run))
        assert not list(place.parent.iterdir())


def test_a_key_is_set_and_taken_away(root, run):
    write_staged(Staged("os", "ab.0", "cd"), run)
    context = Context(root, print, run=run)
    todo = (EditStagedKey("x-a", "b c"), EditStagedKey("x-a", None))
    found = []
    for op in todo:
        op.apply(context)
        found.append(read_staged(run).extras)
    assert found == [(("x-a", "b c"),), ()]
    assert [op.describe() for op in todo] == [
        "set x-a of the staged deployment: b c", "set x-a of the staged deployment: take it away",
    ]  # fmt: skip
