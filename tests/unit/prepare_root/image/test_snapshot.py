"""The snapshot: what imports leave behind is there at the start, and nothing of the build is."""

import subprocess
from pathlib import Path

import pytest

from prepare_root.image import binary
from prepare_root.image.errors import ImageError

MAIN = r"""
import _bootsys

from pkg import counter

LOADED = []
LOADED.append(len(LOADED))


def state(argv: list[bytes], environ: list[bytes]) -> int:
    from pkg import lazy  # found at build time, though it is imported here

    counter.COUNTS["runs"] += 1
    found = (LOADED, counter.COUNTS, lazy.NAME, argv[2:], environ)
    _bootsys.write(1, repr(found).encode() + b"\n")
    return 0


def memory(argv: list[bytes], environ: list[bytes]) -> int:
    # Objects of all sizes, many more bytes than the snapshot has room for, freed in another
    # order than they were made; what is in them is looked at in the end.
    kept = {}
    number = 1
    for turn in range(6000):
        number = number * 48271 % 2147483647
        size = number % (1 << (turn % 18))
        kept[number] = bytearray(bytes([number & 255]) * size)
        if turn % 3 == 0:
            victim = next(iter(kept))
            del kept[victim]
        grown = kept.get(number)
        if grown is not None and turn % 5 == 0:
            grown.extend(bytes([number & 255]) * size)
    for number, data in kept.items():
        if data.strip(bytes([number & 255])):
            return 1
    zeros = [bytes(1 << shift) for shift in range(23)]
    return 0 if not any(zero.strip(b"\0") for zero in zeros) and len(kept) == 4000 else 2


def full(argv: list[bytes], environ: list[bytes]) -> int:
    try:
        bytes(1 << 46)
    except MemoryError:
        return 3
    return 0


def signature(argv: list[bytes], environ: list[bytes]) -> int:
    # The second test of RFC 8032, 7.1, and then with one bit changed in each of its parts.
    key = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signed = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    right = _bootsys.ed25519_verify(signed, b"\x72", key)
    others = (
        (bytes([signed[0] ^ 1]) + signed[1:], b"\x72", key),
        (signed, b"\x73", key),
        (signed, b"\x72", bytes([key[0] ^ 1]) + key[1:]),
    )
    return 0 if right and not any(_bootsys.ed25519_verify(*one) for one in others) else 1


CALLS = {b"state": state, b"memory": memory, b"full": full, b"signature": signature}


def run(argv: list[bytes], environ: list[bytes]) -> int:
    return CALLS[argv[1]](argv, environ)
"""


def package(root: Path, **modules: str) -> Path:
    (root / "pkg").mkdir()
    (root / "pkg/__init__.py").write_text("")
    for name, text in modules.items():
        (root / "pkg" / f"{name}.py").write_text(text)
    return root


def built(root: Path) -> Path:
    binary.build(root / "out", entry="pkg.main", package_roots=(root,))
    return root / "out"


def start(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words], env={"A": "b"}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("snapshot")
    counter, lazy = 'COUNTS = {"imports": 1, "runs": 0}', "NAME = __name__"
    return built(package(root, main=MAIN, counter=counter, lazy=lazy))


@pytest.mark.parametrize("word", ["first", "second"])
def test_every_start_goes_on_from_the_same_state(program: Path, word: str) -> None:
    done = start(program, "state", word)
    expected = f"([0], {{'imports': 1, 'runs': 1}}, 'pkg.lazy', [b'{word}'], [b'A=b'])\n"
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)


@pytest.mark.parametrize(("word", "status"), [("memory", 0), ("full", 3), ("signature", 0)])
def test_in_the_executable(program: Path, word: str, status: int) -> None:
    """Much memory; too much, which is an exception; and Ed25519 by libsodium."""
    done = start(program, word)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", status)


def test_a_module_that_looks_at_the_process_is_refused(tmp_path: Path) -> None:
    main = "import _bootsys\nPID = _bootsys.getpid()\ndef run(argv, environ): return 0\n"
    message = r"^take snapshot: pkg\.main: two starts made different ones$"
    with pytest.raises(ImageError, match=message) as caught:
        built(package(tmp_path, main=main))
    assert caught.value.hint == "a module must not look at the outside world when it is imported"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("main", "reason"),
    [
        ("def run(argv, environ): return 0\n1 / 0\n", "ZeroDivisionError: division by zero"),
        ("x = 1\n", "AttributeError: module 'pkg.main' has no attribute 'run'"),
        ("raise SystemExit\n", "RuntimeError: SystemExit raised; run() returns the status"),
    ],
)
def test_an_error_at_import_stops_the_build(tmp_path: Path, main: str, reason: str) -> None:
    with pytest.raises(ImageError) as caught:
        built(package(tmp_path, main=main))
    assert str(caught.value).startswith("take snapshot: pkg.main: ")
    assert str(caught.value).endswith(f"failed (70): {reason}")


def test_without_a_snapshot_it_says_so(tmp_path: Path) -> None:
    """What is linked and not finished, as `relink` leaves it when it is stopped half-way."""
    root = package(tmp_path, main="def run(argv, environ): return 0\n")
    objects = tmp_path / "objects"
    binary.build(root / "out", entry="pkg.main", package_roots=(root,), keep_objects=objects)
    lines = (objects / "relink").read_text().splitlines()
    linking = "\n".join(line for line in lines if not line.startswith(("./", "objcopy")))
    subprocess.run(["sh", "-c", linking, objects / "relink"], check=True, capture_output=True)
    done = start(objects / "prepare-root")
    said = "prepare-root: read arguments: no snapshot in here yet; expected ENTRY and MODULES\n"
    assert (done.stderr, done.returncode) == (said, 70)
    done = start(objects / "prepare-root", "pkg.main", str(tmp_path / "none"))
    said = "prepare-root: read modules: No such file or directory\n"
    assert (done.stderr, done.returncode) == (said, 70)
