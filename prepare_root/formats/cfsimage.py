"""The head of a composefs image: a header of its own, and an EROFS superblock at 1024.

The header is 32 bytes, little-endian: magic, version, flags, version of the composefs
format, and four reserved numbers (libcomposefs: lcfs-erofs.h).
"""

from prepare_root.formats import FormatError

HEAD_SIZE = 1024 + 4
_MAGIC = 0xD078629A
_EROFS_MAGIC = 0xE0F5E1E2
_HAS_ACL = 1


class ImageError(FormatError):
    """Bytes that are no composefs image."""


def has_acl(head: bytes) -> bool:
    """Whether files in the image have ACLs; `head` is its first HEAD_SIZE bytes.

    Raises ImageError.
    """
    if len(head) < HEAD_SIZE:
        raise ImageError(f"not a composefs image: it ends after {len(head)} bytes")
    if _number(head, 0) != _MAGIC:
        raise ImageError("not a composefs image: no header of one")
    if _number(head, 1024) != _EROFS_MAGIC:
        raise ImageError("not a composefs image: no EROFS superblock in it")
    return bool(_number(head, 8) & _HAS_ACL)


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
