"""The system-call module with libsodium in it, for the host's interpreter.

The static executable links libsodium; the host's own extension does without.  This one is for
tests that run the same Python code where it is quicker to look at.
"""

import importlib.machinery
import importlib.util
import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "prepare_root/sys/bootsys.c"
LIBRARIES = ("libsodium.so.23", "libsodium.so.26")


@cache
def directory() -> Path:
    """A directory that has the extension; skips the test where libsodium is not installed."""
    here = Path(mkdtemp(prefix="bootsys-sodium-"))
    headers = f"-I{sysconfig.get_path('include')}"
    for library in LIBRARIES:
        done = subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-DBOOTSYS_SODIUM", headers, str(SOURCE),
             "-o", str(here / "_bootsys.abi3.so"), "-lm", f"-l:{library}"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode == 0:
            return here
    pytest.skip(f"libsodium is not installed, or there is no compiler: {done.stderr[-200:]}")


@cache
def module() -> ModuleType:
    """The extension, beside the one that is loaded already."""
    path = str(directory() / "_bootsys.abi3.so")
    loader = importlib.machinery.ExtensionFileLoader("_bootsys", path)
    spec = importlib.util.spec_from_loader("_bootsys", loader)
    assert spec is not None
    found = importlib.util.module_from_spec(spec)
    loader.exec_module(found)
    return found
