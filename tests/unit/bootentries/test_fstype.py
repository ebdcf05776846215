"""The type of a filesystem, by the kernel's mount table."""

import os
import subprocess

import pytest

from bootentries.fstype import filesystem_type, type_of_mount

TABLE = (
    "22 27 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
    "27 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"
    "127 27 8:1 / /boot rw - vfat /dev/sda1 rw,fmask=0022\n"
    "128 27 8:3 / /a\\040b rw master:3 propagate_from:2 - fuse.some\\040thing dev rw\n"
)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(22, "sysfs"), (27, "ext4"), (127, "vfat"), (128, "fuse.some\\040thing"), (7, None)],
)
def test_the_table(number, kind):
    assert type_of_mount(number, TABLE) == kind


def test_a_cut_table_has_no_type():
    assert type_of_mount(27, TABLE.partition(" - ")[0]) is None


@pytest.mark.parametrize("path", ["/proc", "/", "/dev/shm"])
def test_it_is_what_findmnt_says(path):
    said = subprocess.run(
        ["findmnt", "--noheadings", "--first-only", "--output=FSTYPE", "--target", path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert filesystem_type(fd) == said.stdout.strip()
    finally:
        os.close(fd)


def test_nothing_open_has_no_type():
    assert filesystem_type(987654) is None
