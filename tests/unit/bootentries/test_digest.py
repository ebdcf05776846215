"""SHA-256 by its published vectors (FIPS 180-4), and loaded only when it is used."""

import subprocess
import sys

import pytest

from bootentries.digest import sha256

VECTORS = [
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
]


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_vectors(data: bytes, expected: str) -> None:
    assert sha256(data).hexdigest() == expected
    fed = sha256()
    for value in data:
        fed.update(bytes([value]))
    assert fed.hexdigest() == expected


def test_hashlib_comes_with_the_first_use() -> None:
    code = (
        "import sys\nfrom bootentries.digest import sha256\nprint('hashlib' in sys.modules)\n"
        "sha256()\nprint('hashlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
