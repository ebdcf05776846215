"""What an initramfs image holds: planned as items that describe themselves, then packed.

Which modules go in is decided in `kmodules`; how an archive is written, in `cpio`.
"""

import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from prepare_root.image import cpio, kmodules, moduletree
from prepare_root.image.errors import ImageError

INITRD_RELEASE = """\
NAME="bootchain initramfs"
ID=bootchain
PRETTY_NAME="bootchain initramfs"
"""

DIRECTORIES = (
    "dev",
    "etc",
    "etc/ostree",
    "proc",
    "run",
    "sys",
    "sysroot",
    "usr",
    "usr/lib",
    "usr/lib/bootchain",
    "usr/lib/modules",
    "usr/lib/ostree",
)
LOAD_LIST = "usr/lib/bootchain/modules"
MODULE_INDEX = "usr/lib/bootchain/module-index"
CONFIG = "usr/lib/ostree/prepare-root.conf"
ETC_CONFIG = "etc/ostree/prepare-root.conf"
# The kernel opens it for the first process before devtmpfs can be mounted.
CONSOLE = cpio.Member("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))


@dataclass(frozen=True, slots=True)
class Item:
    """One member of an image: a regular file with `data`, a link with `target`, or a directory."""

    name: str
    mode: int
    data: bytes | None = None
    origin: str = ""
    target: str = ""

    @property
    def is_directory(self) -> bool:
        """Whether it is neither a file nor a link."""
        return self.data is None and not self.target

    def describe(self) -> str:
        """A line of the plan: mode, size, name, and where the content is from."""
        if self.target:
            return f"lrwxrwxrwx {'':>9} {self.name} -> {self.target}"
        if self.data is None:
            return f"drwxr-xr-x {'':>9} {self.name}/"
        kind = stat.filemode(stat.S_IFREG | self.mode)
        return f"{kind} {len(self.data):>9} {self.name}" + (self.origin and f"  <- {self.origin}")


def plan(
    binary: Path,
    kver: str,
    closure: kmodules.Closure,
    config: str,
    etc_config: str | None,
    *,
    more: Sequence[Item] = (),
) -> tuple[Item, ...]:
    """What goes into an image, sorted by name; `/dev/console` comes in when it is packed.

    `config` and `etc_config` are the texts of prepare-root.conf below /usr/lib and /etc;
    `more` are other files.  Raises ImageError when a file cannot be read or the executable
    is not a static one.
    """
    files = [
        Item("init", 0o755, read_static(binary), str(binary)),
        Item("etc/initrd-release", 0o644, INITRD_RELEASE.encode()),
        Item(CONFIG, 0o644, config.encode()),
        *more,
    ]
    if etc_config is not None:
        files.append(Item(ETC_CONFIG, 0o644, etc_config.encode()))
    for module in closure.modules:
        data = moduletree.read_module(module.source)
        files.append(Item(module.path, 0o644, data, module.source.name))
    lines = "".join(f"{module.load_line}\n" for module in closure.modules)
    files.append(Item(LOAD_LIST, 0o644, lines.encode()))
    files.append(Item(MODULE_INDEX, 0o644, closure.index().encode()))
    return with_directories(files, (*DIRECTORIES, f"usr/lib/modules/{kver}"))


def with_directories(files: Sequence[Item], more: Sequence[str] = ()) -> tuple[Item, ...]:
    """`files` with the directories that lead to them and `more`, each once, sorted by name."""
    items = {item.name: item for item in files if not item.is_directory}
    directories = {*more, *(item.name for item in files if item.is_directory)}
    for name in (*items, *directories.copy()):
        directories.update(str(parent) for parent in Path(name).parents)
    directories.discard(".")
    found = [*items.values(), *(Item(name, 0o755) for name in directories)]
    return tuple(sorted(found, key=lambda item: os.fsencode(item.name)))


def interpreter(data: bytes) -> str | None:
    """The loader that an ELF file asks for, empty for a static one; None for what is no ELF."""
    from elftools.common.exceptions import ELFError  # noqa: PLC0415 - needed only here
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415
    from elftools.elf.segments import InterpSegment  # noqa: PLC0415

    try:
        segments = list(ELFFile(BytesIO(data)).iter_segments())
    except ELFError:
        return None
    names = [one.get_interp_name() for one in segments if isinstance(one, InterpSegment)]
    return str(names[0]) if names else ""


def read_static(binary: Path) -> bytes:
    """The bytes of a static ELF executable; ImageError when it is anything else."""
    try:
        data = binary.read_bytes()
    except OSError as error:
        raise ImageError("read executable", str(binary), error.strerror or str(error)) from error
    loader = interpreter(data)
    if loader is None:
        raise ImageError("read executable", str(binary), "not an ELF executable")
    if loader:
        raise ImageError(
            "read executable",
            str(binary),
            f"not static: it asks for {loader}, which no image has",
            "build it with: prepare-root-image binary OUT",
        )
    return data


def pack(items: Sequence[Item], epoch: int, nodes: Sequence[cpio.Member] = (CONSOLE,)) -> bytes:
    """The uncompressed archive of `items` and of device `nodes`, every time set to `epoch`."""
    with tempfile.TemporaryDirectory(prefix="bootchain-initramfs-") as name:
        stage = Path(name)
        for item in items:
            path = stage / item.name
            if item.target:
                path.symlink_to(item.target)
                continue
            if item.data is None:
                path.mkdir()
            else:
                path.write_bytes(item.data)
            path.chmod(item.mode)  # whatever the umask was
        # Last, from the leaves up: writing a member changes its directory's time.
        for item in reversed(items):
            os.utime(stage / item.name, (epoch, epoch), follow_symlinks=False)
        dated = [cpio.Member(one.name, one.mode, mtime=epoch, rdev=one.rdev) for one in nodes]
        return cpio.pack(stage, [item.name for item in items], dated)
