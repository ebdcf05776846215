"""`prepare-root-image boot-side`: the executable under the names that the booted system calls.

docs/boot-side.md says what it does there.  The unit is ours, so that a tree needs none of
libostree's boot parts.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from prepare_root.image import binary
from prepare_root.image.errors import ImageError

# Under its own name it prepares soft reboots, and a dracut image takes it from here.
PROGRAM = "usr/lib/bootchain/prepare-root"
REMOUNT = "usr/lib/ostree/ostree-remount"
GENERATOR = "usr/lib/systemd/system-generators/ostree-system-generator"
UNIT = "usr/lib/systemd/system/ostree-remount.service"

# The order is libostree's: after the core mounts, before whatever writes to /etc or /var.
_UNIT_TEXT = b"""\
[Unit]
Description=Make /etc and /var of the deployment writable
DefaultDependencies=no
ConditionKernelCommandLine=|ostree
ConditionKernelCommandLine=|androidboot.slot_suffix
OnFailure=emergency.target
Conflicts=umount.target
After=-.mount var.mount systemd-remount-fs.service
Before=local-fs.target umount.target
Before=systemd-random-seed.service plymouth-read-write.service systemd-journal-flush.service
Before=systemd-tmpfiles-setup.service systemd-rfkill.service systemd-rfkill.socket

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/ostree/ostree-remount
StandardInput=null
StandardOutput=journal
StandardError=journal+console
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of the boot side: its path in the tree, its bytes, its mode."""

    path: str
    data: bytes
    mode: int


def pieces(executable: bytes) -> tuple[Piece, ...]:
    """The files for a tree."""
    return (
        Piece(PROGRAM, executable, 0o755),
        Piece(REMOUNT, executable, 0o755),
        Piece(GENERATOR, executable, 0o755),
        Piece(UNIT, _UNIT_TEXT, 0o644),
    )


def check(tree: Path, wanted: tuple[Piece, ...]) -> None:
    """Raise ImageError unless the tree is one, and has nobody else's file in a place."""
    if not (tree / "usr").is_dir():
        raise ImageError(
            "install boot side", str(tree), "no directory 'usr' in it", "name the root of a tree"
        )
    for piece in wanted:
        path = tree / piece.path
        if path.is_symlink() or (path.exists() and path.read_bytes() != piece.data):
            raise ImageError(
                "install boot side", str(path), "another file is there",
                "libostree's own, or an older one of ours: --replace puts ours in its place",
            )  # fmt: skip


def install(tree: Path, wanted: tuple[Piece, ...]) -> None:
    """Write the files, each complete under its name at once; raises ImageError."""
    for piece in wanted:
        path = tree / piece.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, piece)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ImageError("install boot side", str(path), reason) from error


def _write(path: Path, piece: Piece) -> None:
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".boot-side-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(piece.data)
            os.fchmod(file.fileno(), piece.mode)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


@click.command(
    "boot-side", epilog="Example: prepare-root-image boot-side --replace build/tree"
)  # fmt: skip
@click.argument("tree", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--binary", "executable", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The executable, if not one that is built now.",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="Replace what is there, libostree's or older.")
@click.option("--dry-run", is_flag=True, help="Print what would be written.")
def command(tree: Path, executable: Path | None, replace: bool, dry_run: bool) -> None:
    """Install generator and remount for the booted system into TREE, before it is committed."""
    source = executable or binary.cached(_say)
    wanted = pieces(source.read_bytes())
    check(tree, () if replace else wanted)
    if not dry_run:
        install(tree, wanted)
    for piece in wanted:
        click.echo(f"{'would write' if dry_run else 'wrote'} {piece.path}")


def _say(text: str) -> None:
    click.echo(f"==> {text}", err=True)
