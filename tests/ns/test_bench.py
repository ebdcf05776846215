"""The bench prepares real roots with both programs, and notices one that fails."""

from dataclasses import replace
from pathlib import Path

import pytest
import sysroots
from chroots import debian_chroot

from bench import preparation, sizes
from bench.errors import BenchError
from bench.preparation import Case
from guest import tree
from prepare_root.image import binary

pytestmark = pytest.mark.ns


@pytest.fixture
def case(tmp_path: Path) -> Case:
    image = sysroots.image(tmp_path / "sysroot", sysroots.Layout())
    return Case(tree.get().path, image, sysroots.OSTREE_KARG, binary.cached())


def test_times_both(case: Case, tmp_path: Path) -> None:
    times = preparation.times(case, tmp_path, runs=2)
    assert {name: len(taken) for name, taken in times.items()} == {"ours": 2, "peer": 2}
    assert all(0.1 < milliseconds < 5000 for taken in times.values() for milliseconds in taken)


def test_composefs(tmp_path: Path) -> None:
    """Beside the newest program: the others have no composefs."""
    image = sysroots.image(tmp_path / "sysroot", sysroots.Layout(composefs=True))
    newest = debian_chroot("sid", ("ostree-boot",))
    case = Case(newest, image, sysroots.OSTREE_KARG, binary.cached(), preparation.COMPOSEFS)
    times = preparation.times(case, tmp_path, runs=1)
    assert {name: len(taken) for name, taken in times.items()} == {"ours": 1, "peer": 1}


def test_a_failed_preparation_ends_the_bench(case: Case, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="prepare root: ours: exit status 1"):
        preparation.times(replace(case, karg="ostree=/nowhere"), tmp_path, runs=1)


def test_weighs_the_peer_with_its_libraries(case: Case) -> None:
    own = (case.tree / sizes.PEER.lstrip("/")).stat().st_size
    assert sizes.closure(case.tree) > own + 1_000_000
