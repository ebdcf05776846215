"""A kernel's modules on disk: where they are, an index of them for kmod, and their bytes.

kmod is asked about a small tree of links in a temporary directory, for three reasons: Debian's
kernel packages come without the indexes that kmod reads, a kernel's directory may be anywhere,
and nothing of the build machine's own modprobe.d may decide what goes into an image.
"""

import gzip
import lzma
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prepare_root.image.errors import ImageError
from prepare_root.image.run import run

SUFFIXES = (".ko", ".ko.xz", ".ko.gz", ".ko.zst")


@dataclass(frozen=True, slots=True)
class ModuleTree:
    """Where the modules of one kernel are: `directory` is `.../lib/modules/<kver>`.

    `root` is the root of the tree which that belongs to, when the path shows one.
    """

    kver: str
    directory: Path
    root: Path | None

    @classmethod
    def find(cls, modules_dir: Path, kver: str) -> "ModuleTree":
        """The modules of `kver` below `modules_dir`.

        That is a directory which holds `<kver>/`, or a root with `lib/modules/<kver>` or
        `usr/lib/modules/<kver>`.  Raises ImageError, naming the kernels that are there.
        """
        if not kver or "/" in kver or kver in {".", ".."} or any(c.isspace() for c in kver):
            raise ImageError("find modules", repr(kver), "not a kernel version")
        modules_dir = modules_dir.absolute()
        places = (modules_dir, modules_dir / "usr/lib/modules", modules_dir / "lib/modules")
        for place in places:
            directory = place / kver
            if directory.is_dir() and (directory / "kernel").is_dir():
                return cls(kver, directory, _root_of(place))
        found = sorted({p.parent.name for place in places for p in place.glob("*/modules.builtin")})
        raise ImageError(
            "find modules",
            f"{modules_dir}/{kver}",
            "no such kernel",
            f"kernels there: {', '.join(found)}"
            if found
            else "no kernel is there at all; name the directory that holds <kver>/kernel",
        )


def _root_of(place: Path) -> Path | None:
    for below in ("usr/lib/modules", "lib/modules"):
        if place.as_posix().endswith(f"/{below}"):
            return Path(place.as_posix()[: -len(below)])
    return None


@contextmanager
def kmod_view(tree: ModuleTree) -> Iterator[Path]:
    """A root directory below which kmod finds the tree, with indexes; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bootchain-kmod-") as name:
        root = Path(name)
        view = root / "usr/lib/modules" / tree.kver
        view.parent.mkdir(parents=True)
        # kmod looks below lib/ or usr/lib/, as its distribution built it.
        (root / "lib").symlink_to("usr/lib")
        if (tree.directory / "modules.dep.bin").is_file():
            view.symlink_to(tree.directory)
        else:
            _index(tree, root, view)
        yield root


def _index(tree: ModuleTree, root: Path, view: Path) -> None:
    """Fill `view` with links to the tree's modules and with fresh indexes of them."""
    view.mkdir()
    for entry in tree.directory.iterdir():
        if entry.is_dir() and entry.name not in {"build", "source"}:
            (view / entry.name).symlink_to(entry)
        elif entry.name.startswith("modules.") and entry.is_file():
            shutil.copyfile(entry, view / entry.name)
    for expected in ("modules.order", "modules.builtin"):
        if not (view / expected).exists():
            (view / expected).touch()  # depmod warns without them; empty is what it assumes
    run(("depmod", "-b", str(root), tree.kver), "index modules", str(tree.directory))
    # depmod passes over what it cannot read, such as .ko.gz when built without zlib.
    lines = (view / "modules.dep").read_text(encoding="utf-8").splitlines()
    indexed = {line.partition(":")[0] for line in lines}
    for path in sorted((tree.directory / "kernel").rglob("*.ko*")):
        known = path.name.endswith(SUFFIXES)
        if known and str(path.relative_to(tree.directory)) not in indexed:
            raise ImageError(
                "index modules",
                str(path),
                "this machine's kmod cannot read it",
                f"run depmod {tree.kver} in the tree that the modules are from",
            )


def read_module(source: Path) -> bytes:
    """The module's own bytes, decompressed.

    The image as a whole compresses better that way, and `finit_module` needs no flag that
    only some kernels know.  A signature stays valid: it covers the decompressed module.
    """
    try:
        data = source.read_bytes()
        if source.name.endswith(".xz"):
            data = lzma.decompress(data)
        elif source.name.endswith(".gz"):
            data = gzip.decompress(data)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ImageError("read module", str(source), str(error)) from error
    if source.name.endswith(".zst"):
        data = run(("zstd", "-q", "-d", "-c"), "read module", str(source), stdin=data)
    if data[:4] != b"\x7fELF":
        raise ImageError("read module", str(source), "not an ELF file")
    return data
