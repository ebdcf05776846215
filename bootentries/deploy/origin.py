"""The origin file of a new deployment: the bytes that libostree would write."""

from bootentries import fs
from bootentries.deploy.label import Labels
from bootentries.errors import BootentriesError
from bootentries.origin import parse
from bootentries.root import Root
from prepare_root.formats import FormatError, keyfile

# libostree labels every origin like a file of this name.
_LABEL_PATH = "/etc/ostree/remotes.d/dummy.conf"


def normal_origin(data: bytes, where: str) -> bytes:
    """Return a key file as GLib writes it: groups apart by a blank line, no comments.

    Raises BootentriesError about `where` when it cannot be read.
    """
    return _format(_groups(data, where))


def upgraded_origin(data: bytes, where: str, override: str | None) -> bytes:
    """Return the origin of the deployment that follows one with the origin `data`.

    What belonged to the old deployment alone is left out; `override` is the commit that was
    chosen instead of the newest one.
    """
    groups = _groups(data, where)
    groups.pop(b"libostree-transient", None)
    origin = groups.setdefault(b"origin", {})
    origin.pop(b"override-commit", None)
    origin.pop(b"unlocked", None)
    if override is not None:
        origin[b"override-commit"] = override.encode()
    return _format(groups)


def unlocked_origin(data: bytes, where: str) -> bytes:
    """Return the origin of a deployment whose /usr stays writable over reboots."""
    groups = _groups(data, where)
    groups.setdefault(b"origin", {})[b"unlocked"] = b"hotfix"
    return _format(groups)


def _groups(data: bytes, where: str) -> dict[bytes, dict[bytes, bytes]]:
    try:
        groups = keyfile.parse(data).groups
        parse(data)
    except FormatError as error:
        raise BootentriesError("read origin", where, str(error)) from error
    return {
        group: {key: value for key, (value, _) in keys.items()} for group, keys in groups.items()
    }


def _format(groups: dict[bytes, dict[bytes, bytes]]) -> bytes:
    blocks = []
    for group, keys in groups.items():
        lines = [b"%s=%s\n" % (key, value) for key, value in keys.items()]
        blocks.append(b"[%s]\n%s" % (group, b"".join(lines)))
    return b"\n".join(blocks)


def write_origin(root: Root, path: str, data: bytes, labels: Labels | None) -> None:
    """Write the origin of the deployment at `path`, beside it."""
    fs.write_file(root.fd, f"{path}.origin", data)
    if labels is not None:
        with fs.parent(root.fd, f"{path}.origin") as (fd, name):
            labels.label(fd, name, _LABEL_PATH)
