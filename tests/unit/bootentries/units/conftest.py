"""A tree with what the units need: Python, the program, and libostree's units."""

import pytest

from bootentries.units.dropins import TAKEOVERS

PLACE = "/usr/lib/python3/dist-packages"
DIRECTORY = "usr/lib/systemd/system"


@pytest.fixture
def tree(tmp_path):
    for name in ("bootentries", "prepare_root", "click"):
        (tmp_path / f"{PLACE.lstrip('/')}/{name}").mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/python3").touch()
    (tmp_path / DIRECTORY).mkdir(parents=True)
    for takeover in TAKEOVERS:
        (tmp_path / DIRECTORY / takeover.unit).touch()
    return tmp_path
