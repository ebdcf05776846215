"""Which mounts a booted root wants writable."""

import pytest

from prepare_root.formats.booted import BootedMetadata
from prepare_root.remount import wanted

CASES = [
    ({}, False, ((b"/sysroot", True), (b"/var", True))),
    ({"sysroot_ro": True}, False, ((b"/sysroot", False), (b"/etc", True), (b"/var", True))),
    ({"sysroot_ro": True, "transient_etc": b"/run/x"}, False,
     ((b"/sysroot", False), (b"/var", True))),
    ({}, True, ()),
    ({"sysroot_ro": True}, True, ()),
    ({"composefs": False}, True, ()),
    ({"composefs": True, "sysroot_ro": True}, True,
     ((b"/sysroot", False), (b"/etc", True), (b"/var", True))),
]  # fmt: skip


@pytest.mark.parametrize(("booted", "root_readonly", "expected"), CASES)
def test_wanted(booted, root_readonly, expected):
    assert wanted(BootedMetadata(**booted), root_readonly=root_readonly) == expected


def test_an_empty_file_says_only_booted():
    assert wanted(BootedMetadata.decode(b""), root_readonly=False)[0] == (b"/sysroot", True)
