"""The frozen set and its bytecode."""

import marshal
import struct
import sys
from pathlib import Path
from types import CodeType

import pytest

from prepare_root.image import binary, bytecode, freeze, toolchain
from prepare_root.image.errors import ImageError


def package(root: Path, **modules: str) -> Path:
    (root / "pkg").mkdir()
    (root / "pkg" / "__init__.py").write_text("")
    for name, text in modules.items():
        (root / "pkg" / f"{name}.py").write_text(text)
    return root


def names(root: Path, entry: str = "pkg.main") -> list[str]:
    return [source.name for source in freeze.find(entry, (root,))]


@pytest.mark.parametrize(
    ("main", "found"),
    [
        ("import sys, errno, _bootsys", ["pkg", "pkg.main"]),
        ("import pkg.a", ["pkg", "pkg.a", "pkg.main"]),
        ("from pkg import a", ["pkg", "pkg.a", "pkg.main"]),
        ("from . import a", ["pkg", "pkg.a", "pkg.main"]),
        ("from .a import f", ["pkg", "pkg.a", "pkg.main"]),
        ("def f():\n    from pkg.a import g", ["pkg", "pkg.a", "pkg.main"]),
        ("from pkg.b import x", ["pkg", "pkg.a", "pkg.b", "pkg.main"]),
    ],
)
def test_found(tmp_path: Path, main: str, found: list[str]) -> None:
    assert names(package(tmp_path, main=main, a="f = g = 1", b="import pkg.a as x")) == found


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (
            "import sys\nimport os",
            r"freeze: os: not available in the executable \(pkg.main line 2\)",
        ),
        (
            "def f():\n    from __future__ import annotations",
            r"freeze: __future__: not available in the executable \(pkg.main line 2\)",
        ),
        (
            "from pkg.gone import x",
            r"freeze: pkg.gone: not available in the executable \(pkg.main line 1\)",
        ),
        ("x = 1\ny = '\\ud800'", "freeze: pkg.main: line 2: a lone surrogate in a string"),
        ("x = 1\nif:", "freeze: pkg.main: line 2: invalid syntax"),
    ],
)
def test_refused(tmp_path: Path, main: str, message: str) -> None:
    with pytest.raises(ImageError, match=f"^{message}$"):
        names(package(tmp_path, main=main))


def test_missing_entry(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^freeze: pkg.main: not available .*\(entry module\)$"):
        names(package(tmp_path))


def test_prepare_root_keeps_to_the_dialect() -> None:
    found = names(binary.PACKAGE_ROOT, binary.ENTRY)
    assert "prepare_root.formats.cmdline" in found
    assert not [name for name in found if ".image" in name]


def constants(code: CodeType) -> set[object]:
    found: set[object] = set(code.co_consts) | set(code.co_names)
    for item in code.co_consts:
        if isinstance(item, CodeType):
            found |= constants(item)
    return found


SOURCE = '''"""Module text."""
x: "annotated" = 1
y: "bare"
class C:
    """Class text."""
    z: "field" = 2
    def f(self, a: "parameter", *b: "star", c: "keyword" = 3) -> "result":
        """Function text."""
        assert a, "asserted"
        k: "local" = 4
        return a + k
'''


def test_stripped() -> None:
    code = bytecode.code_of(SOURCE, "<pkg/main.py>")
    assert code.co_filename == "<pkg/main.py>"
    kept = constants(code)
    words = {"annotated", "bare", "field", "parameter", "star", "keyword", "result", "local"}
    texts = {"asserted", "Module text.", "Class text.", "Function text.", "__annotations__"}
    assert not kept & (words | texts)
    space: dict[str, object] = {"__name__": "m"}
    exec(code, space)
    assert space["x"] == 1
    assert space["C"]().f(5) == 9  # type: ignore[operator]


def test_bytecode_of_the_chosen_interpreter_is_the_same_each_time(tmp_path: Path) -> None:
    python = toolchain.find_python()
    first, second = tmp_path / "1", tmp_path / "second"
    runs = []
    for root in (first, second):
        root.mkdir()
        sources = freeze.find("pkg.main", (package(root, main="import pkg.a\n{1, 2}", a=SOURCE),))
        runs.append(freeze.freeze(sources, python))
    assert runs[0] == runs[1]
    assert [module.name for module in runs[0]] == [
        "_frozen_importlib",
        "encodings",
        "pkg",
        "pkg.a",
        "pkg.main",
    ]
    assert [module.is_package for module in runs[0]] == [False, False, True, False, False]
    if python.version == sys.version_info[:2]:
        assert marshal.loads(runs[0][4].code).co_filename == "<pkg/main.py>"


def test_records() -> None:
    """As prepare_root/sys/frozen.c reads them."""
    found = freeze.records(
        [freeze.Frozen("pkg", b"", True), freeze.Frozen("pkg.a", b"123456789", False)]
    )
    assert found[:128] == struct.pack("=II", 0, 1) + b"pkg".ljust(120, b"\0")
    assert found[128:256] == struct.pack("=II", 16, 0) + b"pkg.a".ljust(120, b"\0")
    assert found[256:] == b"123456789".ljust(16, b"\0")
    with pytest.raises(ImageError, match=r"^freeze: x{120}: name longer than 119 bytes$"):
        freeze.records([freeze.Frozen("x" * 120, b"", False)])
