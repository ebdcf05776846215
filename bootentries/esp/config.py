"""The group `[bootchain]` of the repository's configuration, as far as it is about the ESP.

libostree reads no group that it does not know, and fails for a `sysroot.bootloader` that it
does not know: so systemd-boot is not set there.
"""

from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.repo import REPO
from prepare_root.formats import FormatError, keyfile

GROUP = b"bootchain"
SDBOOT = "sdboot"
_LOADERS = (SDBOOT, "none")


@dataclass(frozen=True, slots=True)
class EspConfig:
    """`enabled` says that every write brings the partitions in step.

    `places` are directories, devices or `PARTUUID=…`; without any they are looked for.
    """

    enabled: bool = False
    places: tuple[str, ...] = ()


def parse_esp_config(data: bytes) -> EspConfig:
    """Return what a configuration says; raises FormatError that names the key."""
    parsed = keyfile.parse(data)
    loader = (parsed.string(GROUP, b"bootloader") or b"none").decode()
    if loader not in _LOADERS:
        raise FormatError(f"[bootchain] bootloader: {loader!r} is not one of {', '.join(_LOADERS)}")
    words = (parsed.string(GROUP, b"esp") or b"").decode().split(";")
    places = tuple(word.strip() for word in words if word.strip())
    return EspConfig(loader == SDBOOT, places)


def read_esp_config(root_fd: int) -> EspConfig:
    """Return what the sysroot's repository says; raises BootentriesError."""
    try:
        return parse_esp_config(fs.read_optional(root_fd, f"{REPO}/config") or b"")
    except OSError as error:
        raise from_os_error("read repository", error, f"{REPO}/config") from error
    except FormatError as error:
        raise BootentriesError("read repository", f"{REPO}/config", str(error)) from error
