"""What an entry says, what systemd-boot makes of it, and what is read from one."""

import pytest

from bootentries.deployment import Entry
from bootentries.entries import bls
from bootentries.esp.entry import (
    EspEntry,
    Payload,
    deployment_of,
    entry_text,
    extras_of,
    is_live,
    named_payloads,
    options_of,
    same_but_version,
    sources,
    switch_offset,
)
from bootentries.esp.names import EntryName
from bootentries.order import sdboot

LINUX = Payload("ostree/os-1/vmlinuz", "vmlinuz-1", 4)
INITRD = Payload("ostree/os-1/initramfs", "initramfs-1", 5)
OVERLAY = Payload("ostree/initramfs-overlays/o.img", "o.img-1", 6)
TREE = Payload("ostree/os-1/devicetree", "devicetree-1", 7)
FULL = EspEntry(
    "os/abc.0", "Test OS", "quiet ostree=/ostree/boot-0/os/b/0", LINUX, (INITRD, OVERLAY), TREE,
    (("architecture", "x64"), ("x-mine", "yes")),
)  # fmt: skip
NAME = EntryName(3, 2)


def test_the_whole_text():
    assert entry_text(FULL, NAME) == (
        "# Written by bootentries from the deployment list, and again with every change.\n"
        "title Test OS\n"
        "version 3.2\n"
        "sort-key bootchain\n"
        "options quiet ostree=/ostree/boot-0/os/b/0\n"
        "linux /bootchain/vmlinuz-1\n"
        "initrd /bootchain/initramfs-1\n"
        "initrd /bootchain/o.img-1\n"
        "devicetree /bootchain/devicetree-1\n"
        "architecture x64\n"
        "x-mine yes\n"
        "x-bootchain-deployment os/abc.0\n"
        "x-bootchain-source ostree/os-1/vmlinuz vmlinuz-1\n"
        "x-bootchain-source ostree/os-1/initramfs initramfs-1\n"
        "x-bootchain-source ostree/initramfs-overlays/o.img o.img-1\n"
        "x-bootchain-source ostree/os-1/devicetree devicetree-1\n"
    )


def test_what_is_read_from_it():
    text = entry_text(FULL, NAME)
    assert deployment_of(text) == "os/abc.0"
    assert named_payloads(text) == ("vmlinuz-1", "initramfs-1", "o.img-1", "devicetree-1")
    assert sources(text)["ostree/os-1/initramfs"] == "initramfs-1"
    assert options_of(text) == FULL.options
    assert same_but_version(text, entry_text(FULL, EntryName(9, 9)))
    assert not same_but_version(text, text.replace("quiet", "loud"))


def test_the_switch_is_one_byte():
    prepared, live = (entry_text(FULL, NAME, live=live).encode() for live in (False, True))
    offset = switch_offset(prepared)
    assert offset is not None
    assert prepared[:offset] + b"l" + prepared[offset + 1 :] == live
    assert switch_offset(live) is None
    assert (is_live(prepared.decode()), is_live(live.decode())) == (False, True)

    def shown(data):
        return sdboot.order([Entry(NAME.file, bls.parse(data.decode()))])

    assert shown(prepared) == []
    assert len(shown(live)) == 1


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ("a b", "a b"),
        ('"a b" c', '"a b" c'),
        # systemd-boot would take the two outer quotes off.
        ('"a b" ostree=/x "c d"', '"a b" "c d" ostree=/x'),
    ],
)
def test_quotes_survive(options, written):
    entry = EspEntry("os/a.0", "t", options, LINUX)
    assert options_of(entry_text(entry, NAME)) == written


def test_keys_of_the_lists_entry():
    text = "title t\nversion 2\nsort-key z\nmachine-id 1\nfdtdir /d\naboot /a\nx-label hi\n"
    assert extras_of(bls.parse(f"{text}architecture x64\n")) == (
        ("x-label", "hi"), ("architecture", "x64"),
    )  # fmt: skip
