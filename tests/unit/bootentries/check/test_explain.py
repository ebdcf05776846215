"""One entry, hop by hop; the walk ends at the damage that lies on it."""

import pytest
from damages import DAMAGES
from victims import EXTENSIONS, with_grub, with_overlay

from bootentries.check.codes import CODES, Severity
from bootentries.check.explain import NoSuchEntry, explain
from bootentries.root import open_root

# What a boot of the default does not touch.
BESIDE = {
    "repo-config", "deployment-name", "entry-dangling", "entry-not-utf8", "entry-duplicate",
    "entry-too-large", "entry-version-duplicate", "entry-order", "loader-backend", "menu-differs",
    "menu-incomplete", "stub-missing", "stub-foreign", "stateroot-var",
}  # fmt: skip
# The walk looks in another order, or at one entry alone.
OTHERWISE = {
    "an_entry_that_is_a_circular_link": None,
    "a_kernel_from_elsewhere": "kernel-missing",
    "an_initramfs_from_elsewhere": "initramfs-missing",
    "no_version": None,
    "no_environment_for_u_boot": None,
}


def walked(path, index=0):
    with open_root(str(path)) as root:
        return explain(root, index)


def test_every_hop_of_a_sound_entry(victim):
    walk = walked(victim.top, 1)
    item = victim.item(1)
    payload = f"boot/ostree/testos-{item.bootcsum}"
    entry = f"boot/loader.1/entries/{item.entry.name}"
    link = f"ostree/boot.1/testos/{item.bootcsum}/1"
    assert walk.fault is None
    assert walk.count == 2
    assert [(hop.name, hop.place, hop.found) for hop in walk.hops] == [
        ("bootloader", "ostree/repo/config", "none, as what lies in /boot says"),
        ("boot directory", "boot",
         "a directory of the root filesystem: the loader sees it as /boot"),
        ("active list", "boot/loader", "a link to loader.1"),
        ("entry", entry,
         "'Test OS 1.0 (ostree:1)', version 1, number 1 from the default on"),
        ("linux", f"{payload}/vmlinuz-6.1", f"6 bytes; the loader reads /{payload}/vmlinuz-6.1"),
        ("initrd", f"{payload}/initramfs-6.1.img",
         f"9 bytes; the loader reads /{payload}/initramfs-6.1.img"),
        ("ostree=", entry, f"/{link}"),
        ("boot version", "ostree/boot.1", "a link to boot.1.1"),
        ("boot link", link, f"a link to /{item.path}"),
        ("deployment", item.path, "a root with all that is mounted on"),
        ("kernel", payload, "the same files as in the deployment"),
        ("commit", item.checksum, "version 0.9, from r:b"),
        ("mount", "/", f"/{item.path}"),
        ("mount", "/etc", f"/{item.path}/etc"),
        ("mount", "/usr", "the root's, read-only"),
        ("mount", "/sysroot", "the physical root, writable"),
        ("mount", "/var", "/ostree/deploy/testos/var, by prepare-root or a unit"),
        ("mount", "/boot", "/boot of the physical root"),
    ]  # fmt: skip


@pytest.mark.parametrize("extend", EXTENSIONS)
def test_sound_extensions_are_walked_to_the_end(victim, extend):
    extend(victim)
    assert walked(victim.top).fault is None
    assert walked(victim.top).hops[-1].place == "/boot"


def test_what_more_there_is_to_load_and_to_read(victim):
    overlay = with_overlay(victim)
    with_grub(victim)
    hops = [(hop.name, hop.place) for hop in walked(victim.top).hops]
    assert ("menu", "boot/loader.1/grub.cfg") in hops
    initrds = [place for name, place in hops if name == "initrd"]
    assert initrds == [str(path.relative_to(victim.top)) for path in (victim.initramfs(), overlay)]


@pytest.mark.parametrize(
    ("code", "damage"), [pytest.param(*pair, id=pair[1].__name__) for pair in DAMAGES]
)
def test_the_walk_ends_at_the_damage(victim, code, damage):
    damage(victim)
    fault = walked(victim.top).fault
    on_the_way = CODES[code].severity is Severity.FAULT and code not in BESIDE
    expected = OTHERWISE.get(damage.__name__, code if on_the_way else None)
    assert (fault.code.name if fault else None) == expected


def test_what_came_before_the_break_is_shown(victim):
    victim.bootlink().unlink()
    walk = walked(victim.top)
    assert [hop.name for hop in walk.hops][-3:] == ["ostree=", "boot version", "boot link"]
    assert walk.fault.reason == f"no such link, and {victim.entry().name} names it"
    assert walked(victim.top, 1).fault is None


def test_an_entry_that_cannot_be_read_comes_last(victim):
    (victim.loader / "entries/ostree-9.conf").write_bytes(b"\xff")
    assert walked(victim.top, 0).fault is None
    walk = walked(victim.top, 2)
    assert walk.count == 3
    assert walk.hops[-1].name == "entry"
    assert walk.fault.code.name == "entry-not-utf8"


@pytest.mark.parametrize("index", [2, 99])
def test_an_entry_that_is_not_there(victim, index):
    with pytest.raises(NoSuchEntry) as raised:
        walked(victim.top, index)
    assert raised.value.count == 2
