"""`prepare-root-image binary`: one static executable from C, frozen Python and libpython.

Compiles the sources in `prepare_root/sys`, links, lets the result import the frozen modules
and keeps the state after that in it (`snapshot`), proves (`proof`) and strips.  The same
inputs give the same bytes.
"""

import hashlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from prepare_root.image import freeze as freezing
from prepare_root.image import notice, printable, snapshot, toolchain
from prepare_root.image.errors import ImageError
from prepare_root.image.run import run
from prepare_root.image.toolchain import Compiler, Python, Sodium

ENTRY = "prepare_root.main"
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
SOURCES = PACKAGE_ROOT / "prepare_root" / "sys"
UNITS = (
    *("bootsys", "frozen", "launcher", "leftout_libc", "leftout_python"),
    *("leftout_sodium", "leftout_strings", "leftout_unicode", "memory", "snapshot", "tables"),
)
LAYOUT = "snapshot.ld"
PROGRAM = "prepare-root"

CFLAGS = ("-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-fno-pie", "-DBOOTSYS_SODIUM")
SECTIONS = ("-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables")
LDFLAGS = (
    "-static",
    "-no-pie",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,-z,noexecstack",
)


def sources_in(directory: Path) -> list[Path]:
    """The C sources and the linker script."""
    return sorted([*directory.glob("*.[ch]"), directory / LAYOUT])


def compile_units(work: Path, python: Python, compiler: Compiler, debug: bool) -> list[str]:
    """Compile everything in `work`; the names of the objects."""
    objects = []
    for unit in UNITS:
        flags = [*CFLAGS, *SECTIONS, f"-ffile-prefix-map={work}=.", f"-I{python.include}"]
        if debug:
            flags.append("-g")
        run(
            [compiler.program, *flags, "-c", f"{unit}.c", "-o", f"{unit}.o"],
            "compile",
            f"{unit}.c",
            cwd=work,
        )
        objects.append(f"{unit}.o")
    return objects


def link_argv(
    objects: Sequence[str], libraries: Sequence[str], compiler: Compiler, pool: int
) -> list[str]:
    """The command that links `objects` into PROGRAM, with `pool` bytes for the snapshot."""
    layout = (f"-Wl,-T,{LAYOUT}", f"-Wl,--defsym=pool_size={pool}")
    return [compiler.program, *LDFLAGS, *layout, "-o", PROGRAM, *objects, *libraries]


def keep(work: Path, names: Sequence[str], target: Path, commands: Sequence[str]) -> None:
    """Copy the files `names` to `target` with a script, for linking with another libc."""
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(work / name, target / name)
    script = target / "relink"
    lines = ("#!/bin/sh", "# Links the executable again from these objects.", "set -e")
    script.write_text("\n".join([*lines, 'cd "$(dirname "$0")"', *commands, ""]))
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
    sodium = toolchain.find_sodium(compiler)
    toolchain.find_elf_reader()
    from prepare_root.image import proof  # noqa: PLC0415 - needs what was just asked for

    sources = freezing.find(entry, package_roots)
    progress(f"freezing {len(sources)} modules with Python {chosen.release}")
    frozen = freezing.freeze(sources, chosen)
    with tempfile.TemporaryDirectory(prefix="prepare-root-") as name:
        work = Path(name).resolve()
        for file in sources_in(SOURCES):
            shutil.copyfile(file, work / file.name)
        (work / printable.FILE).write_text(printable.table(chosen))
        (work / snapshot.MODULES).write_bytes(freezing.records(frozen))
        progress(f"compiling {len(UNITS)} C files with gcc {compiler.release}")
        objects = compile_units(work, chosen, compiler, debug)
        progress(f"linking with {chosen.library.name} and glibc {compiler.libc}")
        libraries = (str(chosen.library), str(sodium.library), "-lm")
        commands = link(work, objects, libraries, compiler, entry)
        for note in proof.check(work / PROGRAM):
            progress(f"proved; accepted: {note}")
        if keep_objects is not None:
            keep(work, [*objects, LAYOUT, snapshot.MODULES], keep_objects, commands)
        run(["strip", "-o", "stripped", PROGRAM], "strip", out.name, cwd=work)
        size = proof.check_size(work / "stripped", proof.budget(chosen.version))
        (work / "NOTICE").write_text(notice.text(chosen, compiler, sodium), encoding="utf-8")
        install(work / (PROGRAM if debug else "stripped"), out, 0o755)
        install(work / "NOTICE", out.with_name(f"{out.name}.NOTICE"), 0o644)
    progress(f"wrote {out}: {size} bytes")
    return size


def link(
    work: Path,
    objects: Sequence[str],
    libraries: Sequence[str],
    compiler: Compiler,
    entry: str,
) -> list[str]:
    """Link PROGRAM in `work` and put its snapshot in; returns the commands of a shell for it.

    Linked twice: how much room the snapshot needs is known from one, and what lies behind
    it has other addresses with another room.
    """
    pool = snapshot.ROOMY
    for _ in range(2):
        linking = link_argv(objects, libraries, compiler, pool)
        run(linking, "link", PROGRAM, cwd=work)
        taken = snapshot.take(work, PROGRAM, entry)
        pool = snapshot.room(taken)
    (work / snapshot.FILE).write_bytes(taken)
    embedding = snapshot.embed_argv(PROGRAM)
    run(embedding, "put snapshot into", PROGRAM, cwd=work)
    taking = shlex.join(snapshot.argv(f"./{PROGRAM}", entry)) + f" >{snapshot.FILE}"
    return [shlex.join(linking), taking, shlex.join(embedding)]


def key(python: Python, compiler: Compiler, sodium: Sodium) -> str:
    """A name for what a build of `prepare-root` depends on."""
    digest = hashlib.sha256()
    for module in freezing.find(ENTRY, (PACKAGE_ROOT,)):
        digest.update(f"{module.name} {len(module.text)}\n{module.text}".encode())
    for file in (*sources_in(SOURCES), *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    digest.update(f"{python} {compiler} {sodium}".encode())
    for library in (python.library, sodium.library):
        stat = library.stat()
        digest.update(f" {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:24]


def cached(progress: Callable[[str], None] = _silent) -> Path:
    """A built `prepare-root`, from the cache when nothing that it is made of has changed."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    python, compiler = toolchain.find_python(), toolchain.find_compiler()
    name = key(python, compiler, toolchain.find_sodium(compiler))
    path = Path(home) / "bootchain" / "binary" / name / "prepare-root"
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
