"""The newest libostree writes lists by itself, and the EFI partition follows."""

from collections.abc import Callable
from pathlib import Path

import espguest
import pytest
from espguest import IN_STEP
from esplook import DOWN, FOLLOWED, THEIRS, codes, entries

from bootvm.vm import Vm
from guest import tree

pytestmark = pytest.mark.vm


def test_the_partition_follows_libostree(machine: Callable[..., Vm], tmp_path: Path) -> None:
    guest = espguest.build(tree.get("sid"), ("2.0",), tmp_path, machine)
    one = guest.boot()
    assert "Version: '2026.4'" in one.sh("ostree --version")
    before = entries(one)
    one.offer("2.0")
    one.sh("ostree admin upgrade", 300)
    one.sh(FOLLOWED, 240)
    after = entries(one)
    assert (len(before), len(after)) == (1, 2)
    assert not set(before) & set(after)
    one.sh(THEIRS, 240)
    one.sh(FOLLOWED, 240)
    assert codes(one) == set()
    one.vm.power_off(DOWN)

    two = guest.boot()
    assert two.version() == "2.0"
    assert "theirs=1" in two.sh("cat /proc/cmdline").split()
    two.sh("ostree admin set-default 1", 240)
    two.vm.power_off(DOWN)

    # The list was swapped just before shutdown.
    three = guest.boot()
    assert three.version() == "1.0"
    assert three.sh(IN_STEP).endswith(": in step\n")
    assert three.failed() == []
