"""Names that are ours, and none that is somebody else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.esp.names import EntryName, is_payload_name, parse_entry_name, payload_name

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("bootchain-000001-02.conf", EntryName(1, 2)),
        ("bootchain-000001-02+3-0.conf", EntryName(1, 2, (3, 0))),
        ("bootchain-000012-10+9-10.conf", EntryName(12, 10, (9, 10))),
        ("bootchain-000001-02+0.conf", EntryName(1, 2, (0, 0))),
        ("BOOTCHAIN-000001-02.CONF", EntryName(1, 2)),
        ("bootchain-1234567-100.conf", EntryName(1234567, 100)),
        ("bootchain-1-02.conf", None),
        ("bootchain-000001-2.conf", None),
        ("bootchain-000001-02.conf.bak", None),
        ("bootchain-000001-02+.conf", None),
        ("bootchain-000001-02+a.conf", None),
        ("bootchain-00000\N{ARABIC-INDIC DIGIT ONE}-02.conf", None),
        ("ostree-2.conf", None),
        ("xbootchain-000001-02.conf", None),
    ],
)
def test_entry_names(name, parts):
    assert parse_entry_name(name) == parts


@given(
    st.integers(0, 10**9 - 1), st.integers(0, 9999),
    st.none() | st.tuples(st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1)),
)  # fmt: skip
def test_what_is_written_is_read(generation, number, tries):
    name = EntryName(generation, number, tries)
    assert parse_entry_name(name.file) == name
    assert name.file == name.file.lower()
    assert name.version == f"{generation}.{number}"


def test_counters_keep_the_width():
    """A rename that changes the length may need another slot of the directory."""
    lengths = {len(EntryName(1, 2, (left, 3 - left)).file) for left in range(4)}
    assert len(lengths) == 1


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("vmlinuz-6.12.1-amd64", f"vmlinuz-6.12.1-amd64-{DIGEST[:32]}"),
        ("Initramfs-6.1+x.img", f"initramfs-6.1_x.img-{DIGEST[:32]}"),
        ("a b;c", f"a_b_c-{DIGEST[:32]}"),
        ("ä", f"_-{DIGEST[:32]}"),
        ("", f"file-{DIGEST[:32]}"),
        ("x" * 300, f"{'x' * 100}-{DIGEST[:32]}"),
    ],
)
def test_payload_names(file, name):
    assert payload_name(file, DIGEST) == name
    assert is_payload_name(name)


@pytest.mark.parametrize("name", ["note.txt", f"owned-{DIGEST}", "vmlinuz", f"-{DIGEST[:32]}"])
def test_files_that_are_not_copies(name):
    assert not is_payload_name(name)
