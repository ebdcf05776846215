"""A /usr of its own, which a deployment cannot have: its /usr is in the tree.

Mounted over it, another would hide the one that the deployment was made with.
"""

from prepare_root.errors import Failure, show
from prepare_root.formats import cmdline as kernel_cmdline

_DEVICES = (b"/dev/", b"UUID=", b"LABEL=", b"PARTUUID=", b"PARTLABEL=")


def refuse(cmdline: bytes, fstab: bytes | None) -> None:
    """Raises Failure where `mount.usr=`, or a line of the deployment's `fstab`, asks for one."""
    pairs = kernel_cmdline.parse(cmdline)
    if kernel_cmdline.has(pairs, b"mount.usr"):
        asked = kernel_cmdline.get(pairs, b"mount.usr") or b""
        raise _failure("mount.usr=" + show(asked), "take it off the kernel command line")
    line = None if fstab is None else _line(fstab)
    if line is not None:
        hint = "take the line out of etc/fstab of the deployment, or add noauto"
        raise _failure("fstab: " + show(line), hint)


def _line(fstab: bytes) -> bytes | None:
    """The line that mounts a device at /usr when the system starts; binds and overlays do not."""
    for line in fstab.split(b"\n"):
        fields = line.split()
        if len(fields) < 4 or not fields[0].startswith(_DEVICES):
            continue
        if fields[1].rstrip(b"/") == b"/usr" and b"noauto" not in fields[3].split(b","):
            return b" ".join(fields)
    return None


def _failure(subject: str, hint: str) -> Failure:
    return Failure("mount /usr", subject, "a deployment's /usr is its own", hint)
