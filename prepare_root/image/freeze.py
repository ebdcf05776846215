"""The frozen set: which modules an executable needs, as bytecode.

Found by walking imports from the entry module.  What is not in the package roots must be
one of the few modules that the executable has built in; anything else is an error that
names module and line.
"""

import ast
import base64
import json
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prepare_root.image import bytecode
from prepare_root.image.errors import ImageError
from prepare_root.image.toolchain import Python

BUILT_IN = frozenset({"sys", "errno", "_bootsys"})

# CPython imports `encodings` the first time that an error handler has to be looked up (for
# `decode("utf-8", "backslashreplace")`) and fails without it.  utf-8, latin-1 and ascii
# themselves are in C, so an empty module does; other codecs stay unknown.
ENCODINGS = "encodings"


@dataclass(frozen=True, slots=True)
class Source:
    """One module to freeze: its dotted name, its text, and whether it is a package."""

    name: str
    text: str
    is_package: bool

    @property
    def filename(self) -> str:
        """What tracebacks show; the same wherever the sources lie."""
        path = self.name.replace(".", "/")
        return f"<{path}/__init__.py>" if self.is_package else f"<{path}.py>"


@dataclass(frozen=True, slots=True)
class Frozen:
    """One frozen module: its dotted name, its marshalled code."""

    name: str
    code: bytes
    is_package: bool


def load(name: str, roots: Sequence[Path]) -> Source | None:
    """The module `name` below the first of `roots` that has it, or None."""
    path = name.replace(".", "/")
    for root in roots:
        for file, is_package in ((f"{path}/__init__.py", True), (f"{path}.py", False)):
            if (root / file).is_file():
                return Source(name, (root / file).read_text(encoding="utf-8"), is_package)
    return None


def imports(tree: ast.Module, source: Source) -> list[tuple[str, tuple[str, ...], int]]:
    """What a module imports: `(module, names taken from it, line)`, in order of the lines."""
    found: list[tuple[str, tuple[str, ...], int]] = []
    package = source.name if source.is_package else source.name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, (), node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
            found.append((base, tuple(alias.name for alias in node.names), node.lineno))
    return sorted(found, key=lambda item: item[2])


def check_literals(tree: ast.Module, source: Source) -> None:
    """Refuse a lone surrogate in a string: the core alone cannot load such a module."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and any("\ud800" <= c <= "\udfff" for c in node.value)
        ):
            raise ImageError(
                "freeze",
                source.name,
                f"line {node.lineno}: a lone surrogate in a string",
                "the executable cannot load it; work on bytes instead",
            )


def find(entry: str, roots: Sequence[Path]) -> tuple[Source, ...]:
    """The modules that `entry` needs, itself and parent packages included, sorted by name.

    Raises ImageError for a module that is neither below `roots` nor built in.
    """
    found: dict[str, Source] = {}
    pending: list[tuple[str, str]] = [(entry, "entry module")]
    while pending:
        name, asked_by = pending.pop()
        if name in found:
            continue
        source = load(name, roots)
        if source is None:
            raise ImageError(
                "freeze",
                name,
                f"not available in the executable ({asked_by})",
                f"only {', '.join(sorted(BUILT_IN))} and the package itself can be imported",
            )
        found[name] = source
        parent = name.rpartition(".")[0]
        if parent:
            pending.append((parent, f"package of {name}"))
        try:
            tree = ast.parse(source.text)
        except SyntaxError as error:
            raise ImageError("freeze", name, f"line {error.lineno}: {error.msg}") from error
        check_literals(tree, source)
        for module, names, line in imports(tree, source):
            if module in BUILT_IN:
                continue
            pending.append((module, f"{name} line {line}"))
            # A name taken from a package may be one of its modules.
            pending += [
                (f"{module}.{item}", f"{name} line {line}")
                for item in names
                if load(f"{module}.{item}", roots) is not None
            ]
    return tuple(found[name] for name in sorted(found))


def freeze(sources: Sequence[Source], python: Python) -> tuple[Frozen, ...]:
    """Bytecode of `sources` by `python`, preceded by what the core itself imports."""
    sources = (Source(ENCODINGS, "", False), *sources)
    wanted = [{"name": s.name, "filename": s.filename, "source": s.text} for s in sources]
    done = subprocess.run(
        [str(python.executable), "-S", "-s", "-P", "-B", bytecode.__file__],
        input=json.dumps(wanted).encode(),
        capture_output=True,
        check=False,
        # Nothing of the caller's environment may change a byte.
        env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise ImageError("compile bytecode", str(python.executable), said[-1])
    compiled = json.loads(done.stdout)
    packages = {source.name: source.is_package for source in sources}
    return tuple(
        Frozen(name, base64.b64decode(compiled[name]), packages.get(name, False))
        for name in (bytecode.BOOTSTRAP, *packages)
    )


# As in prepare_root/sys/frozen.c: size of the code, whether it is a package, name.
_RECORD = struct.Struct("=II120s")


def records(frozen: Sequence[Frozen]) -> bytes:
    """The file that the executable imports `frozen` from, when it is built."""
    data = b""
    for module in frozen:
        name = module.name.encode()
        if len(name) >= 120:
            raise ImageError("freeze", module.name, "name longer than 119 bytes")
        code = module.code + bytes(-len(module.code) % 8)
        data += _RECORD.pack(len(code), module.is_package, name) + code
    return data
