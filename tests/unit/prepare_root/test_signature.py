"""Signatures of commits: libsodium checks what openssl(1) signed."""

import base64
import dataclasses
import shutil

import cfsimages
import pytest
import sodium

from prepare_root import signature
from prepare_root.errors import Failure
from prepare_root.formats import gvariant
from prepare_root.formats.commit import COMMIT_TYPE
from prepare_root.formats.gvariant import Variant

CHECKSUM, PARENT = "ab" * 32, "cd" * 32
DIGEST = bytes(range(32))
DIGEST_KEY = "ostree.composefs.digest.v0"
CONTAINER = "ostree.container.image-config"

# RFC 8032, 7.1: secret keys are not needed to check
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
        "b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
        "1d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("key", "message", "signed"), VECTORS)
def test_vectors(key, message, signed):
    verify = sodium.module().ed25519_verify
    words = [bytes.fromhex(text) for text in (signed, message, key)]
    assert verify(*words) is True
    for index, word in enumerate(words):
        changed = bytearray(word or b"x")
        changed[len(changed) // 2] ^= 1
        assert verify(*words[:index], bytes(changed), *words[index + 1 :]) is False


@dataclasses.dataclass
class Repo:
    """A repository with one signed commit, and the file of its key."""

    root: object
    key: object
    keys: object

    def write(self, checksum, kind, data):
        path = cfsimages.object_file(self.root, checksum, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def commit(self, checksum=CHECKSUM, parent=b"", **metadata):
        table = {DIGEST_KEY: Variant("ay", DIGEST)} | metadata
        value = (table, parent, [], "subject", "body", 0, bytes(32), bytes(32))
        data = gvariant.encode(COMMIT_TYPE, value)
        self.write(checksum, "commit", data)
        return data

    def sign(self, checksum, *signatures):
        self.write(checksum, "commitmeta", cfsimages.detached(*signatures))

    def digest(self):
        return signature.signed_digest(bytes(self.root), CHECKSUM, bytes(self.keys))


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return cfsimages.new_key(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return cfsimages.new_key(tmp_path_factory.mktemp("other") / "key.pem")


@pytest.fixture
def repo(tmp_path, key, monkeypatch):
    monkeypatch.setattr(signature._bootsys, "ed25519_verify", sodium.module().ed25519_verify)
    made = Repo(tmp_path, key, tmp_path / "keys")
    made.keys.write_text(key.line)
    made.sign(CHECKSUM, key.sign(made.commit()))
    return made


def failure(repo):
    with pytest.raises(Failure) as caught:
        repo.digest()
    return str(caught.value)


def test_signed(repo):
    assert repo.digest() == DIGEST


def test_one_of_several_is_enough(repo, key, other):
    repo.keys.write_text(f"\n{other.line}\n  {key.line}\n\n")
    data = repo.commit()
    repo.sign(CHECKSUM, other.sign(b"else"), b"short", key.sign(data))
    assert repo.digest() == DIGEST


def test_wrong_key(repo, other):
    repo.keys.write_text(other.line)
    assert failure(repo) == (
        f"check signature: {CHECKSUM}: none of its 1 signatures is by a key in {repo.keys}"
    )


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_flipped_byte_of_the_signature(repo, key, at):
    changed = bytearray(key.sign(repo.commit()))
    changed[at] ^= 1
    repo.sign(CHECKSUM, bytes(changed))
    assert "none of its 1 signatures is by a key" in failure(repo)


def test_a_flipped_bit_of_the_commit(repo):
    """Wherever it is: whatever can still be read is not what was signed."""
    data = repo.commit()
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        repo.write(CHECKSUM, "commit", bytes(changed))
        reason = failure(repo)
        assert "none of its 1 signatures" in reason or "commit object unreadable: " in reason


def test_no_signatures(repo):
    repo.write(CHECKSUM, "commitmeta", gvariant.encode("a{sv}", {}))
    assert failure(repo) == f"check signature: {CHECKSUM}: the commit has no Ed25519 signatures"
    repo.sign(CHECKSUM)
    assert failure(repo) == f"check signature: {CHECKSUM}: the commit has no Ed25519 signatures"


def test_no_detached_metadata(repo):
    cfsimages.object_file(repo.root, CHECKSUM, "commitmeta").unlink()
    assert failure(repo) == f"check signature: {CHECKSUM}: the commit has no detached metadata"


def test_detached_metadata_that_is_none(repo):
    repo.write(CHECKSUM, "commitmeta", b"\xff" * 9)
    assert failure(repo).startswith(f"check signature: {CHECKSUM}: detached metadata unreadable: ")


def test_no_commit(repo):
    shutil.rmtree(repo.root / "ostree")
    assert failure(repo) == (
        f"check signature: {CHECKSUM}: the commit object is missing from the repository"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Variant("s", "text"), "the commit names no digest of a composefs image"),
        (Variant("ay", b"short"), "the commit's composefs digest has 5 bytes, not 32"),
    ],
)
def test_digest_that_is_none(repo, key, value, reason):
    repo.sign(CHECKSUM, key.sign(repo.commit(**{DIGEST_KEY: value})))
    assert failure(repo) == f"check signature: {CHECKSUM}: {reason}"


def container(repo, key, **metadata):
    """A commit of the machine's own on top of the signed one of an image, as bootc makes it."""
    repo.sign(PARENT, key.sign(repo.commit(PARENT)))
    repo.commit(parent=bytes.fromhex(PARENT), **{DIGEST_KEY: Variant("ay", bytes(32)), **metadata})
    cfsimages.object_file(repo.root, CHECKSUM, "commitmeta").unlink()


def test_a_containers_base_commit(repo, key):
    """The signed one's digest counts, not that of the commit on top."""
    container(repo, key, **{CONTAINER: Variant("s", "{}")})
    assert repo.digest() == DIGEST


@pytest.mark.parametrize("metadata", [{}, {CONTAINER: Variant("ay", b"{}")}])
def test_only_containers_have_a_base_commit(repo, key, metadata):
    container(repo, key, **metadata)
    assert failure(repo) == f"check signature: {CHECKSUM}: the commit has no detached metadata"


def test_a_base_commit_without_signatures(repo, key):
    container(repo, key, **{CONTAINER: Variant("s", "{}")})
    cfsimages.object_file(repo.root, PARENT, "commitmeta").unlink()
    assert failure(repo) == f"check signature: {PARENT}: the commit has no detached metadata"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file or directory"),
        ("\n \n", "there is no key in it"),
        ("\n# a key\n", "line 2: not base64: byte 0x23 in it"),
        (base64.b64encode(bytes(31)).decode(), "line 1: a key takes 32 bytes, 31 are there"),
    ],
)
def test_keys(repo, text, reason):
    repo.keys.unlink()
    if text is not None:
        repo.keys.write_text(text)
    assert failure(repo) == f"read keys: {repo.keys}: {reason}"


def test_without_libsodium(repo, monkeypatch):
    monkeypatch.undo()
    assert failure(repo) == (
        "check signature: Ed25519: this prepare-root was built without libsodium"
    )
