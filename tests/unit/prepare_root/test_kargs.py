"""What the kernel command line asks of /init."""

import pytest

from prepare_root import kargs
from prepare_root.errors import Failure

DEFAULTS = {
    "delay": 0.0,
    "flags": b"",
    "fstype": b"",
    "init": b"",
    "readonly": True,
    "root": b"",
    "wait": kargs.DEFAULT_WAIT_S,
}


def fields(found):
    return {name: getattr(found, name) for name in kargs.RootArguments.__slots__}


@pytest.mark.parametrize(
    ("cmdline", "changed"),
    [
        (b"", {}),
        (b"quiet splash", {}),
        (b"root=UUID=1", {"root": b"UUID=1"}),
        (b"root=/dev/sda root=/dev/sdb", {"root": b"/dev/sdb"}),
        (b'root="LABEL=my root"', {"root": b"LABEL=my root"}),
        (b"rootfstype=ext4,xfs", {"fstype": b"ext4,xfs"}),
        (b"rootflags=subvol=a,noatime", {"flags": b"subvol=a,noatime"}),
        (b"init=/bin/sh", {"init": b"/bin/sh"}),
        (b"rw", {"readonly": False}),
        (b"ro rw", {"readonly": False}),
        (b"rw ro", {"readonly": True}),
        (b"rw=1", {}),
        (b"rootdelay=3", {"delay": 3.0}),
        (b"rootdelay", {}),
        (b"rootwait", {"wait": kargs.FOREVER}),
        (b"rootwait=7", {"wait": 7.0}),
        (b"rootwait=0", {"wait": 0.0}),
        (b"rootwait=5 rootwait", {"wait": kargs.FOREVER}),
        (b"root=\xff", {"root": b"\xff"}),
    ],
)
def test_parse(cmdline, changed):
    assert fields(kargs.parse(cmdline)) == DEFAULTS | changed


@pytest.mark.parametrize("key", ["rootdelay", "rootwait"])
@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "1000000", "\x1b"])
def test_no_number_of_seconds(key, value):
    with pytest.raises(Failure) as caught:
        kargs.parse(f"{key}={value}".encode())
    shown = value.replace("\x1b", "\\x1b")
    assert str(caught.value) == (
        f"read kernel command line: {key}: '{shown}' is not a number of seconds"
    )
