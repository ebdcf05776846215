"""How this program speaks on standard error: one line for each thing, whatever is in a name."""

import sys

# A file that is no text at all has lines of any length, and errors quote them.
_LONGEST = 8000


def note(text: str) -> None:
    """Say something that is not the result.

    Where it cannot be written nobody hears it, and what was being done goes on.
    """
    try:
        print(f"bootentries: {text}", file=sys.stderr)
    except OSError:
        return


def print_error(text: str, hint: str | None) -> None:
    """Say what went wrong, and what to do about it."""
    print(f"bootentries: {one_line(text)}", file=sys.stderr)
    if hint:
        print(f"hint: {one_line(hint)}", file=sys.stderr)


def one_line(text: str) -> str:
    """Return the text without line feeds; of a very long one, its beginning and its end."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} … {line[-200:]}"
