"""What asks for a /usr of its own, and what only looks like it."""

import pytest

from prepare_root import separateusr
from prepare_root.errors import Failure


@pytest.mark.parametrize(
    ("cmdline", "fstab", "text"),
    [
        (b"ro mount.usr=LABEL=usr", None, "mount.usr=LABEL=usr"),
        (b"mount.usr", None, "mount.usr="),
        (b"", b"LABEL=usr /usr ext4 defaults 0 2\n", "fstab: LABEL=usr /usr ext4 defaults 0 2"),
        (b"", b"# x\n\n/dev/vda3\t/usr/  ext4 ro\n", "fstab: /dev/vda3 /usr/ ext4 ro"),
        (b"", b"UUID=\x1b /usr ext4 ro", "fstab: UUID=\\x1b /usr ext4 ro"),
    ],
)
def test_refused(cmdline, fstab, text):
    with pytest.raises(Failure) as caught:
        separateusr.refuse(cmdline, fstab)
    assert str(caught.value) == f"mount /usr: {text}: a deployment's /usr is its own"
    where = "kernel command line" if fstab is None else "out of etc/fstab"
    assert where in caught.value.hint


@pytest.mark.parametrize(
    "fstab",
    [
        None,
        b"",
        b"#LABEL=usr /usr ext4 defaults 0 2",
        b"LABEL=usr /usr ext4 noauto,ro 0 2",
        b"LABEL=usr /usr/local ext4 defaults 0 2",
        b"/usr /usr none bind,ro 0 0",
        b"overlay /usr overlay lowerdir=/usr:/x 0 0",
        b"LABEL=usr /usr",
    ],
)
def test_not_asked_for(fstab):
    separateusr.refuse(b"ro root=LABEL=usr mount.usrflags=ro", fstab)
