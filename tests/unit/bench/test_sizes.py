"""What ldd prints, and sums over real files."""

from pathlib import Path

import pytest

from bench import sizes

LISTING = """\
\tlinux-vdso.so.1 (0x00007ffd0a1f2000)
\tlibostree-1.so.1 => /lib/x86_64-linux-gnu/libostree-1.so.1 (0x00007f1d3a200000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1d39e00000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f1d3a5c0000)
"""


def test_libraries() -> None:
    assert sizes.libraries(LISTING) == [
        "/lib/x86_64-linux-gnu/libostree-1.so.1",
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib64/ld-linux-x86-64.so.2",
    ]


def test_a_static_program_has_none() -> None:
    assert sizes.libraries("\tnot a dynamic executable\n") == []


def test_a_missing_library_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"libx\.so\.1 => not found"):
        sizes.libraries(LISTING + "\tlibx.so.1 => not found\n")


def test_weight_counts_a_file_once(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "prog").write_bytes(b"p" * 10)
    (tmp_path / "lib/a.so.1.2").write_bytes(b"a" * 100)
    (tmp_path / "lib/a.so.1").symlink_to("a.so.1.2")
    assert sizes.weight(tmp_path, ["/prog", "/lib/a.so.1", "/lib/a.so.1.2"]) == 110
