"""systemd-boot's programs in a tree, and on a partition."""

import hashlib

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp.binaries import owned_digests, owned_path, read_installed, read_programs
from bootentries.esp.install import opened_tree, read_tree
from bootentries.sysroot import load

INFO = b"MZ #### LoaderInfo: systemd-boot 257.3 #### more"


@pytest.fixture
def tree(fake):
    place = fake.deployment() / "usr/lib/systemd/boot/efi"
    place.mkdir(parents=True)
    return place


def test_programs_of_a_tree(fake, root, tree):
    present = load(root)
    with pytest.raises(BootentriesError) as caught:
        read_tree(root, present, None)
    assert str(caught.value).endswith("usr/lib/systemd/boot/efi: no systemd-boot in this tree")
    assert "systemd-boot-efi" in caught.value.hint
    for name in ("systemd-bootx64.efi", "systemd-bootaa64.efi", "linuxx64.efi.stub", "README"):
        (tree / name).write_text(name)
    # A signed one comes before one that is not.
    (tree / "systemd-bootaa64.efi.signed").write_text("signed")
    found = read_tree(root, present, None)
    assert [(item.arch, item.data) for item in found] == [
        ("aa64", b"signed"), ("x64", b"systemd-bootx64.efi"),
    ]  # fmt: skip
    assert found[0].paths == ("EFI/systemd/systemd-bootaa64.efi", "EFI/BOOT/BOOTAA64.EFI")
    with opened_tree(root, present, str(fake.deployment())) as (fd, where):
        assert read_programs(fd, where) == found
    with pytest.raises(BootentriesError, match="read systemd-boot: /gone: No such file"):
        read_tree(root, present, "/gone")


@pytest.mark.parametrize(
    ("data", "owned", "state", "info"),
    [
        (None, False, "absent", None),
        (INFO, False, "foreign", "systemd-boot 257.3"),
        (INFO, True, "ours", "systemd-boot 257.3"),
        (b"MZ shim", False, "foreign", None),
        (b"", True, "ours", None),
    ],
)
def test_what_is_installed(esp, data, owned, state, info):
    path = "EFI/BOOT/BOOTX64.EFI"
    (esp.path / "EFI/BOOT").mkdir(parents=True)
    (esp.path / "bootchain").mkdir()
    if data is not None:
        (esp.path / path).write_bytes(data)
    if owned:
        digest = hashlib.sha256(data).hexdigest()
        (esp.path / owned_path(digest)).touch()
        assert owned_digests(esp.place.fd) == (digest,)
    found = read_installed(esp.place.fd, path)
    assert (found.state, found.info) == (state, info)


def test_no_marks(esp):
    assert owned_digests(esp.place.fd) == ()
