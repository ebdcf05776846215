"""Where OVMF is: an explicit directory, a newer one in the cache, or Debian's package."""

import os
from pathlib import Path

from bootvm.errors import BootvmError

SYSTEM = Path("/usr/share/OVMF")
VARIABLE = "BOOTVM_OVMF"
_PAIRS = (("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd"))


def cache_directory() -> Path:
    """bootvm's part of the cache; created when missing."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    path = (Path(base) if base else Path.home() / ".cache") / "bootchain" / "bootvm"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _pair(directory: Path) -> tuple[Path, Path] | None:
    for code, variables in _PAIRS:
        if (directory / code).is_file() and (directory / variables).is_file():
            return directory / code, directory / variables
    return None


def find() -> tuple[Path, Path]:
    """The code and variable images; raises BootvmError when there are none."""
    named = os.environ.get(VARIABLE)
    if named:
        found = _pair(Path(named))
        if found is None:
            raise BootvmError("find firmware", named, f"no {_PAIRS[0][0]} there (from {VARIABLE})")
        return found
    for directory in (cache_directory() / "ovmf", SYSTEM):
        found = _pair(directory)
        if found:
            return found
    raise BootvmError("find firmware", SYSTEM, "no OVMF", "install the Debian package ovmf")
