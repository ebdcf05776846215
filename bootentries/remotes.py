"""The remotes of the sysroot's repository: whether and how their commits are to be signed.

They stand in groups `[remote "NAME"]` of the repository's configuration, and of the files in
`etc/ostree/remotes.d` (ostree(5) of libostree calls them its remotes configuration).
"""

from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.repo import REPO
from prepare_root.formats import FormatError, keyfile

_DIRECTORY = "etc/ostree/remotes.d"


@dataclass(frozen=True, slots=True)
class Remote:
    """What a remote asks for: GPG signatures, and those of other kinds (`sign-verify`)."""

    name: str
    gpg_verify: bool = True
    sign_verify: bool = False


def read_remote(root_fd: int, name: str) -> Remote | None:
    """Return the remote of this name, None when there is none; raises BootentriesError."""
    group = f'remote "{name}"'.encode()
    for place in (f"{REPO}/config", *_configured(root_fd)):
        try:
            data = fs.read_optional(root_fd, place)
            parsed = None if data is None else keyfile.parse(data)
            if parsed is None or group not in parsed.groups:
                continue
            sign = (parsed.string(group, b"sign-verify") or b"false").strip()
            gpg = parsed.boolean(group, b"gpg-verify")
            return Remote(name, gpg is not False, sign not in (b"false", b"0", b""))
        except FormatError as error:
            raise BootentriesError("read remote", place, str(error)) from error
        except OSError as error:
            raise from_os_error("read remote", error, place) from error
    return None


def _configured(root_fd: int) -> list[str]:
    names = fs.list_optional(root_fd, _DIRECTORY) or []
    return [f"{_DIRECTORY}/{name}" for name in sorted(names) if name.endswith(".conf")]
