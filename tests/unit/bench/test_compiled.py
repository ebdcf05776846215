"""The C programs: they compile without a warning and are what the measurement needs."""

import ctypes
import subprocess
from pathlib import Path

import pytest

from bench import compiled
from bench.errors import BenchError


def test_floor_is_static_and_does_nothing(tmp_path: Path) -> None:
    program = compiled.floor(tmp_path)
    assert subprocess.run([program], check=False).returncode == 0
    headers = subprocess.run(["readelf", "-l", program], capture_output=True, text=True, check=True)
    assert "INTERP" not in headers.stdout


def test_end_is_static_and_starts_where_nothing_else_is(tmp_path: Path) -> None:
    program = compiled.end(tmp_path)
    address = compiled.entry_address(program.read_bytes())
    assert compiled.END_ADDRESS <= address < compiled.END_ADDRESS + 0x10000
    headers = subprocess.run(
        ["readelf", "-lh", program], capture_output=True, text=True, check=True
    )
    assert "EXEC (Executable file)" in headers.stdout
    assert "INTERP" not in headers.stdout
    assert f"Entry point address:               {address:#x}" in headers.stdout


def test_span_runs_a_command_and_has_its_status(tmp_path: Path) -> None:
    program = compiled.span(tmp_path)
    done = subprocess.run(
        [program, "sh", "-c", "echo said; exit 3"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, b"said\n")
    done = subprocess.run([program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (2, b"span: read arguments: no command given\n")
    sections = subprocess.run(
        ["readelf", "-SW", program], capture_output=True, text=True, check=True
    )
    for name, address in compiled.MARKS.items():
        assert f".mark_{name}" in sections.stdout
        assert f"{address:016x}" in sections.stdout


def test_end_is_the_same_each_time(tmp_path: Path) -> None:
    """The disk of a measurement is cached by it."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = (compiled.end(tmp_path / name).read_bytes() for name in ("a", "b"))
    assert one == other


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF\x01" + bytes(60)])
def test_not_a_program(data: bytes) -> None:
    with pytest.raises(BenchError, match=r"read program: .*: not a 64-bit ELF file"):
        compiled.entry_address(data)


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", 1),
        ("QEMU emulator version 8.2.1\nCopyright", 1),
        ("QEMU emulator version 9.0.0", 2),
        ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)", 2),
    ],
)
def test_api_version(banner: str, version: int) -> None:
    assert compiled.api_version(banner) == version


def test_a_banner_without_a_version_is_an_error() -> None:
    with pytest.raises(BenchError, match=r"read QEMU's version: .*: not in 'hello'"):
        compiled.api_version("hello")


def test_plugin_has_what_qemu_asks_for(tmp_path: Path) -> None:
    plugin = compiled.plugin(tmp_path)
    symbols = subprocess.run(["nm", "-D", plugin], capture_output=True, text=True, check=True)
    defined = {
        line.split()[2]
        for line in symbols.stdout.splitlines()
        if line.split()[1:2] in (["T"], ["D"])
    }
    assert defined == {"qemu_plugin_install", "qemu_plugin_version"}
    # Lazily bound, so that it loads outside QEMU, too.
    library = ctypes.CDLL(str(plugin), mode=1)
    assert ctypes.c_int.in_dll(library, "qemu_plugin_version").value in (1, 2)
