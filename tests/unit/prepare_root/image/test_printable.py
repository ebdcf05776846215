"""What the executable knows of characters, beside the interpreter that it is linked from."""

import subprocess
import sys
from pathlib import Path

from prepare_root.image import binary, printable, toolchain

# Runs of characters with equal answers, outside ASCII those that are promised; the same text
# under both.
MAIN = r"""
import _bootsys


def answers(number: int) -> tuple[object, ...]:
    one = chr(number)
    general = (one.isprintable(), one.isspace(), len(("a" + one + "b").splitlines()))
    if number >= 128:
        return general
    return (*general, one.isalpha(), one.isdigit(), one.isdecimal(), one.isnumeric(),
            one.isalnum(), one.islower(), one.isupper(), one.istitle(), one.isidentifier(),
            one.lower(), one.upper(), one.title(), one.casefold(), one.swapcase())


def run(argv: list[bytes], environ: list[bytes]) -> int:
    last = None
    for number in range(0x110000):
        found = answers(number)
        if found != last:
            _bootsys.write(1, f"{number:x} {found}\n".encode())
            last = found
    _bootsys.write(1, "\u0130\u00df\u0661".lower().upper().encode() + b"\n")
    return 0
"""


def test_as_the_interpreter_says(tmp_path: Path) -> None:
    (tmp_path / "letters.py").write_text(MAIN)
    binary.build(tmp_path / "core", entry="letters", package_roots=(tmp_path,))
    core = subprocess.run([tmp_path / "core"], capture_output=True, text=True, check=True)
    code = "import letters; letters.run([], [])"
    paths = [str(tmp_path), *(path for path in sys.path if path)]
    host = subprocess.run(
        [toolchain.find_python().executable, "-c", f"import sys; sys.path[:0] = {paths}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    ours, theirs = core.stdout.splitlines(), host.stdout.splitlines()
    assert ours[:-1] == theirs[:-1]
    assert len(ours) > 1000
    # beyond ASCII there is no case
    assert ours[-1] == "\u0130\u00df\u0661"
    assert theirs[-1] != ours[-1]


def test_table() -> None:
    python = toolchain.find_python()
    numbers = printable.changes(python)
    assert numbers[:4] == [0x20, 0x7F, 0xA1, 0xAD]
    assert numbers == sorted(set(numbers))
    text = printable.table(python)
    assert text.startswith("static const Py_UCS4 changes[] = {\n    32, 127, 161, 173, ")
    assert text.count(",") == len(numbers)
