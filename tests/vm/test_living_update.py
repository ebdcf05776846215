"""An update on a living system that GRUB boots: staged, finalised, rolled back, forward again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from living import build, start
from livingupdate import update_and_back

from bootvm.vm import Vm
from guest.tree import Tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]


def test_staged_finalised_rolled_back_and_forward(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    update_and_back(start(build(guest_tree, ["2.0"]), machine, tmp_path))
