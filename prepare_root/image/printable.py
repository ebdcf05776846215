"""Which characters can be printed, as a table for C, from the interpreter that is linked.

CPython's own table holds every property of every character, and is 170 KB; of characters
outside ASCII the executable only has to know whether to show or to escape them.
"""

import json
import subprocess

from prepare_root.image.errors import ImageError
from prepare_root.image.toolchain import Python

FILE = "printable.h"

# The characters at which the answer changes, beginning with "no".
_QUESTION = """
import json, sys
last, changes = False, []
for number in range(sys.maxunicode + 1):
    if chr(number).isprintable() != last:
        last = not last
        changes.append(number)
print(json.dumps(changes))
"""


def changes(python: Python) -> list[int]:
    """The characters from which on `str.isprintable` says something else than before."""
    done = subprocess.run(
        [str(python.executable), "-I", "-S", "-c", _QUESTION], capture_output=True, check=False
    )
    if done.returncode != 0:
        raise ImageError("ask interpreter", str(python.executable), "gave no answer")
    found: list[int] = json.loads(done.stdout)
    return found


def table(python: Python) -> str:
    """The text of FILE, for prepare_root/sys/leftout_unicode.c."""
    numbers = changes(python)
    rows = [numbers[at : at + 12] for at in range(0, len(numbers), 12)]
    lines = [f"    {', '.join(map(str, row))}," for row in rows]
    return "\n".join(["static const Py_UCS4 changes[] = {", *lines, "};", ""])
