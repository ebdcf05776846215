"""`prepare-root-image binary`: one static executable from C, frozen Python and libpython.

Compiles the sources in `prepare_root/sys`, generates the tables of built-in and frozen
modules, links, proves (`proof`) and strips.  The same inputs give the same bytes.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from prepare_root.image import bytecode, notice, toolchain
from prepare_root.image import freeze as freezing
from prepare_root.image.errors import ImageError
from prepare_root.image.freeze import Frozen
from prepare_root.image.run import run
from prepare_root.image.toolchain import Compiler, Python

ENTRY = "prepare_root.main"
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
SOURCES = PACKAGE_ROOT / "prepare_root" / "sys"
UNITS = ("launcher", "bootsys", "leftout_python", "leftout_libc")

CFLAGS = ("-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-fno-pie")
SECTIONS = ("-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables")
LDFLAGS = (
    "-static",
    "-no-pie",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,-z,noexecstack",
)

# Modules that the core's own start-up asks for, and ours.
INITTAB = (
    ("_bootsys", "PyInit__bootsys"),
    ("_imp", "PyInit__imp"),
    ("_thread", "PyInit__thread"),
    ("_warnings", "_PyWarnings_Init"),
    ("_weakref", "PyInit__weakref"),
    ("errno", "PyInit_errno"),
    ("builtins", "NULL"),
    ("sys", "NULL"),
)


def _array(name: str, data: bytes) -> Iterable[str]:
    yield f"static const unsigned char {name}[] = {{"
    for start in range(0, len(data), 24):
        yield "    " + ",".join(map(str, data[start : start + 24])) + ","
    yield "};"


def tables(frozen: Sequence[Frozen], entry: str) -> str:
    """The C source of the module tables.

    They replace those of CPython's frozen.o, deepfreeze.o and config.o, which would bring
    the whole standard start-up along.
    """
    lines = ["/* Generated: built-in and frozen modules. */", '#include "bootsys.h"', ""]
    rows: dict[bool, list[str]] = {True: [], False: []}
    for index, module in enumerate(frozen):
        lines += _array(f"code_{index}", module.code)
        rows[module.name == bytecode.BOOTSTRAP].append(
            f'    {{.name = "{module.name}", .code = code_{index}, '
            f".size = {len(module.code)}, .is_package = {int(module.is_package)}}},"
        )
    for name, members in (("bootstrap", rows[True]), ("ours", rows[False]), ("none", [])):
        lines += [f"static const struct _frozen {name}[] = {{", *members, "    {0},", "};"]
    lines += [
        "const struct _frozen *_PyImport_FrozenBootstrap = bootstrap;",
        "const struct _frozen *_PyImport_FrozenStdlib = none;",
        "const struct _frozen *_PyImport_FrozenTest = none;",
        "const struct _frozen *PyImport_FrozenModules = ours;",
        "struct _module_alias {",
        "    const char *name, *orig;",
        "};",
        "static const struct _module_alias no_aliases[] = {{0}};",
        "const struct _module_alias *_PyImport_FrozenAliases = no_aliases;",
        "#if PY_VERSION_HEX < 0x030c0000",
        "int _Py_Deepfreeze_Init(void) { return 0; }",
        "void _Py_Deepfreeze_Fini(void) {}",
        "#endif",
        f'const char launcher_entry[] = "{entry}";',
    ]
    lines += [f"extern PyObject *{init}(void);" for _, init in INITTAB if init != "NULL"]
    lines += ["struct _inittab _PyImport_Inittab[] = {"]
    lines += [f'    {{"{name}", {init}}},' for name, init in INITTAB]
    lines += ["    {0},", "};", ""]
    return "\n".join(lines)


def compile_units(work: Path, python: Python, compiler: Compiler, debug: bool) -> list[str]:
    """Compile everything in `work`; the names of the objects."""
    objects = []
    for unit in (*UNITS, "tables"):
        flags = [*CFLAGS, *SECTIONS, f"-ffile-prefix-map={work}=.", f"-I{python.include}"]
        if debug:
            flags.append("-g")
        if unit == "tables":
            flags.append("-Wno-missing-prototypes")
        run(
            [compiler.program, *flags, "-c", f"{unit}.c", "-o", f"{unit}.o"],
            "compile",
            f"{unit}.c",
            cwd=work,
        )
        objects.append(f"{unit}.o")
    return objects


def link_argv(objects: Sequence[str], python: Python, compiler: Compiler, out: str) -> list[str]:
    """The command that links `objects` into `out`."""
    return [compiler.program, *LDFLAGS, "-o", out, *objects, str(python.library), "-lm"]


def keep(work: Path, objects: Sequence[str], target: Path, argv: Sequence[str]) -> None:
    """Copy objects and the link command to `target`, for linking with another libc."""
    target.mkdir(parents=True, exist_ok=True)
    for name in objects:
        shutil.copyfile(work / name, target / name)
    script = target / "relink"
    script.write_text(
        "#!/bin/sh\n# Links the executable again from these objects.\n"
        f'cd "$(dirname "$0")" || exit\nexec {" ".join(argv)}\n'
    )
    script.chmod(0o755)


def install(source: Path, out: Path, mode: int) -> None:
    """Put a copy of `source` at `out`, whole or not at all."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(mode)
        temporary.replace(out)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ImageError("write executable", str(out), error.strerror or str(error)) from error


def _silent(_text: str) -> None:
    pass


def build(
    out: Path,
    *,
    python: Path | None = None,
    entry: str = ENTRY,
    package_roots: Sequence[Path] = (PACKAGE_ROOT,),
    keep_objects: Path | None = None,
    debug: bool = False,
    progress: Callable[[str], None] = _silent,
) -> int:
    """Build `out` and `out`.NOTICE; the size of the executable in bytes.

    `entry` is a module below `package_roots` with `run(argv, environ) -> int`.  `debug`
    keeps symbols.  `progress` is told about each step.  Raises ImageError.
    """
    chosen = toolchain.find_python(python)
    compiler = toolchain.find_compiler()
    toolchain.find_elf_reader()
    from prepare_root.image import proof  # noqa: PLC0415 - needs what was just asked for

    sources = freezing.find(entry, package_roots)
    progress(f"freezing {len(sources)} modules with Python {chosen.release}")
    frozen = freezing.freeze(sources, chosen)
    with tempfile.TemporaryDirectory(prefix="prepare-root-") as name:
        work = Path(name).resolve()
        for file in sorted(SOURCES.glob("*.[ch]")):
            shutil.copyfile(file, work / file.name)
        (work / "tables.c").write_text(tables(frozen, entry))
        progress(f"compiling {len(UNITS) + 1} C files with gcc {compiler.release}")
        objects = compile_units(work, chosen, compiler, debug)
        progress(f"linking with {chosen.library.name} and glibc {compiler.libc}")
        argv = link_argv(objects, chosen, compiler, "prepare-root")
        run(argv, "link", out.name, cwd=work)
        for note in proof.check(work / "prepare-root"):
            progress(f"proved; accepted: {note}")
        if keep_objects is not None:
            keep(work, objects, keep_objects, argv)
        stripped = work / "prepare-root.stripped"
        run(["strip", "-o", stripped.name, "prepare-root"], "strip", out.name, cwd=work)
        size = proof.check_size(stripped)
        (work / "NOTICE").write_text(notice.text(chosen, compiler), encoding="utf-8")
        install(work / "prepare-root" if debug else stripped, out, 0o755)
        install(work / "NOTICE", out.with_name(f"{out.name}.NOTICE"), 0o644)
    progress(f"wrote {out}: {size} bytes")
    return size


def key(python: Python, compiler: Compiler) -> str:
    """A name for what a build of `prepare-root` depends on."""
    digest = hashlib.sha256()
    for module in freezing.find(ENTRY, (PACKAGE_ROOT,)):
        digest.update(f"{module.name} {len(module.text)}\n{module.text}".encode())
    for file in (*sorted(SOURCES.glob("*.[ch]")), *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    stat = python.library.stat()
    digest.update(f"{python} {compiler} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:24]


def cached(progress: Callable[[str], None] = _silent) -> Path:
    """A built `prepare-root`, from the cache when nothing that it is made of has changed."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    python, compiler = toolchain.find_python(), toolchain.find_compiler()
    path = Path(home) / "bootchain" / "binary" / key(python, compiler) / "prepare-root"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        build(path, python=python.executable, progress=progress)
    return path


@click.command(
    "binary",
    epilog="Example: prepare-root-image binary build/prepare-root",
)
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--python",
    metavar="PYTHON",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Interpreter (3.11 or 3.13) whose static library is linked.",
)
@click.option("--entry", default=ENTRY, show_default=True, help="Frozen module that has run().")
@click.option(
    "--root",
    "roots",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where modules are looked for before our own package; may be repeated.",
)
@click.option(
    "--keep-objects",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the objects and a script that links them again.",
)
@click.option("--debug", is_flag=True, help="Keep symbols and debugging information.")
def command(  # noqa: PLR0917 - click hands each option over
    out: Path,
    python: Path | None,
    entry: str,
    roots: tuple[Path, ...],
    keep_objects: Path | None,
    debug: bool,
) -> None:
    """Build the static executable OUT, and OUT.NOTICE beside it."""
    build(
        out,
        python=python,
        entry=entry,
        package_roots=(*roots, PACKAGE_ROOT),
        keep_objects=keep_objects,
        debug=debug,
        progress=lambda text: click.echo(f"==> {text}", err=True),
    )
