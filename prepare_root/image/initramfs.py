"""`prepare-root-image initramfs`: an image whose `/init` is the static `prepare-root`.

Finds what the command names, has it planned and packed (`contents`), compresses it
(`compression`) and puts it in place.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from prepare_root.image import (
    compression,
    contents,
    hostroot,
    include,
    kmodules,
    microcode,
    selection,
    settings,
)
from prepare_root.image.compression import Compression
from prepare_root.image.errors import ImageError
from prepare_root.image.moduletree import ModuleTree


def source_date_epoch(environ: dict[str, str]) -> int:
    """SOURCE_DATE_EPOCH in seconds, 0 when it is not set; ImageError when it is no time."""
    text = environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isascii() or not text.isdigit() or int(text) > 0xFFFFFFFF:
        raise ImageError(
            "read environment",
            "SOURCE_DATE_EPOCH",
            f"not a time that an archive can hold: {text!r}",
            "whole seconds since 1970",
        )
    return int(text)


def config_candidates(tree: ModuleTree) -> list[Path]:
    """Where the configuration of the tree's kernel may be, the best place first."""
    places = [tree.directory / "config"]
    if tree.root is not None:
        places.append(tree.root / "boot" / f"config-{tree.kver}")
    # The same version on this machine is the same kernel.
    places.append(Path("/boot") / f"config-{tree.kver}")
    return places


def write(out: Path, image: bytes) -> None:
    """Put `image` at `out`, whole or not at all; raises ImageError when that fails."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(image)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(out)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ImageError("write image", str(out), error.strerror or str(error)) from error


def default_binary(progress: Callable[[str], None]) -> Path:
    """The static executable of this checkout, built into the cache when it is not there."""
    from prepare_root.image import binary  # noqa: PLC0415 - compiles only when asked to

    return binary.cached(progress)


@click.command(
    "initramfs",
    short_help="Build an initramfs image whose /init is prepare-root.",
    epilog="Example: prepare-root-image initramfs initramfs.img --kver 6.12.1-amd64"
    " --modules-dir /usr/lib/modules --fs ext4 --driver virtio_blk",
)
@click.argument("out", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--kver", required=True, metavar="K", help="Kernel version.")
@click.option(
    "--modules-dir",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Directory that holds K/, or the root of a tree that has lib/modules/K.",
)
@click.option(
    "--binary",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Static executable to use as /init; built when not given.",
)
@click.option(
    "--fs",
    "filesystems",
    multiple=True,
    metavar="NAME",
    help=f"Filesystem, repeatable.  [default: {', '.join(selection.DEFAULT_FILESYSTEMS)},"
    " as the kernel has them]",
)
@click.option(
    "--driver",
    "drivers",
    multiple=True,
    metavar="'NAME [PARAM=VALUE ...]'",
    help=f"Block driver, repeatable.  [default: {', '.join(selection.DEFAULT_DRIVERS)},"
    " as the kernel has them]",
)
@click.option(
    "--generic",
    is_flag=True,
    help="Modules for most machines: "
    + ", ".join((*selection.GENERIC_DRIVERS, *selection.GENERIC_FILESYSTEMS)),
)
@click.option(
    "--hostonly",
    is_flag=True,
    help="Only the modules that this machine's root needs, and those that are named.",
)
@click.option(
    "--host",
    metavar="DIR",
    default="/",
    show_default=True,
    type=click.Path(path_type=Path),
    help="For --hostonly: where sys and proc of the machine are.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"What to install as /{contents.CONFIG}.",
)
@click.option(
    "--etc-config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"What to install as /{contents.ETC_CONFIG}; replaces the other one at boot.",
)
@click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Public keys for signed roots, one a line in base64; [composefs] keypath says where.",
)
@click.option(
    "--compress",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", *(method.value for method in Compression)]),
    help="auto takes the best that the kernel unpacks.",
)
@click.option(
    "--kernel-config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The kernel's configuration, when it is in none of the usual places.",
)
@click.option(
    "--include",
    "includes",
    metavar="SOURCE[:/PLACE]",
    multiple=True,
    help="A file or directory to add, repeatable; at the place where it is, unless said.",
)
@click.option(
    "--microcode",
    "firmware",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Add the microcode in DIR/intel-ucode and DIR/amd-ucode, e.g. of /usr/lib/firmware.",
)
@click.option("--list", "list_only", is_flag=True, help="Print what would go in; write nothing.")
def command(
    *,
    out: Path | None,
    kver: str,
    modules_dir: Path,
    binary: Path | None,
    filesystems: tuple[str, ...],
    drivers: tuple[str, ...],
    generic: bool,
    hostonly: bool,
    host: Path,
    config: Path | None,
    etc_config: Path | None,
    key: Path | None,
    compress: str,
    kernel_config: Path | None,
    includes: tuple[str, ...],
    firmware: Path | None,
    list_only: bool,
) -> None:
    """Build an initramfs image at OUT whose /init is the static prepare-root.

    The same inputs give the same bytes; SOURCE_DATE_EPOCH sets the time of every member
    (default 0).
    """
    if out is None and not list_only:
        raise click.UsageError("Missing argument 'OUT' (only --list goes without).")

    def progress(text: str) -> None:
        click.echo(f"==> {text}", err=True)

    epoch = source_date_epoch(dict(os.environ))
    tree = ModuleTree.find(modules_dir, kver)
    known = (
        compression.load_config(kernel_config)
        if kernel_config
        else compression.find_config(config_candidates(tree))
    )
    method, note = compression.choose(compress, known)
    if note:
        click.echo(f"note: {note}", err=True)
    text = settings.DEFAULT if config is None else settings.read(config)
    etc_text = None if etc_config is None else settings.read(etc_config)
    # As at boot, the one in /etc replaces the other.
    counts = text if etc_text is None else etc_text
    more = settings.key_items(counts, key)
    wanted = choose_modules(filesystems, drivers, generic, host if hostonly else None)
    added = include.items(includes)
    early = early_items(firmware, host if hostonly else None)
    progress(f"resolving modules of {kver}")
    requests = (*wanted.requests, *selection.for_config(counts))
    closure = kmodules.resolve(tree, requests, wanted.aliases)
    own = contents.plan(
        binary or default_binary(progress), kver, closure, text, etc_text, more=more
    )
    include.check(added, own)
    items = contents.with_directories((*own, *added))
    if note := settings.shell_note(counts, [item.name for item in items]):
        click.echo(f"note: {note}", err=True)
    if list_only or out is None:
        print_plan((*contents.with_directories(early), *items), closure, method)
        return
    progress(f"packing {len(items) + 1} members, {len(closure.modules)} modules")
    archive = contents.pack(items, epoch)
    progress(f"compressing {len(archive)} bytes ({method})")
    image = compression.compress(archive, method)
    if early:
        image = contents.pack(contents.with_directories(early), epoch, ()) + image
    write(out, image)
    progress(f"wrote {out}: {len(image)} bytes")


def choose_modules(
    filesystems: Sequence[str], drivers: Sequence[str], generic: bool, host: Path | None
) -> selection.Wanted:
    """What the options ask for; `host` is where the machine is that the image is only for."""
    if host is None:
        choose = selection.generic if generic else selection.default
        return choose(filesystems, drivers)
    if generic:
        raise click.UsageError("--generic and --hostonly exclude each other.")
    found = hostroot.find(host)
    click.echo(f"==> root: {found.fstype} on {found.device}", err=True)
    return selection.hostonly(found, filesystems, drivers)


def early_items(firmware: Path | None, host: Path | None) -> list[contents.Item]:
    """The early image's members; of an image for one machine, for its processor alone."""
    if firmware is None:
        return []
    processor = None
    if host is not None:
        try:
            text = (host / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            reason = error.strerror or str(error)
            raise ImageError("read processor", str(error.filename), reason) from error
        processor = microcode.Processor.parse(text)
    return microcode.items(firmware, processor)


def print_plan(
    items: Sequence[contents.Item], closure: kmodules.Closure, method: Compression
) -> None:
    """Print what goes into an image, and what does not need to."""
    for item in items:
        click.echo(item.describe())
    click.echo(f"crw------- {'5, 1':>9} {contents.CONSOLE.name}")
    for title, names in (
        ("load order", [module.name for module in closure.modules]),
        ("built into the kernel", closure.builtin),
        ("not in this kernel", closure.absent),
    ):
        click.echo(f"{title}: {', '.join(names) or '-'}")
    click.echo(f"compression: {method}")
