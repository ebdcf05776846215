"""The bounded part of fuzzing, with fixed random numbers; `make fuzz` is the long one."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mutate
import plants
import pytest
import targets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plants import Plant

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
INPUTS = 4000


@pytest.fixture(params=targets.NAMES)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> targets.Target:
    return targets.get(request.param, tmp_path)


def test_seeds_are_good(target: targets.Target) -> None:
    """What is spoilt has to be good, or only the first check of a reader would be seen."""
    for seed in target.seeds:
        target.call(seed)


def test_spoilt(target: targets.Target) -> None:
    mutate.run(target, INPUTS, seed=1)


@settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.binary(max_size=300))
def test_anything(target: targets.Target, data: bytes) -> None:
    targets.run(target, data)


def test_inputs_are_the_same_for_the_same_seed() -> None:
    target = targets.TARGETS["gvariant"]
    first, again, other = (list(mutate.inputs(target, 100, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert first[: len(target.seeds)] == list(target.seeds)
    assert len(set(first)) > 80


def planted(plant: Plant, directory: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """`command` with a copy of the readers in which the mistake is."""
    package = directory / "prepare_root"
    shutil.copytree(
        CHECKOUT / "prepare_root", package, ignore=shutil.ignore_patterns("image", "__pycache__")
    )
    plants.put(plant, package)
    # The copy first; the extension module comes from the checkout.
    paths = [directory, HERE, *(path for path in sys.path if path), CHECKOUT]
    return subprocess.run(
        [sys.executable, "-P", "-B", *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("plant", plants.PLANTS, ids=lambda plant: f"{plant.target}-{plant.file}")
def test_a_planted_mistake_is_found(tmp_path: Path, plant: Plant) -> None:
    done = planted(plant, tmp_path, str(HERE / "mutate.py"), plant.target, "60000", "1")
    assert done.returncode == 1, "not found"
    assert plant.found in done.stderr
    assert "; input: b" in done.stderr


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="`make fuzz` installs it")
def test_by_coverage(tmp_path: Path) -> None:
    """A mistake behind a check that random bytes do not pass, and no seed that comes near."""
    (plant,) = (plant for plant in plants.PLANTS if plant.target == "partitions")
    words = ("--runs", "200000", "--corpus", str(tmp_path / "corpus"), "partitions")
    done = planted(plant, tmp_path, str(HERE / "guided.py"), *words)
    assert done.returncode == 1, done.stdout
    assert "partitions: found something" in done.stderr
    assert plant.found in done.stderr
