"""A living system whose deployments libostree stages and we finalise, and the other way round.

Each way is a real shutdown; the program that finalised is read from the journal.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from living import FINALISE, build, start
from livinginterop import OURS, RELEASES, THEIRS, update

from bootvm.vm import Vm
from guest import tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("suite", RELEASES)
def test_each_finalises_what_the_other_staged(
    suite: str, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    made = build(tree.get(suite), ["2.0", "3.0"], units=False)
    guest = start(made, machine, tmp_path)
    assert f"Version: '{RELEASES[suite]}'" in guest.sh("ostree --version")
    guest.sh("bootentries install-units; echo one > /etc/one")
    update(guest, stager=THEIRS, finaliser=OURS, version="2.0")
    # The drop-ins came along in /etc; without them the units are libostree's again.
    removed = guest.sh("bootentries install-units --uninstall").splitlines()
    assert f"remove etc/systemd/system/{FINALISE}.d/50-bootentries.conf" in removed
    assert all(line.startswith("remove etc/") for line in removed)
    guest.sh("echo two > /etc/two")
    update(guest, stager=OURS, finaliser=THEIRS, version="3.0")
    assert guest.sh("cat /etc/one /etc/two /etc/vendor.conf") == "one\ntwo\nversion=3.0\n"
    assert guest.failed() == []
