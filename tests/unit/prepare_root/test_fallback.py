"""Where the fallback looks, and where it never does."""

import os

import pytest

from prepare_root import fallback, target
from prepare_root.errors import Failure

SUMS = {name: name * 64 for name in "abcd"}
KERNEL = "1" * 64
OTHER_KERNEL = "2" * 64
LINK = f"/ostree/boot.1/os/{KERNEL}/0"
CAUSE = Failure("find deployment", LINK, "no such link")
RELEASE = os.uname().release


@pytest.fixture
def sysroot(tmp_path):
    return tmp_path


def deployment(sysroot, letter, stateroot="os", release=""):
    path = f"ostree/deploy/{stateroot}/deploy/{SUMS[letter]}.0"
    (sysroot / path / "usr/lib/modules" / (release or "0")).mkdir(parents=True)
    return path


def bootlink(sysroot, boot, path, serial="0", *, kernel=KERNEL, stateroot="os"):
    link = sysroot / "ostree" / boot / stateroot / kernel / serial
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("../" * 3 + path.removeprefix("ostree/"))


def found(sysroot, link=LINK):
    return fallback.find(bytes(sysroot), link.encode(), CAUSE)


def test_the_same_place_of_the_other_boot_comes_first(sysroot, capfd):
    for letter, boot, serial in (("a", "boot.0", "1"), ("b", "boot.0", "0"), ("c", "boot.1", "1")):
        bootlink(sysroot, boot, deployment(sysroot, letter), serial)
    one = found(sysroot)
    assert one.path.decode() == f"ostree/deploy/os/deploy/{SUMS['b']}.0"
    assert (one.link, one.instead) == (LINK.encode(), "no such link")
    lines = capfd.readouterr().err.splitlines()
    assert lines == [
        f"prepare-root: find deployment: {LINK}: no such link",
        f"prepare-root: fallback: booting {one.path.decode()} instead, which may be another commit",
    ]


def test_a_link_of_an_efi_partition_leads_to_the_lists_own(sysroot):
    path = deployment(sysroot, "a")
    bootlink(sysroot, "boot.0", path, "0")
    assert found(sysroot, f"/ostree/boot-0/os/{KERNEL}/7").path.decode() == path


# (where bootlinks are, who is found): each is the first of the order that is there
ORDER = [
    ({"boot.0": "1", "boot.1": "1"}, "boot.0"),
    ({"boot.1": "1", "boot.0.1": "0"}, "boot.1"),
    ({"boot.0.1": "0", "boot.1.1": "0"}, "boot.0.1"),
    ({"boot.1.1": "7"}, "boot.1.1"),
]


@pytest.mark.parametrize(("links", "first"), ORDER)
def test_any_link_of_the_same_kernel_will_do(sysroot, links, first):
    made = {}
    for letter, (boot, serial) in zip("abcd", links.items(), strict=False):
        made[boot] = deployment(sysroot, letter)
        bootlink(sysroot, boot, made[boot], serial)
    assert found(sysroot).path.decode() == made[first]


def test_a_broken_link_is_passed_over(sysroot):
    bootlink(sysroot, "boot.0", "ostree/deploy/os/deploy/gone.0")
    bootlink(sysroot, "boot.0", deployment(sysroot, "a"), "1")
    assert SUMS["a"].encode() in found(sysroot).path


def test_a_link_beats_the_modules_and_the_modules_beat_nothing(sysroot):
    deployment(sysroot, "a", release=RELEASE)
    assert SUMS["a"].encode() in found(sysroot).path
    bootlink(sysroot, "boot.0", deployment(sysroot, "b"))
    assert SUMS["b"].encode() in found(sysroot).path


def nothing(sysroot):
    deployment(sysroot, "a")


def another_kernel(sysroot):
    bootlink(sysroot, "boot.0", deployment(sysroot, "a"), kernel=OTHER_KERNEL)


def another_stateroot(sysroot):
    path = deployment(sysroot, "a", stateroot="else", release=RELEASE)
    bootlink(sysroot, "boot.0", path, stateroot="else")


def led_to_another_stateroot(sysroot):
    bootlink(sysroot, "boot.0", deployment(sysroot, "a", stateroot="else", release=RELEASE))


def outside(sysroot):
    (sysroot / "ostree/boot.0/os" / KERNEL).mkdir(parents=True)
    (sysroot / f"ostree/boot.0/os/{KERNEL}/0").symlink_to("/usr")


def not_a_link(sysroot):
    (sysroot / f"ostree/boot.0/os/{KERNEL}/0").mkdir(parents=True)


@pytest.mark.parametrize(
    "make",
    [nothing, another_kernel, another_stateroot, led_to_another_stateroot, outside, not_a_link],
)
def test_the_first_error_stays(sysroot, make, capfd):
    make(sysroot)
    with pytest.raises(Failure) as caught:
        found(sysroot)
    assert caught.value is CAUSE
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "link",
    ["/ostree/root.a", "/x", "", f"/ostree/boot.2/os/{KERNEL}/0", f"/ostree/boot.1/../{KERNEL}/0",
     f"/ostree/boot.1/os/{KERNEL}", f"/boot/boot.1/os/{KERNEL}/0", f"/ostree/boot.1//{KERNEL}/0"],
)  # fmt: skip
def test_only_bootlinks_have_a_fallback(sysroot, link):
    bootlink(sysroot, "boot.0", deployment(sysroot, "a", release=RELEASE))
    assert fallback.parse(link.encode()) is None
    with pytest.raises(Failure):
        found(sysroot, link)


def test_nothing_is_written(sysroot):
    bootlink(sysroot, "boot.0", deployment(sysroot, "a"))
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in sysroot.rglob("*"))
    found(sysroot)
    assert sorted((str(path), path.lstat().st_mtime_ns) for path in sysroot.rglob("*")) == before


def test_a_link_that_leads_somewhere_has_no_fallback(sysroot):
    path = deployment(sysroot, "a")
    bootlink(sysroot, "boot.1", path)
    assert target.follow(bytes(sysroot), LINK.encode()).instead == ""
