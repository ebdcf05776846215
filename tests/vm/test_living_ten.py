"""Ten updates in a row, each with a shutdown and a boot: nothing is left over."""

from collections.abc import Callable
from pathlib import Path

import pytest
from living import Living, build, start

from bootvm.vm import Vm
from guest.tree import Tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

VERSIONS = tuple(f"{number}.0" for number in range(2, 12))
# The repository keeps objects of two versions, which are of the same size; a pull leaves its
# summary and such in repo/tmp/cache.
STEADY_FROM = 2


def test_ten_updates_in_a_row(guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path) -> None:
    guest = start(build(guest_tree, VERSIONS), machine, tmp_path)
    guest.sh("echo mine > /etc/mine; echo kept > /var/kept")
    counted = []
    for version in VERSIONS:
        guest.upgrade(version)
        guest.reboot()
        assert guest.version() == version
        counted.append(count(guest))
    assert len(VERSIONS) == 10
    assert guest.sh("cat /etc/mine /var/kept") == "mine\nkept\n"
    steady = counted[STEADY_FROM:]
    assert steady == steady[:1] * len(steady), counted


def count(guest: Living) -> dict[str, int]:
    """What there is after an update; both programs find it in order."""
    found = guest.counts()
    expected = {"kernels": 2, "entries": 2, "deployments": 2, "origins": 2, "loaders": 1}
    assert {name: found[name] for name in expected} == expected
    assert found["temporary"] == 0
    verify = guest.vm.run("bootentries verify")
    assert (verify.status, verify.stderr) == (0, "")
    assert verify.stdout.count("\n") == 1
    assert guest.failed() == []
    assert guest.sh("ostree admin status").startswith("* ")
    return found
