"""The unit for hooks, word by word."""

from bootentries.hooks.stamp import STAMP
from bootentries.units.dropins import program
from bootentries.units.hooks import PATHS, hook_units

PLACE = "/usr/lib/python3/dist-packages"


def test_what_they_say():
    files = dict(hook_units((PLACE,)))
    assert tuple(files) == PATHS
    service = files["bootentries-hooks.service"]
    assert service.endswith(f"\nExecStart={program((PLACE,))} hooks run-pending\n")
    assert f"\nConditionPathExists=/{STAMP}\n" in service
    assert "\nRequiresMountsFor=/sysroot /boot\n" in service
    assert "[Install]" not in service
    wanted = files["multi-user.target.d/50-bootentries-hooks.conf"]
    assert wanted.endswith("[Unit]\nWants=bootentries-hooks.service\n")
