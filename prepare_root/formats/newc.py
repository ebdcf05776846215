"""An initramfs image: archives one after another, each plain or packed in its own way.

Format: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.  An archive
begins at a multiple of four, zeros between archives mean nothing, and what is packed reaches
to the end: the tools that make images pack one archive, the last.
"""

from prepare_root.formats import FormatError

MAGIC = b"070701"
HEADER_SIZE = 110
TRAILER = b"TRAILER!!!"

_WITH_CHECKSUMS = b"070702"
_FIELDS = 13

# How each way of packing begins.
PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"BZh", "bzip2"),
    (b"\x5d\0\0", "lzma"),
    (b"\x89LZO", "lzop"),
)
# The filter that unpacks each, from standard input to standard output.
FILTERS = {
    "gzip": ("gzip", "-dc"),
    "xz": ("xz", "-dc"),
    "zstd": ("zstd", "-dcq"),
    "lz4": ("lz4", "-dc"),
    "bzip2": ("bzip2", "-dc"),
    "lzma": ("xz", "--format=lzma", "-dc"),
    "lzop": ("lzop", "-dc"),
}


class Member:
    """One member: its header's fields, and its content, which for a link is its target.

    `name` is as it stands in the archive, without the zero at its end; `rdev` is (major,
    minor).
    """

    __slots__ = ("data", "gid", "ino", "mode", "mtime", "name", "nlink", "rdev", "uid")

    def __init__(self, name: bytes, fields: list[int], data: bytes) -> None:
        self.name = name
        self.ino, self.mode, self.uid, self.gid, self.nlink, self.mtime = fields[:6]
        self.rdev = (fields[9], fields[10])
        self.data = data


def is_archive(image: bytes, at: int) -> bool:
    """Whether an archive that is not packed begins there."""
    return image[at : at + 6] in (MAGIC, _WITH_CHECKSUMS)


def packed(image: bytes, at: int) -> str:
    """How what begins there is packed; raises FormatError when that is not known."""
    for magic, name in PACKED:
        if image.startswith(magic, at):
            return name
    raise FormatError(
        f"neither an archive nor packed in a known way: it begins {image[at : at + 6]!r}"
    )


def skip_zeros(image: bytes, at: int) -> int:
    """Where the next archive can begin, or the image's length."""
    while at < len(image) and not image[at]:
        # a stretch at once: the padding behind an early archive can be long
        at += 4096 if image[at : at + 4096].count(0) == 4096 else 1
    return at


def read(image: bytes, at: int) -> tuple[list[Member], int]:
    """The members of the archive that begins at `at`, and where it ends.

    Raises FormatError for anything that is not an archive up to its trailer.
    """
    found: list[Member] = []
    while True:
        if not is_archive(image, at) or at + HEADER_SIZE > len(image):
            raise FormatError(f"no newc header at {at}")
        digits = image[at + 6 : at + HEADER_SIZE]
        if digits.strip(b"0123456789abcdefABCDEF"):
            raise FormatError(f"bad header at {at}: not hexadecimal")
        fields = [int(digits[8 * i : 8 * i + 8], 16) for i in range(_FIELDS)]
        size, length = fields[6], fields[11]
        start = _aligned(at + HEADER_SIZE + length)
        if start + size > len(image):
            raise FormatError(f"cut short in the member at {at}")
        name = image[at + HEADER_SIZE : at + HEADER_SIZE + length].rstrip(b"\0")
        at = _aligned(start + size)
        if name == TRAILER:
            return found, at
        found.append(Member(name, fields, image[start : start + size]))


def _aligned(at: int) -> int:
    return (at + 3) & ~3
