"""Each state of /home with the stateroot's own var, mounted by either of its two mounters."""

from collections.abc import Callable
from pathlib import Path

import homes
import pytest

from bootvm.vm import Vm
from guest.tree import Tree

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]


@pytest.mark.parametrize("mount", ["yes", "auto"], ids=["by-prepare-root", "by-generator"])
def test_users_files_are_in_the_stateroot(
    guest_tree: Tree, machine: Starter, tmp_path: Path, mount: str
) -> None:
    image = homes.initramfs(guest_tree, tmp_path, mount)
    made = homes.build(guest_tree, image, separate_var=False)
    path = made.copy(tmp_path / "disk.img").path
    homes.walk(machine, path, separate_var=False, by_unit=mount == "auto")
