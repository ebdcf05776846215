"""syslinux.cfg: our blocks are replaced, everything else stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootentries.errors import BootentriesError
from bootentries.loaders.syslinux import (
    SyslinuxLoader,
    foreign_lines,
    read_syslinux,
    syslinux_config,
)
from bootentries.txn.ops import WriteFile

OURS = "LABEL Old (ostree:0)\n\tKERNEL /boot/ostree/x/vmlinuz\n\tAPPEND a\n"
THEIRS = "LABEL linux\n\tKERNEL /vmlinuz\n\tAPPEND root=/dev/sda1\n"
NEW = (
    "LABEL Test OS (1)\n\tKERNEL /boot/ostree/k1/vmlinuz\n"
    "\tINITRD /boot/ostree/k1/initrd\n\tAPPEND arg=1\n"
)
NEW_DEFAULT = f"DEFAULT Test OS (1)\n{NEW}"
DISK = "LABEL disk\n\tLOCALBOOT 0x80\n"
INITRD = "initrd /ostree/k1/initrd\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", NEW_DEFAULT),
        ("\n", f"\n{NEW_DEFAULT}"),
        ("TIMEOUT 50\n", f"TIMEOUT 50\n\n{NEW_DEFAULT}"),
        ("TIMEOUT 50", f"TIMEOUT 50\n{NEW_DEFAULT}"),
        (f"DEFAULT ostree:old\n{OURS}{OURS}", NEW_DEFAULT),
        (f"DEFAULT Old (ostree:0)\n{OURS}", NEW_DEFAULT),
        (f"{THEIRS}{OURS}", f"{THEIRS}\n{NEW_DEFAULT}"),
        (f"{OURS}# after\n", f"# after\n\n{NEW_DEFAULT}"),
        ("LABEL a\n\tKERNEL /ostree/z\n", NEW_DEFAULT),
        # The last KERNEL of a block counts.
        ("LABEL a\n\tKERNEL /x\n\tKERNEL /ostree/z\n", NEW_DEFAULT),
        ("# a\n\n\nPROMPT 0\n\nB\n", f"# a\n\nPROMPT 0\nB\n{NEW_DEFAULT}"),
        ("default lower\nlabel x\n\tkernel /k\n",
         f"default lower\nlabel x\n\tkernel /k\n\n{NEW_DEFAULT}"),
        # libostree loses these: a default of somebody else's ...
        (f"DEFAULT linux\n{THEIRS}", f"DEFAULT linux\n{THEIRS}\n{NEW}"),
        ("DEFAULT menu.c32\nPROMPT 0\n", f"DEFAULT menu.c32\nPROMPT 0\n\n{NEW}"),
        ("DEFAULT a\nDEFAULT Foo (ostree 0)\n", f"DEFAULT a\n\n{NEW_DEFAULT}"),
        # ... which a block of ours under another name is not, ...
        ("DEFAULT mine\nLABEL mine\n\tKERNEL /ostree/z\n", NEW_DEFAULT),
        # ... and a block without KERNEL after one of ours.  It must not come first.
        (f"# c\n{OURS}{DISK}TIMEOUT 1\n", f"# c\n{NEW_DEFAULT}{DISK}TIMEOUT 1\n\n"),
        (f"{OURS}LABEL a\n  KERNEL /vm\n", f"{NEW_DEFAULT}LABEL a\n  KERNEL /vm\n\n"),
        (f"{THEIRS}{DISK}", f"{THEIRS}{DISK}\n{NEW_DEFAULT}"),
    ],
)  # fmt: skip
def test_configuration(menus, before, after):
    assert syslinux_config(before, menus.menu(menus.item(1, INITRD)), False) == after


def test_every_key_and_several_entries(menus):
    first = menus.item(2, "initrd /ostree/k2/i\ndevicetree /ostree/k2/dt\nfdtdir /ostree/k2/dtb\n")
    text = syslinux_config("", menus.menu(first, menus.item(1)), False)
    assert text == (
        "DEFAULT Test OS (2)\n"
        "LABEL Test OS (2)\n\tKERNEL /boot/ostree/k2/vmlinuz\n\tINITRD /boot/ostree/k2/i\n"
        "\tDEVICETREE /boot/ostree/k2/dt\n\tAPPEND arg=2\n"
        "LABEL Test OS (1)\n\tKERNEL /boot/ostree/k1/vmlinuz\n\tAPPEND arg=1\n"
    )
    assert "KERNEL /ostree/k2/vmlinuz\n" in syslinux_config("", menus.menu(first), True)


def test_overlay_initrds_are_loaded(menus):
    extra = "initrd /ostree/k1/i\ninitrd /ostree/o/1.img\ninitrd /ostree/o/2.img\n"
    text = syslinux_config("", menus.menu(menus.item(1, extra)), False)
    assert "\tINITRD /boot/ostree/k1/i,/boot/ostree/o/1.img,/boot/ostree/o/2.img\n" in text


def test_without_entries_ours_vanish(menus):
    assert syslinux_config(f"DEFAULT Old (ostree:0)\n{THEIRS}{OURS}", menus.menu(), False) == (
        f"{THEIRS}\n"
    )


def test_lines_after_our_default_do_not_become_a_block_s_own(menus):
    text = "LABEL a\n\tKERNEL /vm\nLABEL b\nDEFAULT Old (ostree:0)\n\tKERNEL /ostree/k\n"
    once = syslinux_config(text, menus.menu(), False)
    assert once == "LABEL a\n\tKERNEL /vm\nLABEL b\n#\n\tKERNEL /ostree/k\n\n"
    assert syslinux_config(once, menus.menu(), False) == once


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("LABEL a\n\tLINUX /vm\n", 1),
        ("# c\n\nLABEL a", 3),
        ("LABEL a\n  KERNEL /vm\n", 1),
        ("LABEL a\nLABEL b\n\tKERNEL /vm\n", 1),
    ],
)
def test_a_first_label_without_kernel_is_an_error(text, line):
    with pytest.raises(BootentriesError) as caught:
        foreign_lines(text)
    assert str(caught.value) == (
        "read bootloader configuration: boot/syslinux/syslinux.cfg: "
        f"line {line}: LABEL without a KERNEL"
    )
    assert caught.value.hint


LINES = st.sampled_from(
    [
        "LABEL linux", "LABEL b", "LABEL Old (ostree:0)", "\tKERNEL /vm", "\tKERNEL /ostree/k",
        "\tKERNEL /boot/ostree/k", "\tAPPEND a", "DEFAULT linux", "DEFAULT Old (ostree:0)",
        "# comment", "", "TIMEOUT 1", "  KERNEL /vm", "DEFAULT", "\t",
    ]
)  # fmt: skip


@settings(max_examples=300)
@given(lines=st.lists(LINES, max_size=25))
def test_a_third_write_changes_nothing(menus, lines):
    chosen = menus.menu(menus.item(2), menus.item(1, INITRD))
    try:
        once = syslinux_config("\n".join(lines), chosen, False)
    except BootentriesError:
        return
    # The first text may lack its last line feed, which libostree makes an empty line of.
    twice = syslinux_config(once, chosen, False)
    assert syslinux_config(twice, chosen, False) == twice
    # Of other lines none is lost but empty ones, and their order stays.
    found = foreign_lines("\n".join(lines))
    kept = [line for line in (*found.before, *found.after) if line]
    assert [line for line in once.split("\n") if line in kept] == kept


def test_operations(menus):
    loader = SyslinuxLoader("TIMEOUT 1\n")
    (write,) = loader.before_swap(menus.menu(menus.item(1, INITRD)))
    assert isinstance(write, WriteFile)
    assert write.path == "boot/loader.1/syslinux.cfg"
    assert write.text == f"TIMEOUT 1\n\n{NEW_DEFAULT}"
    assert loader.resume() == loader.after_swap(menus.menu()) == ()


def test_the_active_configuration_is_read(fake, root):
    (fake.path / "boot/syslinux").mkdir()
    (fake.path / "boot/syslinux/syslinux.cfg").symlink_to("../loader/syslinux.cfg")
    (fake.path / "boot/loader.1/syslinux.cfg").write_text("TIMEOUT 1\n")
    assert read_syslinux(root) == "TIMEOUT 1\n"


def test_without_a_configuration_it_says_how_to_make_one(root):
    with pytest.raises(BootentriesError) as caught:
        read_syslinux(root)
    assert str(caught.value) == (
        "read bootloader configuration: boot/syslinux/syslinux.cfg: no such file"
    )
    assert "a link to ../loader/syslinux.cfg" in caught.value.hint
