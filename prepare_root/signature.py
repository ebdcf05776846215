"""Ed25519 signatures of commits, and the image's digest that a signed commit names.

A signature is over the bytes of the commit object; signatures are in the detached metadata
beside it, keys in a file of the initramfs, one a line in base64.  The image's fs-verity digest
in the commit's own metadata is what makes the tree the signed one (libostree: ostree-sign(1),
ostree-prepare-root(1)).
"""

import errno

import _bootsys

from prepare_root import files
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import FormatError
from prepare_root.formats import keys as keyfiles
from prepare_root.formats.commit import Commit, decode_commit, decode_commitmeta, object_path
from prepare_root.formats.gvariant import Variant

OPERATION = "check signature"
_SIGNATURES = "ostree.sign.ed25519"
_DIGEST = "ostree.composefs.digest.v0"
_CONTAINER = "ostree.container.image-config"
_SIGNATURE_SIZE, _DIGEST_SIZE = 64, 32
_REBUILD = "put the key into the initramfs and build it again"
_RESIGN = "sign the commit again, or choose another entry in the boot menu"


def load_keys(path: bytes) -> list[bytes]:
    """The public keys in the file at `path`.  Raises Failure."""
    try:
        text = files.read(path)
    except OSError as error:
        raise Failure("read keys", show(path), reason_of(error), _REBUILD) from error
    try:
        return keyfiles.parse(text)
    except FormatError as error:
        raise Failure("read keys", show(path), str(error), _REBUILD) from error


def signed_digest(root: bytes, checksum: str, keypath: bytes) -> bytes:
    """The fs-verity digest that the signed commit `checksum` names for its image.

    `root` is the physical root's path, `keypath` the file of keys.  Raises Failure with a
    text of its own for each thing that can be missing or wrong.
    """
    keys = load_keys(keypath)
    checksum, data, commit, meta = _find(root, checksum)
    found = _signatures(checksum, meta)
    if not any(_fits(signature, data, key) for key in keys for signature in found):
        reason = f"none of its {len(found)} signatures is by a key in {show(keypath)}"
        raise Failure(OPERATION, checksum, reason, _RESIGN)
    digest = commit.metadata.get(_DIGEST)
    if digest is None or digest.type != "ay" or not isinstance(digest.value, bytes):
        raise Failure(OPERATION, checksum, "the commit names no digest of a composefs image")
    if len(digest.value) != _DIGEST_SIZE:
        reason = f"the commit's composefs digest has {len(digest.value)} bytes, not {_DIGEST_SIZE}"
        raise Failure(OPERATION, checksum, reason)
    return digest.value


def _find(root: bytes, checksum: str) -> tuple[str, bytes, Commit, dict[str, Variant]]:
    """The commit that carries signatures: checksum, bytes, values, detached metadata.

    A container is deployed as a commit of the machine's own on top of the image's commit,
    and only that one was signed (bootc).
    """
    data, commit = _commit(root, checksum)
    meta = _detached(root, checksum)
    config = commit.metadata.get(_CONTAINER)
    if meta is None and commit.parent and config is not None and config.type == "s":
        checksum = commit.parent
        data, commit = _commit(root, checksum)
        meta = _detached(root, checksum)
    if meta is None:
        raise Failure(OPERATION, checksum, "the commit has no detached metadata", _RESIGN)
    return checksum, data, commit, meta


def _commit(root: bytes, checksum: str) -> tuple[bytes, Commit]:
    data = _object(root, checksum, "commit")
    if data is None:
        raise Failure(OPERATION, checksum, "the commit object is missing from the repository")
    try:
        return data, decode_commit(data)
    except FormatError as error:
        raise Failure(OPERATION, checksum, f"commit object unreadable: {error}") from error


def _detached(root: bytes, checksum: str) -> dict[str, Variant] | None:
    data = _object(root, checksum, "commitmeta")
    if data is None:
        return None
    try:
        return decode_commitmeta(data)
    except FormatError as error:
        reason = f"detached metadata unreadable: {error}"
        raise Failure(OPERATION, checksum, reason, _RESIGN) from error


def _object(root: bytes, checksum: str, kind: str) -> bytes | None:
    try:
        return files.read_in_root(root, b"ostree/repo/" + object_path(checksum, kind))
    except FormatError as error:
        raise Failure(OPERATION, checksum, str(error)) from error
    except OSError as error:
        raise Failure(OPERATION, checksum, f"{kind} object: {reason_of(error)}") from error


def _signatures(checksum: str, meta: dict[str, Variant]) -> list[bytes]:
    found = meta.get(_SIGNATURES)
    if found is None or found.type != "aay" or not isinstance(found.value, list) or not found.value:
        raise Failure(OPERATION, checksum, "the commit has no Ed25519 signatures", _RESIGN)
    return [signature for signature in found.value if isinstance(signature, bytes)]


def _fits(signature: bytes, data: bytes, key: bytes) -> bool:
    """Whether it is a signature of `data`; one of another size is none."""
    if len(signature) != _SIGNATURE_SIZE:
        return False
    try:
        return _bootsys.ed25519_verify(signature, data, key)
    except OSError as error:
        reason = reason_of(error)
        if error.errno == errno.ENOSYS:
            reason = "this prepare-root was built without libsodium"
        raise Failure(OPERATION, "Ed25519", reason) from error
