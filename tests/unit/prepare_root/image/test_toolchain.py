"""What the build asks for, and how it says what is missing."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prepare_root.image import toolchain
from prepare_root.image.errors import ImageError


@pytest.fixture(scope="module")
def python() -> toolchain.Python:
    return toolchain.find_python()


def test_the_running_interpreter_answers_for_itself() -> None:
    told = toolchain.ask(Path(sys.executable))
    assert told.version == sys.version_info[:2]
    assert told.release == sys.version.split()[0]


def test_found_is_supported_and_there(python: toolchain.Python) -> None:
    assert python.version in toolchain.SUPPORTED
    assert python.library.read_bytes()[:8] == b"!<arch>\n"


@pytest.mark.parametrize("version", [(3, 10), (3, 12), (3, 14)])
def test_other_versions(python: toolchain.Python, version: tuple[int, int]) -> None:
    other = dataclasses.replace(python, version=version, release=f"{version[0]}.{version[1]}.1")
    with pytest.raises(ImageError) as caught:
        toolchain.check(other)
    assert str(caught.value).endswith(
        f": Python {other.release} is not supported for the static executable"
    )
    assert caught.value.hint == "use Python 3.11 or 3.13 with --python"


@pytest.mark.parametrize("part", ["library", "include"])
def test_missing_part_names_the_package(
    python: toolchain.Python, tmp_path: Path, part: str
) -> None:
    gone = dataclasses.replace(python, **{part: tmp_path / "gone"})
    with pytest.raises(ImageError, match=r"^choose interpreter: .*/gone.*: file not found$") as at:
        toolchain.check(gone)
    assert at.value.hint == f"install the Debian package {python.package}"
    assert python.package in ("libpython3.11-dev", "libpython3.13-dev")


def test_no_interpreter(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^ask interpreter: .*/gone: No such file or directory$"):
        toolchain.find_python(tmp_path / "gone")


def test_mute_interpreter() -> None:
    with pytest.raises(ImageError, match=r"^ask interpreter: /bin/true: gave no answer$"):
        toolchain.find_python(Path("/bin/true"))


def test_compiler() -> None:
    compiler = toolchain.find_compiler()
    assert compiler.libc == os.confstr("CS_GNU_LIBC_VERSION").split()[1]  # type: ignore[union-attr]
    said = subprocess.run(["gcc", "--version"], capture_output=True, check=True).stdout.decode()
    assert compiler.release in said


def test_no_compiler() -> None:
    with pytest.raises(ImageError, match=r"^find compiler: gcc-0: program not found$") as caught:
        toolchain.find_compiler("gcc-0")
    assert caught.value.hint == "install the Debian package gcc"


def test_no_static_libc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that knows no libc.a answers with the bare name."""
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\necho "${1#-print-file-name=}"\n')
    compiler.chmod(0o755)
    monkeypatch.setattr("prepare_root.image.run.SEARCH", (str(tmp_path), "/usr/bin", "/bin"))
    with pytest.raises(ImageError, match=r"^find compiler: libc.a: file not found$") as caught:
        toolchain.find_compiler("cc")
    assert caught.value.hint == "install the Debian package libc6-dev"


def test_elf_reader_is_here() -> None:
    toolchain.find_elf_reader()


def test_no_elf_reader() -> None:
    """In an interpreter that sees the checkout and the standard library only."""
    code = (
        "from prepare_root.image import toolchain\n"
        "from prepare_root.image.errors import ImageError\n"
        "try: toolchain.find_elf_reader()\n"
        "except ImageError as error: print(error, error.hint, sep='|', end='')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=Path(toolchain.__file__).resolve().parents[2],
        env={"PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout == (
        "find module: elftools: not installed"
        "|install the Debian package python3-pyelftools, or bootchain[image] by pip"
    )
