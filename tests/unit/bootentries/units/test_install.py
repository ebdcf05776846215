"""Drop-ins come and go with what they need."""

import shutil

import pytest

from bootentries.errors import BootentriesError
from bootentries.units import install
from bootentries.units.dropins import TAKEOVERS

PLACE = "/usr/lib/python3/dist-packages"
DIRECTORY = "usr/lib/systemd/system"


def names(tree):
    return sorted(str(path.relative_to(tree)) for path in (tree / "usr/lib/systemd").rglob("*"))


def test_there_and_back(tree):
    before = names(tree)
    todo = install.plan(str(tree), DIRECTORY, (PLACE,))
    assert names(tree) == before
    for _ in range(2):
        install.install(str(tree), todo)
        assert [(tree / path).read_text() for path, _ in todo] == [text for _, text in todo]
    found = install.installed(str(tree))
    assert sorted(found) == sorted(path for path, _ in todo)
    install.uninstall(str(tree), found)
    assert names(tree) == before
    assert install.installed(str(tree)) == ()


def test_what_is_not_ours_stays(tree):
    todo = install.plan(str(tree), DIRECTORY, (PLACE,))
    install.install(str(tree), todo)
    other = (tree / todo[0][0]).with_name("mine.conf")
    other.touch()
    install.uninstall(str(tree), install.installed(str(tree)))
    assert other.exists()


MISSING = {
    "usr/bin/python3": ("/usr/bin/python3: not there", "python3-minimal"),
    "usr/lib/python3/dist-packages/click": (
        "click: not in /usr/lib/python3/dist-packages", "--import-path",
    ),
    "usr/lib/python3/dist-packages/prepare_root": (
        "prepare_root: not in /usr/lib/python3/dist-packages", "--import-path",
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", MISSING)
def test_without_effect_it_is_not_installed(tree, path):
    place = tree / path
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    text, hint = MISSING[path]
    with pytest.raises(BootentriesError, match=text) as found:
        install.plan(str(tree), DIRECTORY, (PLACE,))
    assert hint in str(found.value.hint)


def test_a_root_that_is_not_there(tmp_path):
    with pytest.raises(BootentriesError, match="No such file or directory"):
        install.plan(str(tmp_path / "none"), DIRECTORY, (PLACE,))


def test_without_libostrees_units_they_are_written_whole(tree):
    for takeover in TAKEOVERS:
        (tree / DIRECTORY / takeover.unit).unlink()
    before = names(tree)
    # Again, they are whole: ours are not taken for libostree's.
    for _ in range(2):
        todo = install.plan(str(tree), DIRECTORY, (PLACE,))
        assert [path for path, _ in todo][:3] == [f"{DIRECTORY}/{item.unit}" for item in TAKEOVERS]
        install.install(str(tree), todo)
    found = install.installed(str(tree))
    assert sorted(found) == sorted(path for path, _ in todo)
    install.uninstall(str(tree), found)
    assert names(tree) == before


def test_units_of_somebody_else_are_not_removed(tree):
    (tree / DIRECTORY / TAKEOVERS[0].unit).write_text("[Unit]\nDescription=mine\n")
    install.install(str(tree), install.plan(str(tree), DIRECTORY, (PLACE,)))
    found = install.installed(str(tree))
    assert f"{DIRECTORY}/{TAKEOVERS[0].unit}" not in found
    install.uninstall(str(tree), found)
    assert (tree / DIRECTORY / TAKEOVERS[0].unit).exists()
