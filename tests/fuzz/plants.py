"""Mistakes that fuzzing has to find: one line of a reader, made wrong as people do it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plant:
    """In `file` of prepare_root `right` becomes `wrong`; fuzzing `target` says `found`."""

    target: str
    file: str
    right: str
    wrong: str
    found: str


PLANTS = (
    Plant(
        "cmdline",
        "kargs.py",
        "if not value.isdigit() or len(value) > 6:",
        "if len(value) > 6:",
        "ValueError: could not convert string to float",
    ),
    Plant(
        "config",
        "formats/config.py",
        "if value.isdigit() and len(value) <= 6:",
        "if len(value) <= 6:",
        "ValueError: invalid literal for int()",
    ),
    Plant(
        "gvariant",
        "formats/gvariant.py",
        "if not data or data[-1] != 0:",
        "if data[-1] != 0:",
        "IndexError: index out of range",
    ),
    Plant(
        "commit",
        "formats/commit.py",
        "if len(value) != 32:",
        "if len(value) > 32:",
        "not so: checksums have 64 digits",
    ),
    Plant(
        "superblock",
        "errors.py",
        "c if c.isprintable() else",
        'c if c != "\\n" else',
        "not so: a description can be printed",
    ),
    Plant(
        "partitions",
        "formats/parttable.py",
        "not 128 <= size <= 4096",
        "size > 4096",
        "ZeroDivisionError",
    ),
    Plant(
        "image",
        "formats/cfsimage.py",
        "if len(head) < HEAD_SIZE:",
        "if head[1024] == 0:",
        "IndexError",
    ),
    Plant(
        "paths",
        "files.py",
        "fd = openat2(root_fd, path, O_RDONLY, RESOLVE_IN_ROOT)",
        "fd = openat2(root_fd, path, O_RDONLY, 0)",
        "not so: what is read is inside the root",
    ),
)


def put(plant: Plant, prepare_root: Path) -> None:
    """Make the mistake in the copy `prepare_root` of the package."""
    file = prepare_root / plant.file
    text = file.read_text()
    if text.count(plant.right) != 1:
        raise ValueError(f"{plant.file}: {plant.right!r} is there {text.count(plant.right)} times")
    file.write_text(text.replace(plant.right, plant.wrong))
