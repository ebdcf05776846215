"""The kernel arguments of a new deployment."""

import pytest

from bootentries.deploy.options import KargOptions
from bootentries.errors import BootentriesError

MERGE = "root=UUID=abc quiet ostree=/ostree/boot.0/os/x/0 console=a console=b"
PROC = "BOOT_IMAGE=/vmlinuz initrd=/i root=/dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (KargOptions(), MERGE),
        (KargOptions(none=True), ""),
        (KargOptions(proc_cmdline=True), "root=/dev/sda1 rw"),
        (KargOptions(none=True, replace=("a=1", "a=2"), append=("a=3 b",)), "a=2 a=3 b"),
        (KargOptions(proc_cmdline=True, replace=("root=x",)), "root=x rw"),
        (
            KargOptions(replace=("console=c",), delete=("quiet", "nosuch", "nosuch=1")),
            "root=UUID=abc ostree=/ostree/boot.0/os/x/0 console=c",
        ),
        # Replaced first, then appended, then deleted.
        (KargOptions(none=True, append=("x=2",), replace=("x=1",), delete=("x=1",)), "x=2"),
        # A value with blanks is one argument for --karg, and several for --karg-append.
        (KargOptions(none=True, replace=("a=b c",)), "a=b c"),
        (KargOptions(none=True, append=('a="b c" d',), delete=('a="b c"',)), "d"),
    ],
)
def test_what_comes_out(options, expected):
    assert options.apply(MERGE, PROC) == expected


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (KargOptions(delete=("root=other",)), "delete kernel argument: root=other"),
        (KargOptions(delete=("console",)), "'console' has several values, name one"),
        (KargOptions(none=True, proc_cmdline=True), "--karg-none: excludes --karg-proc-cmdline"),
    ],
)
def test_what_cannot_be(options, text):
    with pytest.raises(BootentriesError, match=text):
        options.apply(MERGE, PROC)
