"""The NOTICE beside an executable: what is linked in, in which version, on which terms."""

from prepare_root import VERSION
from prepare_root.image.toolchain import Compiler, Python, Sodium

_TEXT = """\
This executable is linked statically from these parts:

bootchain {ours}
    Apache License 2.0.

CPython {python}
    Python Software Foundation License 2.0; its text is below when the interpreter
    that was linked from brought it along.

GNU C Library {libc}
    GNU Lesser General Public License 2.1 or later.  You may replace the library:
    `prepare-root-image binary OUT --keep-objects DIR` keeps the other objects, and
    `DIR/relink` links them again with the libc.a of your choice.

libsodium {sodium}
    ISC License; its text is below when the library brought it along.

GCC runtime library (libgcc) {gcc}
    GNU General Public License 3 or later with the GCC Runtime Library Exception 3.1.
"""


def text(python: Python, compiler: Compiler, sodium: Sodium) -> str:
    """The NOTICE for an executable of these parts."""
    notice = _TEXT.format(
        ours=VERSION,
        python=python.release,
        libc=compiler.libc,
        gcc=compiler.release,
        sodium=sodium.release,
    )
    for name, part in (("CPython", python), ("libsodium", sodium)):
        if part.licence.is_file():
            licence = part.licence.read_text(encoding="utf-8", errors="replace")
            notice += f"\n---- {name} {part.release} ----\n\n{licence.strip()}\n"
    return notice
