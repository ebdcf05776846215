"""Our finalisation takes no more than libostree's, and half with a new kernel of 40 MB.

Both run for real in the same guest, each on what it staged itself; instructions are counted.
"""

from pathlib import Path

import pytest

from bench import finalize
from guest.tree import Tree

pytestmark = pytest.mark.vm


def test_finalisation_is_no_longer_than_libostrees(
    guest_tree: Tree, seat: None, tmp_path: Path
) -> None:
    same, _, new, _ = finalize.measure(guest_tree, tmp_path / "work")
    # Start-up alone is tens of millions: smaller counts were of something else.
    for row in (same, new):
        assert min(row.ours, row.peer) > 100_000_000
    assert same.ratio <= 1
    assert new.ratio <= 0.5
