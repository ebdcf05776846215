"""aboot-deploy's arguments, and entries that it cannot boot."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.loaders.aboot import REQUIRED, AbootLoader, missing_key
from bootentries.loaders.stamp import STAMP

KEYS = "initrd /i\naboot /ostree/a.img\nabootcfg /ostree/a.cfg\n"


def test_operations(menus):
    chosen = menus.menu(menus.item(2, KEYS), menus.item(1))
    loader = AbootLoader()
    assert [op.describe() for op in loader.before_swap(chosen)] == [f"write {STAMP}"]
    (program,) = loader.after_swap(chosen)
    assert program.argv == (
        "aboot-deploy", "-r", ".", "-c", "/ostree/a.cfg", "-o", "arg=2", "/ostree/a.img",
    )  # fmt: skip
    assert program.stamp == STAMP
    assert loader.resume() == ()
    assert loader.before_swap(menus.menu()) == loader.after_swap(menus.menu()) == ()


@pytest.mark.parametrize("key", REQUIRED)
def test_a_default_without_a_key_is_an_error_before_anything_is_written(menus, key):
    text = "\n".join(
        line for line in (
            "title t", "version 1", "options a", "linux /k", *KEYS.split("\n"),
        ) if not line.startswith(f"{key} ")
    )  # fmt: skip
    chosen = menus.menu(menus.parsed(text), menus.item(1, KEYS))
    assert missing_key(chosen) == key
    with pytest.raises(BootentriesError) as caught:
        AbootLoader().before_swap(chosen)
    assert str(caught.value) == f"prepare aboot: ostree-9.conf: the entry has no {key!r}"
    assert "aboot.img" in caught.value.hint


def test_what_was_left_undone(menus):
    pending = menus.menu(menus.item(2, KEYS))
    assert AbootLoader(pending).resume() == AbootLoader().after_swap(pending)
    # libostree leaves a stamp for such a list, too; no program can help there.
    assert AbootLoader(menus.menu(menus.item(2))).resume() == ()
