"""Convenience links in booted guests, when nothing but prepare-root makes their targets.

Here each state of /home is booted once, with a separate /var; `test_links_matrix.py` boots
them with the stateroot's own.
"""

from collections.abc import Callable
from pathlib import Path

import homes
import pytest

from bootvm.vm import Vm
from guest.tree import Tree

# A walk is four boots in one test.
pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

Starter = Callable[..., Vm]


def test_users_files_are_on_a_separate_var(
    guest_tree: Tree, machine: Starter, tmp_path: Path
) -> None:
    # The configuration asks for the stateroot's var; the line in fstab must win.
    image = homes.initramfs(guest_tree, tmp_path, "yes")
    made = homes.build(guest_tree, image, separate_var=True)
    homes.walk(machine, made.copy(tmp_path / "disk.img").path, separate_var=True)
