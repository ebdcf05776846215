"""All readers at once, on a sysroot written by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ordercases import entry, names

from bootentries.entries.names import entry_name
from bootentries.errors import BootentriesError
from bootentries.order.readers import read_directory, views
from bootentries.root import open_root


def place(fake, name, text="linux /k\n"):
    (fake.entry().parent / name).write_text(text)


def listed(count, stateroots=(None,), tries=()):
    """The entries that libostree writes for a list of `count`, the default first.

    `stateroots` and `tries` say what is in the names, by turns.
    """
    made = []
    for place, number in enumerate(range(count, 0, -1)):
        stem = entry_name(number, stateroots[place % len(stateroots)]).removesuffix(".conf")
        counters = tries[place % len(tries)] if tries else ""
        made.append(entry(f"{stem}{counters}.conf", f"version {number}"))
    return made


STATEROOT = st.text("abz019._", min_size=1, max_size=5)
TRIES = st.sampled_from(["", "+3", "+2-1", "+1-12"])


@given(st.integers(0, 25), st.lists(TRIES, min_size=1, max_size=3), st.randoms())
@settings(max_examples=50, deadline=None)
def test_all_agree_on_numbered_names_with_counters(count, tries, source):
    entries = listed(count, tries=tries)
    shuffled = source.sample(entries, len(entries))
    for view in views(shuffled):
        assert list(view.names) == names(entries), view.reader


@given(st.integers(0, 25), st.lists(STATEROOT, min_size=1, max_size=3), st.randoms())
@settings(max_examples=50, deadline=None)
def test_all_agree_on_names_with_stateroots(count, stateroots, source):
    entries = listed(count, stateroots)
    shuffled = source.sample(entries, len(entries))
    for view in views(shuffled):
        assert list(view.names) == names(entries), view.reader


@pytest.mark.parametrize(
    "entries",
    [listed(10, ("os", "my-os")), listed(10, ("os",), ("", "+2-1"))],
    ids=["a dash in a stateroot", "counters after a stateroot"],
)
def test_a_third_dash_misleads_the_grub_of_fedora(entries):
    wrong = [view.reader for view in views(entries) if list(view.names) != names(entries)]
    assert wrong == ["grub of fedora"]
    by_reader = {view.reader: view for view in views(entries)}
    assert by_reader["grub of fedora"].default == entries[1].name


def test_what_each_would_boot():
    entries = (
        entry("ostree-2+0-3.conf", "version 2"),
        entry("ostree-1.conf", "version 1"),
        entry("zz.conf", "version 0"),
    )
    assert {view.reader: view.default for view in views(entries)} == {
        "libostree": "ostree-2+0-3.conf",
        "systemd-boot": "zz.conf",
        "grub 2.14": "zz.conf",
        "grub of fedora": "zz.conf",
        "zipl, petitboot": "zz.conf",
    }
    assert {view.reader: view.default for view in views(entries[:2])} == {
        "libostree": "ostree-2+0-3.conf",
        "systemd-boot": "ostree-1.conf",
        "grub 2.14": "ostree-2+0-3.conf",
        "grub of fedora": "ostree-2+0-3.conf",
        "zipl, petitboot": "ostree-2+0-3.conf",
    }


def test_nothing_is_shown_of_nothing():
    assert {view.default for view in views(())} == {None}


def test_the_directory_as_it_lies(fake):
    place(fake, "zz.conf")
    (fake.entry().parent / "bytes.conf").write_bytes(b"title \xff\n")
    (fake.entry().parent / "dir.conf").mkdir()
    (fake.entry().parent / "dangling.conf").symlink_to("nowhere")
    place(fake, "big.conf", "#" * (1 << 20) + "\n")
    with open_root(str(fake.path)) as root:
        found = read_directory(root)
    wanted = {"ostree-2.conf", "ostree-1.conf", "zz.conf", "bytes.conf"}
    assert [one.name for one in found] == [
        path.name for path in fake.entry().parent.iterdir() if path.name in wanted
    ]
    by_name = {one.name: one.bls.get("title") for one in found}
    assert by_name["bytes.conf"] == "\N{REPLACEMENT CHARACTER}"
    assert by_name["ostree-1.conf"] == "Test OS 1.0 (ostree:1)"


def test_no_directory_is_an_empty_one(fake):
    (fake.path / "boot/loader").unlink()
    with open_root(str(fake.path)) as root:
        assert read_directory(root) == []


def test_what_is_no_directory_is_named(fake):
    (fake.path / "boot/loader").unlink()
    (fake.path / "boot/loader").mkdir()
    place_of = fake.path / "boot/loader/entries"
    place_of.write_text("")
    with open_root(str(fake.path)) as root, pytest.raises(BootentriesError) as caught:
        read_directory(root)
    assert str(caught.value) == "read entries: boot/loader/entries: Not a directory"
