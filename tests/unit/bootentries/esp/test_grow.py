"""Room in directories: how much, and that nothing stays of what makes it."""

import os
from dataclasses import replace

import pytest

from bootentries.esp import grow, ops
from bootentries.esp.grow import ROOM, Grow, is_filler, room
from bootentries.esp.names import ENTRIES, PAYLOAD, EntryName, payload_name
from bootentries.esp.plan import Wanted, needed, plan

from .conftest import entry

DIRECTORIES = (ops.MakeDir(PAYLOAD), ops.MakeDir(ENTRIES))


@pytest.mark.parametrize(
    ("slots", "size", "expected"),
    [
        (10, 0, ROOM),
        (10, 512, ROOM),
        (10, ROOM, None),
        (ROOM // 32, ROOM, None),
        (ROOM // 32 + 1, ROOM, 2 * ROOM + 64),
        (ROOM // 32 + 1, 2 * ROOM, None),
    ],
)
def test_how_much(slots, size, expected):
    assert room(slots, size) == expected


@pytest.mark.parametrize(
    ("name", "slots"),
    [
        (EntryName(999_999_999, 9999, (9, 9)).file, grow.ENTRY_SLOTS),
        (payload_name("v" * 200, "0" * 64), grow.PAYLOAD_SLOTS),
    ],
)
def test_the_longest_names_have_the_slots_that_are_counted(name, slots):
    assert -(-len(name) // 13) + 1 <= slots


class Growing:
    """The module `os`, but a directory's size is that of the names that ever were in it."""

    def __init__(self) -> None:
        self.made = 0

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, name, *args, **kwargs):
        self.made += 20 * 32
        return os.open(name, *args, **kwargs)

    def fstat(self, fd):
        found = list(os.fstat(fd))
        found[6] = 512 * -(-self.made // 512)
        return os.stat_result(found)


def test_a_directory_is_filled_until_it_has_the_room(esp, monkeypatch):
    for op in DIRECTORIES:
        op.apply(esp.place)
    (esp.path / ENTRIES / f"{grow.FILLER}000".ljust(240, "-")).touch()
    (esp.path / ENTRIES / "other.conf").touch()
    counted = Growing()
    monkeypatch.setattr(grow, "os", counted)
    Grow(ENTRIES, ROOM).apply(esp.place)
    assert ROOM - 512 < counted.made < ROOM + 20 * 32
    assert esp.files() == [f"{ENTRIES}/other.conf"]
    before = counted.made
    Grow(ENTRIES, ROOM).apply(esp.place)
    assert counted.made == before


def test_a_size_that_says_nothing_is_no_endless_loop(esp):
    for op in DIRECTORIES:
        op.apply(esp.place)
    Grow(PAYLOAD, 1 << 16).apply(esp.place)
    assert esp.files() == []


def test_it_comes_before_all_that_is_written(esp):
    wanted = Wanted((entry("a"),))
    new = replace(esp.present(), dirs={})
    lines = plan(new, wanted).describe()
    assert lines[:5] == [
        "create directory bootchain",
        "create directory loader/entries",
        "write loader/entries.srel",
        "make room for names in bootchain",
        "make room for names in loader/entries",
    ]
    assert needed(new, wanted) == needed(replace(new, dirs=None), wanted) + 2 * ROOM
    esp.sync(entry("a"))
    with_room = replace(esp.present(), dirs={PAYLOAD: ROOM, ENTRIES: ROOM})
    assert "make room" not in "\n".join(plan(with_room, Wanted((entry("b", 2),))).describe())
    short = replace(with_room, dirs={PAYLOAD: ROOM, ENTRIES: 512})
    assert plan(short, Wanted((entry("b", 2),))).describe()[0] == (
        "make room for names in loader/entries"
    )
    # In step is in step: there is nothing that needs the room.
    assert plan(short, wanted).ops == ()


def test_what_an_interrupted_run_left_goes_first(esp):
    esp.sync(entry("a"))
    left = [f"{path}/{grow.FILLER}001".ljust(250, "-") for path in (PAYLOAD, ENTRIES)]
    for path in left:
        assert is_filler(path.rpartition("/")[2])
        (esp.path / path).touch()
    todo = esp.sync(entry("a"))
    assert todo.ops[0] == ops.RemoveFiles(tuple(left))
    assert esp.plan(entry("a")).in_step
    assert not set(left) & set(esp.files())
