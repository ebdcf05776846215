"""Errors say all they know, to a person and in a test's traceback."""

import traceback

import pytest

from bootvm.errors import BootvmError


@pytest.mark.parametrize("hint", ["", "ext4: checksumming directory block 0"])
def test_a_traceback_shows_the_hint(hint: str) -> None:
    error = BootvmError("in the guest", "true", "status 126", hint)
    shown = "".join(traceback.format_exception_only(error)).splitlines()
    assert shown[0] == "bootvm.errors.BootvmError: in the guest: true: status 126"
    assert shown[1:] == hint.splitlines()
