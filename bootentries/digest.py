"""SHA-256, loaded when it is used: hashlib brings a large library, and most verbs hash nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import hashlib


def sha256(data: bytes = b"") -> "hashlib._Hash":
    """Return a new SHA-256 that was fed `data`."""
    from hashlib import sha256 as new  # noqa: PLC0415

    return new(data)
