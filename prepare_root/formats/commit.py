"""Commit objects and their detached metadata, as they lie in an OSTree repository.

A commit is the GVariant `(a{sv}aya(say)sstayay)`: metadata, parent, related objects,
subject, body, time, and the checksums of the root's tree and of its metadata.  The time is
big-endian inside an otherwise native file.  Detached metadata (`.commitmeta`) is `a{sv}`.
"""

from prepare_root.formats.gvariant import GVariantError, Variant, decode

COMMIT_TYPE = "(a{sv}aya(say)sstayay)"
_HEX = "0123456789abcdef"


class Commit:
    """One commit; checksums are lower-case hex, `timestamp` is seconds since 1970 (UTC)."""

    __slots__ = ("body", "metadata", "parent", "subject", "timestamp", "tree", "tree_meta")

    def __init__(
        self,
        *,
        metadata: dict[str, Variant],
        parent: str | None,
        subject: str,
        body: str,
        timestamp: int,
        tree: str,
        tree_meta: str,
    ) -> None:
        self.metadata = metadata
        self.parent = parent
        self.subject = subject
        self.body = body
        self.timestamp = timestamp
        self.tree = tree
        self.tree_meta = tree_meta

    @property
    def version(self) -> str | None:
        """The metadata's `version` when it is a string, else None."""
        found = self.metadata.get("version")
        if found is not None and isinstance(found.value, str):
            return found.value
        return None


def decode_commit(data: bytes) -> Commit:
    """Return the commit held by `data`; raises GVariantError when it is malformed."""
    fields = decode(COMMIT_TYPE, data, big=False)
    if not isinstance(fields, tuple):
        raise GVariantError("commit is not a tuple")
    metadata, parent, _related, subject, body, timestamp, tree, tree_meta = fields
    return Commit(
        metadata=metadata,
        parent=_checksum(parent, "parent") if parent else None,
        subject=subject,
        body=body,
        timestamp=swap64(timestamp),
        tree=_checksum(tree, "tree"),
        tree_meta=_checksum(tree_meta, "tree metadata"),
    )


def decode_commitmeta(data: bytes) -> dict[str, Variant]:
    """Return a commit's detached metadata; raises GVariantError when it is malformed."""
    table = decode("a{sv}", data)
    if not isinstance(table, dict):
        raise GVariantError("commit metadata is not a dictionary")
    return table


def object_path(checksum: str, kind: str) -> bytes:
    """Return an object's path below the repository, e.g. `objects/ab/cdef….commit`.

    Raises GVariantError unless `checksum` is 64 lower-case hex digits.
    """
    if len(checksum) != 64 or checksum.strip(_HEX):
        raise GVariantError(f"{checksum!r} is not a checksum")
    return f"objects/{checksum[:2]}/{checksum[2:]}.{kind}".encode("ascii")


def swap64(value: int) -> int:
    """Return a 64-bit number with its bytes reversed."""
    return int.from_bytes(value.to_bytes(8, "little"), "big")


def _checksum(value: bytes, what: str) -> str:
    if len(value) != 32:
        raise GVariantError(f"{what} checksum takes 32 bytes, {len(value)} are there")
    return value.hex()
