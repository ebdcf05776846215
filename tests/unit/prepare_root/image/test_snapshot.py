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


def say(value) -> None:
    _bootsys.write(1, repr(value).encode() + b"\n")


def run(argv: list[bytes], environ: list[bytes]) -> int:
    from pkg import lazy  # found at build time, though it is imported here

    counter.COUNTS["runs"] += 1
    say((LOADED, counter.COUNTS, lazy.NAME, argv[1:], environ))
    return 0
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


def test_every_start_goes_on_from_the_same_state(tmp_path: Path) -> None:
    counter, lazy = 'COUNTS = {"imports": 1, "runs": 0}', "NAME = __name__"
    program = built(package(tmp_path, main=MAIN, counter=counter, lazy=lazy))
    counts = "{'imports': 1, 'runs': 1}"
    for word in ("first", "second"):
        done = start(program, word)
        expected = f"([0], {counts}, 'pkg.lazy', [b'{word}'], [b'A=b'])\n"
        assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)


# Objects of all sizes, many more bytes than the snapshot has room for, freed in another order
# than they were made; what is in them is looked at in the end.
MEMORY = r"""
def run(argv: list[bytes], environ: list[bytes]) -> int:
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
"""


def test_memory(tmp_path: Path) -> None:
    done = start(built(package(tmp_path, main=MEMORY)))
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


FULL = r"""
def run(argv: list[bytes], environ: list[bytes]) -> int:
    try:
        bytes(1 << 46)
    except MemoryError:
        return 3
    return 0
"""


def test_too_much_memory_is_an_exception(tmp_path: Path) -> None:
    done = start(built(package(tmp_path, main=FULL)))
    assert (done.stderr, done.returncode) == ("", 3)


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
