"""/run/ostree-booted, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import GVariantError, Variant, encode

# Written by the C ostree-prepare-root: device 2049, inode 131, composefs, sysroot read-only.
GOLDEN = bytes.fromhex(
    "6261636b696e672d726f6f742d6465766963652d696e6f646500000000000000010800000000000083000000"
    "0000000000287474291a0000726f6f742e7472616e7369656e7400000000620f00000000726f6f742e747261"
    "6e7369656e742d726f000000000000000000621200000000636f6d706f736566730000000000000001"
    "00620a00000000636f6d706f736566732e76657269747900000000000000000000621100000000737973726f"
    "6f742d726f0000000000000100620b364c6c84a4bc"
)


def slots(metadata):
    return {name: getattr(metadata, name) for name in BootedMetadata.__slots__}


def test_golden():
    metadata = BootedMetadata(device=2049, inode=131, composefs=True, sysroot_ro=True)
    assert len(GOLDEN) == 194
    assert metadata.encode() == GOLDEN
    assert slots(BootedMetadata.decode(GOLDEN)) == slots(metadata)


def test_keys_come_in_libostrees_order():
    data = BootedMetadata(
        device=1,
        inode=2,
        root_transient=True,
        root_transient_ro=True,
        composefs=True,
        composefs_verity=True,
        composefs_signed=b"/etc/key",
        sysroot_ro=True,
        transient_etc=b"/run/ostree/transient-etc.x",
    ).encode()
    keys = [
        b"backing-root-device-inode", b"root.transient\0", b"root.transient-ro",
        b"composefs.signed", b"composefs\0", b"composefs.verity", b"sysroot-ro", b"transient-etc",
    ]  # fmt: skip
    places = [data.index(key) for key in keys]
    assert places == sorted(places)


def test_without_composefs_its_keys_are_left_out():
    data = BootedMetadata(device=1, inode=2).encode()
    assert b"composefs" not in data
    assert BootedMetadata.decode(data).composefs is None


def test_an_empty_file_names_no_deployment():
    metadata = BootedMetadata.decode(b"")
    assert (metadata.device, metadata.inode, metadata.sysroot_ro) == (None, None, False)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode("a{sv}", {"sysroot-ro": Variant("s", "1")}), "'sysroot-ro' is not of type 'b'"),
        (
            encode("a{sv}", {"backing-root-device-inode": Variant("(uu)", (1, 2))}),
            "'backing-root-device-inode' is not of type '(tt)'",
        ),
        (b"\xff\xff", "array's offset table is outside the array"),
    ],
)
def test_bad_files(data, reason):
    with pytest.raises(GVariantError) as caught:
        BootedMetadata.decode(data)
    assert reason in str(caught.value)


def test_a_path_that_is_not_utf8():
    with pytest.raises(GVariantError) as caught:
        BootedMetadata(device=1, inode=2, transient_etc=b"/run/\xff").encode()
    assert "path b'/run/\\xff' is not UTF-8" in str(caught.value)


_PATHS = st.none() | st.just(b"/etc/key") | st.just("/run/ü".encode())


@given(
    st.builds(
        BootedMetadata,
        device=st.integers(0, 2**64 - 1),
        inode=st.integers(0, 2**64 - 1),
        root_transient=st.booleans(),
        root_transient_ro=st.booleans(),
        composefs=st.just(True),
        composefs_verity=st.booleans(),
        composefs_signed=_PATHS,
        sysroot_ro=st.booleans(),
        transient_etc=_PATHS,
    )
)
def test_decode_undoes_encode(metadata):
    assert slots(BootedMetadata.decode(metadata.encode())) == slots(metadata)
