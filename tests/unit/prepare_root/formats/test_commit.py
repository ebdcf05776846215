"""Commit objects; the real program's commits are read in the interoperability tests."""

import pytest

from prepare_root.formats import commit
from prepare_root.formats.gvariant import GVariantError, Variant, encode

TREE = bytes(range(32))


def build(parent=b"", metadata=None, tree=TREE, timestamp=1700000000):
    # big-endian on disk: the value is swapped before a little-endian encoder sees it
    return encode(
        commit.COMMIT_TYPE,
        (
            {"version": Variant("s", "42.1")} if metadata is None else metadata,
            parent,
            [],
            "subject",
            "body",
            commit.swap64(timestamp),
            tree,
            bytes(32),
        ),
        big=False,
    )


def test_fields():
    found = commit.decode_commit(build(parent=b"\xab" * 32))
    assert found.version == "42.1"
    assert found.parent == "ab" * 32
    assert (found.subject, found.body, found.timestamp) == ("subject", "body", 1700000000)
    assert (found.tree, found.tree_meta) == (TREE.hex(), "00" * 32)


def test_the_time_is_big_endian_on_disk():
    assert (1700000000).to_bytes(8, "big") in build()


@pytest.mark.parametrize("metadata", [{}, {"version": Variant("u", 4)}])
def test_no_version(metadata):
    assert commit.decode_commit(build(metadata=metadata)).version is None


def test_no_parent():
    assert commit.decode_commit(build()).parent is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (build(tree=b"short"), "tree checksum takes 32 bytes, 5 are there"),
        (build(parent=b"short"), "parent checksum takes 32 bytes, 5 are there"),
        (b"", "tuple is shorter than its offsets"),
        (build()[:-3], ""),
    ],
)
def test_malformed(data, reason):
    with pytest.raises(GVariantError) as caught:
        commit.decode_commit(data)
    assert reason in str(caught.value)


def test_commitmeta():
    signatures = [b"\1" * 64]
    data = encode("a{sv}", {"ostree.sign.ed25519": Variant("aay", signatures)})
    assert commit.decode_commitmeta(data)["ostree.sign.ed25519"].value == signatures


def test_object_path():
    checksum = "ab" + "c" * 62
    assert commit.object_path(checksum, "commit") == b"objects/ab/" + b"c" * 62 + b".commit"


@pytest.mark.parametrize("checksum", ["", "ab", "../" + "a" * 61, "AB" * 32])
def test_object_path_takes_checksums_only(checksum):
    with pytest.raises(GVariantError) as caught:
        commit.object_path(checksum, "commit")
    assert "is not a checksum" in str(caught.value)
