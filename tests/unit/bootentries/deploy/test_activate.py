"""What `deploy --dry-run` says; the rest is in tests/ns/test_deploy.py."""

import pytest

from bootentries.deploy.activate import Wanted
from bootentries.deploy.make import Request
from bootentries.retain import Keep
from bootentries.sysroot import load

A, B = (f"testos/{c * 64}.0" for c in "ab")


def test_a_plan_in_words(root, run):
    present = load(root, run)
    request = Request("testos", "c" * 64, b"", "quiet", ("/overlay",))
    lines = Wanted(request, present.deployments[0], Keep()).describe(present)
    assert lines == [
        f"check out {'c' * 64} in stateroot testos",
        "copy /etc from the tree's /usr/etc",
        f"merge local changes of /etc from {A}",
        "install overlay initrd /overlay",
        "kernel arguments: quiet",
        "place the new deployment at index 0 of 2",
        f"drop deployment {B}",
    ]


@pytest.mark.parametrize(
    ("keep", "last"),
    [
        (Keep(retain=True), "place the new deployment at index 0 of 3"),
        (Keep(retain=True, not_as_default=True), "place the new deployment at index 1 of 3"),
    ],
)
def test_the_place_in_the_list(root, run, keep, last):
    present = load(root, run)
    request = Request("testos", "c" * 64, b"")
    lines = Wanted(request, present.deployments[0], keep).describe(present)
    assert lines[-1] == last
    assert "kernel arguments: (none)" in lines
