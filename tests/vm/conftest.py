"""Fixtures for tests that boot guests: made once, shared by all workers through the cache."""

import fcntl
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

import pytest

from bootvm.spec import VmSpec
from bootvm.vm import Vm
from guest import booted, cache, initramfs, system, tree
from guest.disk import Disk
from guest.shape import Variant
from guest.tree import Tree

CHECKOUT = Path(__file__).resolve().parents[2]
LOGS = CHECKOUT / "build" / "vm-logs"
SEATS = 2  # guests at once, over all workers: each takes a processor and a gigabyte


@pytest.fixture(scope="session")
def guest_tree() -> Tree:
    """The Debian tree."""
    return tree.get()


@pytest.fixture(scope="session")
def baseline(guest_tree: Tree) -> Disk:
    """Two versions deployed; dracut and libostree's own prepare-root boot them."""
    return system.build(guest_tree, initramfs.dracut(guest_tree), Variant(checkout=CHECKOUT))


def _sit(file: IO[str]) -> bool:
    """Takes the seat of this lock, if it is free."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def taken_seat() -> Iterator[None]:
    """Holds one of the seats for a guest; waits until one is free."""
    files = [(cache.root() / f"seat-{number}.lock").open("w") for number in range(SEATS)]
    try:
        while not any(map(_sit, files)):
            time.sleep(0.5)
        yield
    finally:
        for file in files:
            file.close()


@pytest.fixture(scope="session")
def seats() -> Callable[[], AbstractContextManager[None]]:
    """For machines that start outside of a single test: `with seats(): ...`."""
    return taken_seat


@pytest.fixture
def seat() -> Iterator[None]:
    """A seat for the length of a test."""
    with taken_seat():
        yield


@pytest.fixture(scope="session")
def up(baseline: Disk, tmp_path_factory: pytest.TempPathFactory) -> VmSpec:
    """The baseline guest, booted; start it with `restore=booted.TAG`."""
    state = booted.save(baseline, taken_seat)
    return booted.copy(state, tmp_path_factory.mktemp("booted") / "disk.qcow2")


@pytest.fixture
def machine(request: pytest.FixtureRequest, seat: None) -> Iterator[Callable[..., Vm]]:
    """Starts machines whose consoles are kept in build/vm-logs and which end with the test."""
    running: list[Vm] = []
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name)

    def start(spec: VmSpec, **options: str) -> Vm:
        vm = Vm(spec, name=f"{name}-{len(running)}", logs=LOGS, **options)
        vm.__enter__()
        running.append(vm)
        return vm

    yield start
    for vm in running:
        vm.__exit__(None, None, None)
