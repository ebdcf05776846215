"""Entries as they are written."""

from dataclasses import replace

import pytest

from bootentries.deployment import Bootlink, Deployment, Entry
from bootentries.entries.bls import format_entry, parse
from bootentries.entries.render import Target, boot_options, render
from bootentries.entries.template import Template
from bootentries.kernel import KernelFile, KernelLayout
from bootentries.repo import RepoConfig

SUM, CSUM = "b" * 64, "c" * 64
LINK = Bootlink(1, "os", SUM, 0)
LINUX = KernelFile("usr/lib/modules/6/vmlinuz", "vmlinuz-6")
INITRAMFS = KernelFile("usr/lib/modules/6/initramfs.img", "initramfs-6.img")


def text_of(kernel, config=None, *, entry=None, index=0, several=False):
    item = Deployment("os", CSUM, 0, SUM, options="quiet", version="1", entry=entry)
    bls = render(
        Target(item, kernel, "OS"),
        index=index, count=2, link=LINK, several=several, config=config or RepoConfig(),
    )  # fmt: skip
    return format_entry(bls)


def test_a_new_entry_has_the_fixed_order():
    kernel = KernelLayout(
        LINUX,
        INITRAMFS,
        devicetree=KernelFile("x", "devicetree-6"),
        aboot=KernelFile("y", "aboot-6.img"),
    )
    payload = f"/ostree/os-{SUM}"
    assert text_of(kernel) == (
        "title OS 1 (ostree:0)\n"
        "version 2\n"
        f"options quiet ostree=/ostree/boot.1/os/{SUM}/0\n"
        f"devicetree {payload}/devicetree-6\n"
        f"linux {payload}/vmlinuz-6\n"
        f"initrd {payload}/initramfs-6.img\n"
        f"aboot {payload}/aboot-6.img\n"
        f"abootcfg /ostree/deploy/os/deploy/{CSUM}.0/usr/lib/ostree-boot/aboot.cfg\n"
    )


def test_bootprefix_dtb_and_stateroot():
    kernel = KernelLayout(LINUX, INITRAMFS, dtb=KernelFile("x/dtb", "dtb"))
    text = text_of(kernel, RepoConfig(bootprefix=True), index=1, several=True)
    assert f"linux /boot/ostree/os-{SUM}/vmlinuz-6\n" in text
    assert f"fdtdir /boot/ostree/os-{SUM}/dtb\n" in text
    assert text.startswith("title OS 1 (ostree:os:1)\nversion 1\n")


def test_the_prefix_is_not_for_aboot():
    """Its program reads the files itself, and needs no path that a loader understands."""
    kernel = KernelLayout(LINUX, INITRAMFS, aboot=KernelFile("y", "aboot-6.img"))
    text = text_of(kernel, RepoConfig(bootprefix=True))
    assert f"\ninitrd /boot/ostree/os-{SUM}/initramfs-6.img\n" in text
    assert f"\naboot /ostree/os-{SUM}/aboot-6.img\n" in text
    assert f"\nabootcfg /ostree/deploy/os/deploy/{CSUM}.0/usr/lib/" in text


def test_what_the_tree_lost_is_taken_out():
    old = parse(
        "title t\ndevicetree /d\nlinux /l\ninitrd /i\ninitrd /overlay.img\nfdtdir /f\nx-own 1\n"
    )
    text = text_of(KernelLayout(LINUX), entry=Entry("ostree-1.conf", old))
    assert [line.split()[0] for line in text.splitlines()] == [
        "title", "version", "options", "linux", "x-own",
    ]  # fmt: skip


def test_overlays_stay_behind_the_primary_initrd():
    old = parse("linux /l\ninitrd /i\n# why\ninitrd /overlay.img\n")
    text = text_of(KernelLayout(LINUX, INITRAMFS), entry=Entry("ostree-1.conf", old))
    assert text.endswith(f"# why\ninitrd /ostree/os-{SUM}/initramfs-6.img\ninitrd /overlay.img\n")


@pytest.mark.parametrize(
    ("options", "kernel", "result"),
    [
        ("a ostree=/old b", KernelLayout(LINUX, INITRAMFS), f"a ostree={LINK} b"),
        ("a  b", KernelLayout(LINUX, INITRAMFS), f"a b ostree={LINK}"),
        ("", KernelLayout(LINUX, INITRAMFS), f"ostree={LINK}"),
        ("ostree=/1 a ostree=/2", KernelLayout(LINUX, INITRAMFS), f"ostree={LINK} a"),
        # What was set for a tree without an initramfs stays: it may be the user's own.
        ("init=/x a", KernelLayout(LINUX, INITRAMFS), f"init=/x a ostree={LINK}"),
        (
            "init=/x a ostree=/1",
            KernelLayout(LINUX),
            f"init={LINK}/usr/lib/ostree/ostree-prepare-root a ostree={LINK}",
        ),
        (
            "a",
            KernelLayout(LINUX),
            f"a init={LINK}/usr/lib/ostree/ostree-prepare-root ostree={LINK}",
        ),
    ],
)
def test_boot_options(options, kernel, result):
    assert boot_options(options, kernel, LINK) == result


def test_a_label_and_a_template():
    """Of a copied label of another deployment nothing stays."""
    old = parse(f"title t\nx-bootchain-label os/{'d' * 64}.0 theirs\n")
    item = Deployment("os", CSUM, 0, SUM, label="mine", entry=Entry("ostree-1.conf", old))
    config = RepoConfig(title=Template.parse("{label}: {kernel} {checksum}"))
    for changed, title, key in (
        (item, f"mine: 6 {CSUM[:12]} (ostree:0)", f"os/{CSUM}.0 mine"),
        (replace(item, label=None), f": 6 {CSUM[:12]} (ostree:0)", None),
    ):
        found = render(
            Target(changed, KernelLayout(LINUX), "OS"),
            index=0, count=1, link=LINK, several=False, config=config,
        )  # fmt: skip
        assert (found.get("title"), found.get("x-bootchain-label")) == (title, key)
