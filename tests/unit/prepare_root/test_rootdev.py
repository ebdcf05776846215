"""Which device `root=` means, how it is mounted, and what is said when it is not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root import constants as c
from prepare_root import kargs, rootdev
from prepare_root.errors import Failure

HINT = "use root=UUID=, LABEL=, PARTUUID=, PARTLABEL= or /dev/NAME"


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (b"/dev/vda2", b"/dev/vda2"),
        (b"/dev/mapper/x", b"/dev/mapper/x"),
        (b"UUID=1-2", b"UUID=1-2"),
        (b"LABEL=root", b"LABEL=root"),
        (b"PARTUUID=a", b"PARTUUID=a"),
        (b"PARTLABEL=a b", b"PARTLABEL=a b"),
        (b"/dev/disk/by-uuid/1-2", b"UUID=1-2"),
        (b"/dev/disk/by-label/root", b"LABEL=root"),
        (b"/dev/disk/by-partuuid/a", b"PARTUUID=a"),
        (b"/dev/disk/by-partlabel/a", b"PARTLABEL=a"),
        (b"/dev/disk/by-path/pci", b"/dev/disk/by-path/pci"),
    ],
)
def test_wanted(root, expected):
    assert rootdev.wanted(root) == expected


@pytest.mark.parametrize(
    ("root", "text"),
    [
        (b"", "find root device: kernel command line: no root= argument"),
        (b"0801", "find root device: 0801: not a form of root= that is known here"),
        (b"uuid=1", "find root device: uuid=1: not a form of root= that is known here"),
        (b"a\nb", "find root device: a\\x0ab: not a form of root= that is known here"),
    ],
)
def test_not_wanted(root, text):
    with pytest.raises(Failure) as caught:
        rootdev.wanted(root)
    assert (str(caught.value), caught.value.hint) == (text, HINT)


SILENT = c.MS_SILENT
RO = c.MS_SILENT | c.MS_RDONLY


@pytest.mark.parametrize(
    ("flags", "readonly", "expected"),
    [
        (b"", True, (RO, b"")),
        (b"", False, (SILENT, b"")),
        (b"rw", True, (SILENT, b"")),
        (b"ro", False, (RO, b"")),
        (b"ro,rw", False, (SILENT, b"")),
        (b"noatime", False, (SILENT | c.MS_NOATIME, b"")),
        (b"noatime,atime", False, (SILENT, b"")),
        (b"nosuid,nodev,noexec", False, (SILENT | c.MS_NOSUID | c.MS_NODEV | c.MS_NOEXEC, b"")),
        (b"nosuid,suid,nodev,dev,noexec,exec", False, (SILENT, b"")),
        (b"sync,dirsync", False, (SILENT | c.MS_SYNCHRONOUS | c.MS_DIRSYNC, b"")),
        (b"relatime,lazytime", False, (SILENT | c.MS_RELATIME | c.MS_LAZYTIME, b"")),
        (b"strictatime,nodiratime", False, (SILENT | c.MS_STRICTATIME | c.MS_NODIRATIME, b"")),
        (b"defaults", True, (RO, b"")),
        (b"subvol=root,noatime,compress=zstd:1", False,
         (SILENT | c.MS_NOATIME, b"subvol=root,compress=zstd:1")),
        (b",,subvol=a,,", True, (RO, b"subvol=a")),
    ],
)  # fmt: skip
def test_mount_options(flags, readonly, expected):
    assert rootdev.mount_options(flags, readonly) == expected


@given(st.lists(st.sampled_from([b"subvol=a", b"x", b"data=ordered", b"ssd"])), st.booleans())
def test_what_mount_does_not_know_goes_to_the_filesystem_in_order(options, readonly):
    number, data = rootdev.mount_options(b",".join(options), readonly)
    assert data == b",".join(options)
    assert number == (RO if readonly else SILENT)


def test_not_found_says_what_was_asked_for_and_what_is_there():
    with pytest.raises(Failure) as caught:
        rootdev.wait(kargs.parse(b"root=UUID=no-such-filesystem rootwait=0"))
    assert str(caught.value).startswith(
        "find root device: UUID=no-such-filesystem: not found within 0 s; there is: "
    )
    assert caught.value.hint == (
        "check root=, and that the image has the module of its disk; rootwait waits longer"
    )


def test_a_node_that_is_no_block_device_is_not_there():
    assert rootdev.look(b"/dev/null") is None
    assert rootdev.look(b"/dev/no-such-node") is None


def test_nothing_known_on_the_device(tmp_path):
    with pytest.raises(Failure) as caught:
        rootdev.mount(b"/dev/null", bytes(tmp_path), kargs.parse(b""))
    assert str(caught.value) == (
        "mount root device: /dev/null: root not mountable: no filesystem that is known here"
    )
    assert caught.value.hint == "say rootfstype="


def test_every_type_that_was_tried_is_named(tmp_path):
    with pytest.raises(Failure) as caught:
        rootdev.mount(b"/dev/null", bytes(tmp_path / "none"), kargs.parse(b"rootfstype=ab,cd"))
    before, _, reasons = str(caught.value).partition("root not mountable: ")
    assert before == "mount root device: /dev/null: "
    assert [reason.partition(": ")[0] for reason in reasons.split("; ")] == ["ab", "cd"]
    assert all(reason.partition(": ")[2] for reason in reasons.split("; "))
