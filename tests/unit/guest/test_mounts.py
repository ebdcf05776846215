"""Mount tables of guests: what is compared, what is not, and that a difference is seen."""

import re

import pytest

from guest import mounts

MEMORY_KIB = 1_000_000
DISK = "ext4 /dev/vda2 rw"
BOOT = [
    "28 1 254:2 /deploy/a.0 / rw,relatime shared:1 - " + DISK,
    "29 28 254:2 /boot /boot rw,relatime shared:2 - " + DISK,
    "31 28 254:2 /deploy/a.0/usr /usr ro,relatime shared:4 - " + DISK,
    "32 28 254:2 / /sysroot ro,relatime shared:5 - " + DISK,
    "27 32 254:2 /var /sysroot/var rw,relatime shared:6 - " + DISK,
    "50 28 254:2 /var /var rw,relatime shared:57 master:6 - " + DISK,
    "26 28 0:23 / /run rw,nosuid shared:16 - tmpfs tmpfs rw,size=200000k,nr_inodes=819200,mode=755",
    "45 28 0:33 / /tmp rw,nosuid shared:23 - tmpfs tmpfs rw,nr_inodes=1048576",
    "40 28 0:30 / /misc rw shared:18 - autofs systemd-1 rw,fd=37,pgrp=1,timeout=0,pipe_ino=14",
    "52 40 0:37 / /misc rw,nosuid shared:58 - binfmt_misc binfmt_misc rw",
]
# The same machine booted another way: other numbers, another order, less memory.
AGAIN = [
    "48 69 254:2 / /sysroot ro,relatime shared:9 - " + DISK,
    "69 1 254:2 /deploy/a.0 / rw,relatime shared:1 - " + DISK,
    "70 69 254:2 /boot /boot rw,relatime shared:3 - " + DISK,
    "72 69 254:2 /deploy/a.0/usr /usr ro,relatime shared:4 - " + DISK,
    "73 48 254:2 /var /sysroot/var rw,relatime shared:7 - " + DISK,
    "34 69 254:2 /var /var rw,relatime shared:60 master:7 - " + DISK,
    "44 69 0:25 / /run rw,nosuid shared:16 - tmpfs tmpfs rw,size=197000k,nr_inodes=819200,mode=755",
    "30 69 0:40 / /tmp rw,nosuid shared:24 - tmpfs tmpfs rw,size=495448k,nr_inodes=1048576",
    "23 69 0:31 / /misc rw shared:18 - autofs systemd-1 rw,fd=32,pgrp=1,timeout=0,pipe_ino=21",
    "33 23 0:38 / /misc rw,nosuid shared:61 - binfmt_misc binfmt_misc rw",
]


def table(lines: list[str], passing: str = "") -> list[mounts.Mount]:
    return mounts.table("\n".join(lines), MEMORY_KIB, re.compile(passing) if passing else None)


def test_equal_but_for_numbers() -> None:
    assert table(BOOT) == table(AGAIN)
    assert mounts.differences(table(BOOT), table(AGAIN)) == []


@pytest.mark.parametrize(
    ("old", "new", "point"),
    [
        ("/usr ro,", "/usr rw,", "/usr"),
        ("/usr ro,relatime", "/usr ro,noatime", "/usr"),
        ("/usr ro,relatime shared:4", "/usr ro,relatime", "/usr"),
        ("/deploy/a.0/usr", "/deploy/b.0/usr", "/usr"),
        ("254:2 /boot", "254:3 /boot", "/boot"),
        ("0:33", "254:33", "/tmp"),
        ("/var /sysroot/var rw,relatime shared:6", "/var /sysroot/var rw,relatime", "/var"),
        ("shared:57 master:6", "shared:57", "/var"),
        ("shared:57 master:6", "shared:57 master:2", "/var"),
        ("shared:57 master:6", "master:6", "/var"),
        ("shared:57 master:6", "shared:57 master:99", "/var"),
        ("27 32", "27 28", "/sysroot/var"),
        ("52 40", "52 28", "/misc"),
        ("size=200000k", "size=500000k", "/run"),
        ("size=200000k,", "", "/run"),
        ("nr_inodes=819200", "nr_inodes=1024", "/run"),
        ("mode=755", "mode=700", "/run"),
        ("timeout=0", "timeout=9", "/misc"),
        ("29 28 254:2 /boot /boot", "29 28 254:2 /boot /boot2", "/boot"),
        ("ext4 /dev/vda2 rw", "ext4 /dev/vda2 rw,errors=remount-ro", "/boot"),
    ],
)
def test_a_difference_is_seen(old: str, new: str, point: str) -> None:
    text = "\n".join(BOOT)
    assert old in text
    found = mounts.differences(table(AGAIN), table(text.replace(old, new, 1).splitlines()))
    if "errors=" in new:
        point = "/"  # the first line of the disk
    assert any(line.split(" ")[1] == point for line in found), found


def test_a_missing_mount_is_seen() -> None:
    (line,) = mounts.differences(table(BOOT), table(BOOT[:1] + BOOT[2:]))
    assert line == ("- /boot under /: ext4 /dev/vda2 254:2 root /boot, rw,relatime; rw; shared")
    (line,) = mounts.differences(table(BOOT[:-1]), table(BOOT))
    assert line.startswith("+ /misc (over 1) under /misc: binfmt_misc ")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ("rw,size=1024k,nr_inodes=1024", "rw,size=1024k,nr_inodes=1024"),
        ("rw,size=4096k", "rw,size=4096k"),
        ("rw,size=200000k", "rw,size=20%"),
        ("rw,size=190000k", "rw,size=20%"),
        ("rw,size=100000k", "rw,size=10%"),
        ("rw,size=490000k", "rw"),  # the kernel's default
        ("rw,nr_inodes=121372", "rw"),  # the same: one for every second page
        ("rw,nr_inodes=819200", "rw,nr_inodes=819200"),
    ],
)
def test_limits_by_memory(options: str, shown: str) -> None:
    (mount,) = table([f"26 1 0:23 / /run rw shared:16 - tmpfs tmpfs {options}"])
    assert mount.super_options == shown
    (mount,) = table([f"26 1 0:23 / /run rw shared:16 - ext4 /dev/vda {options}"])
    assert mount.super_options == options


@pytest.mark.parametrize(
    ("tags", "propagation"),
    [
        ("", "private"),
        ("shared:1 ", "shared"),
        ("master:7 ", "slave of a mount out of sight"),
        ("unbindable ", "unbindable"),
    ],
)
def test_propagation(tags: str, propagation: str) -> None:
    (mount,) = table([f"26 1 0:23 / / rw {tags}- tmpfs tmpfs rw"])
    assert mount.propagation == propagation


def test_passing_points_are_left_out_as_a_whole() -> None:
    points = {mount.point for mount in table(BOOT, passing="/(boot|usr|sys)")}
    assert "/boot" not in points
    assert {"/sysroot", "/var"} <= points
