"""The guards around making a deployment; the making itself is in tests/ns/test_deploy.py."""

import pytest

from bootentries.deploy.make import Request, check_stateroot, discard, make_deployment
from bootentries.errors import BootentriesError
from bootentries.sysroot import load
from bootentries.txn.context import Context


@pytest.mark.parametrize("name", ["", ".", "..", "../testos", "testos/deploy"])
def test_what_names_no_stateroot(root, name):
    with pytest.raises(BootentriesError, match="not the name of a stateroot"):
        check_stateroot(root, name)


def test_a_stateroot_that_is_not_there(root):
    check_stateroot(root, "testos")
    with pytest.raises(BootentriesError, match="deploy: none: no such stateroot") as caught:
        check_stateroot(root, "none")
    assert caught.value.hint == "make it with: bootentries os-init none"


def test_without_ostree_nothing_is_left(fake, root, run, monkeypatch):
    monkeypatch.setattr("bootentries.run.SEARCH", ("/nonexistent",))
    before = sorted(fake.path.rglob("*"))
    request = Request("testos", "a" * 64, b"[origin]\nrefspec=x\n")
    with pytest.raises(BootentriesError, match="ostree: program not found") as caught:
        make_deployment(Context(root, print), load(root, run), request)
    assert caught.value.hint == "install the package ostree"
    assert sorted(fake.path.rglob("*")) == before


def test_discarding_takes_everything_but_the_others(fake, root):
    notes = []
    context = Context(root, notes.append)
    fake.add("c" * 64)
    discard(context, "testos", f"{'c' * 64}.0")
    discard(context, "testos", f"{'c' * 64}.0")
    names = sorted(path.name for path in fake.deployment().parent.iterdir())
    assert names == [f"{c * 64}.0{end}" for c in "ab" for end in ("", ".origin")]
    assert notes == []
