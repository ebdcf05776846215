"""The proof, against real ELF files that each fail one check."""

import subprocess
from pathlib import Path

import pytest

from prepare_root.image import proof, toolchain
from prepare_root.image.errors import ImageError

PLAIN = "int main(void) { return 0; }"
DLOPEN = "#include <dlfcn.h>\nint main(int c, char **v) { return dlopen(v[0], c) != 0; }"
NSS = "#include <pwd.h>\nint main(int c, char **v) { return c && getpwnam(v[0]) != 0; }"
ICONV = "#include <iconv.h>\nint main(int c, char **v) { return c && iconv_open(v[0], v[0]) != 0; }"

RANDOM = """
void randombytes_buf(void) {}
int sodium_init(void) { randombytes_buf(); return 0; }
int main(void) { return sodium_init(); }
"""
SNAPSHOT = """
static void *choose(void) { return 0; }
void function(void) __attribute__((ifunc("choose")));
__attribute__((section(".snapshot"))) void (*pointer)(void) = function;
void _start(void) { for (;;) pointer(); }
"""


def compiled(directory: Path, source: str, *flags: str) -> Path:
    (directory / "program.c").write_text(source)
    subprocess.run(
        ["gcc", "program.c", "-o", "program", "-w", *flags],
        cwd=directory,
        check=True,
        capture_output=True,
    )
    return directory / "program"


@pytest.mark.parametrize(
    ("source", "flags", "reason"),
    [
        pytest.param(PLAIN, (), r"has a program interpreter \(PT_INTERP\)", id="interpreter"),
        pytest.param(
            PLAIN,
            ("-shared", "-fPIC", "-Wl,--no-as-needed", "-lc"),
            "needs the shared library libc.so.6",
            id="library",
        ),
        pytest.param(
            "int data = 1; void _start(void) { data = 2; for (;;) ; }",
            ("-static", "-nostdlib", "-Wl,--omagic"),
            "has a writable and executable segment at 0x",
            id="wx",
        ),
        pytest.param(PLAIN, ("-static", "-zexecstack"), "has an executable stack", id="stack"),
        pytest.param(PLAIN, ("-static", "-s"), "has no symbol table to look at", id="stripped"),
        pytest.param(PLAIN, ("-c",), r"is no executable \(ET_REL\)", id="object"),
        pytest.param(DLOPEN, ("-static",), r"links .*\bdlopen\b", id="dlopen"),
        pytest.param(NSS, ("-static",), r"links .*\bgetpwnam\b", id="nss"),
        pytest.param(ICONV, ("-static",), r"links .*\biconv_open\b", id="iconv"),
        pytest.param(RANDOM, ("-static",), r"links .*\brandombytes_buf, sodium_init", id="random"),
        pytest.param(
            SNAPSHOT,
            ("-static", "-no-pie", "-nostdlib", "-Wl,-znoexecstack"),
            "relocates 0x[0-9a-f]+ in the snapshot at start",
            id="snapshot",
        ),
    ],
)
def test_refused(tmp_path: Path, source: str, flags: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ImageError, match=f"^prove executable: program: {reason}"):
        proof.check(compiled(tmp_path, source, *flags))


def test_no_elf(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("#!/bin/sh\n")
    with pytest.raises(ImageError, match=r"^prove executable: program: not an ELF file: "):
        proof.check(tmp_path / "program")


def test_a_libc_program_without_locale_passes(tmp_path: Path) -> None:
    """What the checks accept, and that a fixed address is noted; nothing but start-up code."""
    source = "void _start(void) { for (;;) ; }"
    program = compiled(tmp_path, source, "-static", "-nostdlib", "-no-pie", "-Wl,-znoexecstack")
    assert proof.check(program) == ("fixed load address (ET_EXEC)",)


def test_position_independent_needs_no_note(tmp_path: Path) -> None:
    source = "void _start(void) { for (;;) ; }"
    program = compiled(tmp_path, source, "-static-pie", "-fPIE", "-nostdlib", "-Wl,-znoexecstack")
    assert proof.check(program) == ()


def test_size(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(bytes(101))
    assert proof.check_size(file, 101) == 101
    with pytest.raises(
        ImageError, match=r"^prove executable: program: 101 bytes, over the budget of 100$"
    ):
        proof.check_size(file, 100)


def test_budgets() -> None:
    assert proof.budget((3, 11)) == 4 * 1024 * 1024
    assert set(proof.BUDGETS) == set(toolchain.SUPPORTED)
