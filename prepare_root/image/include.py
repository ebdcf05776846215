"""Files that the command line adds to an image: `--include SOURCE[:PLACE]`.

A shell for `rd.break`, a firmware file, anything: it goes in as it is.  What a program would
miss in the image stops the build, since at boot it would only say that it does not exist.
"""

import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from prepare_root.image.contents import Item, interpreter
from prepare_root.image.errors import ImageError

OPERATION = "include file"


def items(texts: Sequence[str]) -> list[Item]:
    """What `texts` name: files, links, and directories with all that is in them.

    Raises ImageError for what cannot be read, or is neither, and for a place outside.
    """
    found: list[Item] = []
    for text in texts:
        source, place = _split(text)
        try:
            found += _walk(source, place)
        except OSError as error:
            name = str(error.filename or source)
            raise ImageError(OPERATION, name, error.strerror or str(error)) from error
    return found


def check(added: Iterable[Item], others: Iterable[Item]) -> None:
    """Raises ImageError where two files claim a place, or a program's loader is not there.

    `added` come from the command line, `others` are the image's own.
    """
    added, seen = list(added), {item.name: item for item in others}
    for item in added:
        other = seen.get(item.name)
        if other is not None and not (item.is_directory and other.is_directory):
            raise ImageError(
                OPERATION, f"/{item.name}", "there is such a file in the image already"
            )
        seen[item.name] = item
    for item in seen.values():
        for parent in PurePosixPath(item.name).parents:
            above = seen.get(str(parent))
            if above is not None and not above.is_directory:
                reason = f"/{above.name} is no directory in the image"
                raise ImageError(OPERATION, f"/{item.name}", reason)
    for item in added:
        loader = interpreter(item.data or b"")
        if loader and loader.lstrip("/") not in seen:
            raise ImageError(
                OPERATION,
                f"/{item.name}",
                f"not static: it asks for {loader}, which is not in the image",
                "include a static program (busybox-static has a shell), or its libraries, too",
            )


def _split(text: str) -> tuple[Path, str]:
    """SOURCE and where it goes, relative to the image's root: where it is, unless said."""
    source, colon, place = text.rpartition(":")
    if not colon or not place.startswith("/"):
        source, place = text, str(Path(text).absolute())
    parts = PurePosixPath(place).parts[1:]
    if not source or not parts or ".." in parts:
        raise ImageError(
            OPERATION, repr(text), "not a place in the image", "SOURCE or SOURCE:/PLACE, without .."
        )
    return Path(source), "/".join(parts)


def _walk(source: Path, place: str) -> Iterator[Item]:
    """`source`, itself followed when it is a link, and what is below it."""
    info = source.stat()
    if stat.S_ISREG(info.st_mode):
        yield Item(place, info.st_mode & 0o777, source.read_bytes(), str(source))
        return
    if not stat.S_ISDIR(info.st_mode):
        raise ImageError(OPERATION, str(source), "neither a file nor a directory")
    yield Item(place, 0o755)
    for path in sorted(source.iterdir()):
        below = f"{place}/{path.name}"
        if path.is_symlink():
            yield Item(below, 0o777, origin=str(path), target=str(path.readlink()))
        else:
            yield from _walk(path, below)
