"""The description of a staged deployment, written as libostree writes it."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootentries.booted import STAGED, Named, Staged, read_staged
from bootentries.errors import BootentriesError
from bootentries.staged import (
    LOCKED,
    encode_staged,
    set_extra,
    set_kargs,
    set_lock,
    take_staged,
    with_key,
    write_staged,
)
from prepare_root.formats.gvariant import Variant, decode, encode

# What libostree itself wrote for these values.
GOLDEN = bytes.fromhex(
    "74617267657400006e616d650000000061622e30000073056f736e616d6500006f73000073070000626f6f746373"
    "756d0000000000000000636400007309101e3600617b73767d076b61726773000000717569657400726f6f743d78"
    "00060d006173064863"
)
KNOWN = Staged("os", "ab.0", "cd", ("quiet", "root=x"))
FULL = Staged(
    "os", "ab.1", "cd", ("a", "b=c d"), True, Named("os", "ab.0", "ef"), ("1" * 64,),
    (("x-one", "1"), ("x-two", "2 2")),
)  # fmt: skip
WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)


@pytest.fixture
def run(tmp_path):
    return str(tmp_path)


def test_the_bytes_are_libostrees():
    assert encode_staged(KNOWN) == GOLDEN


def test_the_order_of_the_keys():
    keys = list(decode("a{sv}", encode_staged(FULL)))
    assert keys == [
        "target", "locked", "merge-deployment", "kargs", "overlay-initrds", "bootconfig-extra",
    ]  # fmt: skip
    assert list(decode("a{sv}", encode_staged(Staged("os", "ab.0", "cd")))) == ["target"]
    # No arguments are something else than those of the merge deployment.
    assert "kargs" in decode("a{sv}", encode_staged(Staged("os", "ab.0", "cd", ())))


@given(
    st.builds(
        Staged, WORD, WORD, WORD,
        st.none() | st.lists(WORD).map(tuple), st.booleans(),
        st.none() | st.builds(Named, WORD, WORD, WORD), st.lists(WORD).map(tuple),
        st.dictionaries(WORD, WORD).map(lambda found: tuple(found.items())),
    )
)  # fmt: skip
@settings(deadline=None)
def test_what_is_written_is_read(tmp_path_factory, staged):
    run = str(tmp_path_factory.getbasetemp())
    write_staged(staged, run)
    assert read_staged(run) == staged


def test_the_directory_is_open_to_all(run):
    write_staged(KNOWN, run)
    assert Path(run, "ostree").stat().st_mode & 0o7777 == 0o755
    assert Path(run, STAGED).stat().st_mode & 0o7777 == 0o644


def test_a_new_description_is_not_locked_by_an_old_file(run):
    write_staged(KNOWN, run)
    set_lock(True, run)
    write_staged(KNOWN, run)
    assert read_staged(run) == KNOWN
    assert not Path(run, LOCKED).exists()


def test_locking_is_done_in_both_ways(run):
    write_staged(KNOWN, run)
    assert set_lock(True, run)
    assert not set_lock(True, run)
    assert Path(run, LOCKED).stat().st_mode & 0o7777 == 0o640
    assert "locked" in decode("a{sv}", Path(run, STAGED).read_bytes())
    assert set_lock(False, run)
    assert not set_lock(False, run)
    assert Path(run, STAGED).read_bytes() == GOLDEN
    assert not Path(run, LOCKED).exists()


@pytest.mark.parametrize("locked", [True, False])
def test_there_is_nothing_to_lock(run, locked):
    with pytest.raises(BootentriesError, match="staged-deployment: no staged deployment") as found:
        set_lock(locked, run)
    assert found.value.hint == "stage one with: bootentries deploy --stage"


def test_it_is_taken_once(run):
    Path(run, "ostree").mkdir()
    for _ in range(2):
        take_staged(run)
        assert not list(Path(run, "ostree").iterdir())
        write_staged(KNOWN, run)
        set_lock(True, run)


def test_a_description_comes_back_as_it_was():
    assert with_key(GOLDEN, "kargs", Variant("as", ["quiet", "root=x"])) == GOLDEN
    longer = encode("a{sv}", {"kargs": Variant("as", []), "locked": Variant("b", True)})
    changed = with_key(longer, "kargs", Variant("as", ["a"]))
    assert list(decode("a{sv}", changed)) == ["kargs", "locked"]


def test_a_new_key_comes_to_its_place():
    locked = with_key(encode_staged(KNOWN), "locked", Variant("b", True))
    assert list(decode("a{sv}", locked)) == ["target", "locked", "kargs"]
    assert with_key(locked, "locked", None) == GOLDEN


def test_keys_that_nobody_knows_stay(run):
    """A later libostree's, for instance."""
    write_staged(KNOWN, run)
    newer = {**decode("a{sv}", GOLDEN), "of-later": Variant("s", "kept")}
    Path(run, STAGED).write_bytes(encode("a{sv}", newer))
    set_lock(True, run)
    set_kargs(("n",), run)
    found = decode("a{sv}", Path(run, STAGED).read_bytes())
    assert found["of-later"] == Variant("s", "kept")
    assert found["kargs"] == Variant("as", ["n"])
    set_lock(False, run)
    assert decode("a{sv}", Path(run, STAGED).read_bytes())["of-later"] == Variant("s", "kept")


def test_a_key_for_the_entry_joins_the_others_and_goes(run):
    known = replace(KNOWN, extras=(("x-other", "1"),))
    write_staged(known, run)
    set_extra("x-mine", "one", run)
    set_extra("x-mine", "two", run)
    assert dict(read_staged(run).extras) == {"x-other": "1", "x-mine": "two"}
    set_extra("x-mine", None, run)
    assert Path(run, STAGED).read_bytes() == encode_staged(known)
    set_extra("x-other", None, run)
    assert Path(run, STAGED).read_bytes() == encode_staged(KNOWN)
