"""Boot parts that come in Debian packages, taken from a named suite without installing them.

A newer OVMF than the host's starts three times as fast; systemd-boot's package is not on
every host.
"""

import shutil
from pathlib import Path

from bootvm.firmware import cache_directory
from guest import cache
from guest.shell import run, say, step

SUITE = "trixie"


def unpacked(package: str, suite: str = SUITE) -> Path:
    """The contents of `package` (with its dependencies), from the cache or fetched now."""
    place = cache.root() / f"package-{suite}-{package}"

    def build(unfinished: Path) -> None:
        with step(f"package: fetching {package} of {suite}"):
            run(["mmdebstrap", "--variant=extract", f"--include={package}", suite, unfinished])

    if place.exists():
        say(f"package: reusing {place}")
    return cache.obtain(place, build)


def systemd_boot(suite: str = SUITE) -> Path:
    """The EFI program of systemd-boot."""
    return unpacked("systemd-boot-efi", suite) / "usr/lib/systemd/boot/efi/systemd-bootx64.efi"


def provide_ovmf(suite: str = SUITE) -> Path:
    """Puts the suite's OVMF where `bootvm` looks first; returns that directory."""
    place = cache_directory() / "ovmf"
    source = unpacked("ovmf", suite) / "usr/share/OVMF"

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        for name in ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"):
            shutil.copyfile(source / name, unfinished / name)

    return cache.obtain(place, build)
