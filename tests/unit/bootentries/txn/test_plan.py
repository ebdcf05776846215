"""When a list needs a swap, and how the links of one are numbered."""

from dataclasses import replace

import pytest

from bootentries.deployment import Bootlink, Deployment, Entry
from bootentries.entries.bls import parse
from bootentries.entries.render import Target
from bootentries.kernel import KernelFile, KernelLayout
from bootentries.loaders.none import NoLoader
from bootentries.repo import RepoConfig
from bootentries.sysroot import Sysroot
from bootentries.txn.plan import BootListing, bootlinks, plan, same_configuration

KERNEL = KernelLayout(KernelFile("usr/lib/modules/6/vmlinuz", "vmlinuz-6"))
ONE, TWO = "1" * 64, "2" * 64


def item(**changes: object) -> Deployment:
    overlays = "".join(f"initrd /o/{name}.img\n" for name in changes.pop("overlays", ()))
    text = f"title t\nlinux /l\ninitrd /i\n{overlays}{changes.pop('extra', '')}"
    usual = Deployment(
        "os", "a" * 64, 0, "b" * 64, options="root=a quiet ostree=/ostree/boot.0/os/b/0",
        version="1", entry=Entry("ostree-1.conf", parse(text)),
    )  # fmt: skip
    return replace(usual, **changes)


def target(deployment: Deployment) -> Target:
    return Target(deployment, KERNEL, "OS")


# What makes two lists of one deployment each different, and what does not.
CHANGES = [
    ({}, True),
    ({"checksum": "c" * 64}, True),
    ({"serial": 7}, True),
    ({"options": "root=a quiet ostree=/ostree/boot.1/os/b/3"}, True),
    ({"extra": "x-own 1\n"}, True),
    ({"bootcsum": "d" * 64}, False),
    ({"options": "root=b quiet ostree=/ostree/boot.0/os/b/0"}, False),
    ({"options": "quiet root=a ostree=/ostree/boot.0/os/b/0"}, False),
    ({"options": "ostree=/ostree/boot.0/os/b/0 root=a quiet"}, False),
    ({"options": ""}, False),
    ({"version": "2"}, False),
    ({"label": "mine"}, False),
    ({"version": None}, False),
    ({"stateroot": "other"}, False),
    ({"overlays": (ONE,)}, False),
]


@pytest.mark.parametrize(("changes", "same"), CHANGES)
def test_what_needs_a_swap(changes, same):
    assert same_configuration((item(),), (target(item(**changes)),)) is same


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ((ONE,), (ONE,), True),
        ((ONE, TWO), (TWO, ONE), False),
        ((ONE, TWO), (ONE,), False),
        ((ONE,), (TWO,), False),
    ],
)
def test_overlays_count_in_their_order(before, after, same):
    found = same_configuration((item(overlays=before),), (target(item(overlays=after)),))
    assert found is same


def test_lists_are_compared_place_by_place():
    first, second = item(), item(checksum="c" * 64, options="other")
    assert same_configuration((first, second), (target(first), target(second)))
    assert not same_configuration((first, second), (target(second), target(first)))
    assert not same_configuration((first,), (target(first), target(first)))
    assert not same_configuration((), (target(first),))
    assert same_configuration((), ())


def test_a_boot_link_counts_its_kernel_across_stateroots():
    items = (
        item(), item(stateroot="other"), item(bootcsum="d" * 64), item(checksum="c" * 64),
        item(bootcsum="d" * 64, stateroot="other"),
    )  # fmt: skip
    links = bootlinks(tuple(target(found) for found in items), 1)
    assert links == (
        Bootlink(1, "os", "b" * 64, 0),
        Bootlink(1, "other", "b" * 64, 1),
        Bootlink(1, "os", "d" * 64, 0),
        Bootlink(1, "os", "b" * 64, 2),
        Bootlink(1, "other", "d" * 64, 1),
    )


SWAPS = [
    # (boot version, its own M, the M of each boot.N on disk) → the new N.M
    (0, 0, (0, None), (1, 1)),
    (0, 1, (1, 0), (1, 1)),
    (0, 1, (1, 1), (1, 0)),
    (1, 1, (None, 1), (0, 1)),
    (1, 0, (1, 0), (0, 0)),
]


@pytest.mark.parametrize(("bootversion", "sub", "on_disk", "wanted"), SWAPS)
def test_a_swap_takes_the_other_version_and_the_other_half_of_it(bootversion, sub, on_disk, wanted):
    present = Sysroot(bootversion, sub, (item(),), RepoConfig())
    listing = BootListing(subbootversions=on_disk)
    todo = plan(present, (target(item(options="new")),), listing, NoLoader())
    assert (todo.swap, todo.bootversion, todo.subbootversion) == (True, *wanted)
    assert todo.result() == (
        "Bootloader updated; bootconfig swap: yes; "
        f"bootversion: boot.{wanted[0]}.{wanted[1]}, deployment count change: 0"
    )


@pytest.mark.parametrize("sub", [0, 1])
def test_equal_configurations_only_turn_the_halves(sub):
    present = Sysroot(1, sub, (item(),), RepoConfig())
    todo = plan(present, (target(item(checksum="c" * 64)),), BootListing(), NoLoader())
    assert (todo.swap, todo.bootversion, todo.subbootversion) == (False, 1, 1 - sub)
    assert todo.result() == (
        "Transaction complete; bootconfig swap: no; "
        f"bootversion: boot.1.{1 - sub}, deployment count change: 0"
    )
    assert not any(line.startswith("write boot/") for line in todo.describe())


def test_the_same_list_is_left_as_it_is():
    present = Sysroot(1, 1, (item(),), RepoConfig())
    todo = plan(present, (target(item()),), BootListing(), NoLoader())
    assert (todo.unchanged, todo.before, todo.result()) == (True, (), "")


@pytest.mark.parametrize("changes", [{"options": "new"}, {"checksum": "c" * 64}])
def test_the_link_of_old_versions_goes_with_a_new_list(changes):
    present = Sysroot(1, 1, (item(),), RepoConfig())
    listing = BootListing(current=("other", "os"))
    lines = plan(present, (target(item(**changes)),), listing, NoLoader()).describe()
    # That of a stateroot with nothing in the list says nothing about it.
    assert [line for line in lines if "current" in line] == ["remove ostree/deploy/os/current"]
