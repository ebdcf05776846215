"""The one exception with which preparation stops, and how it reads.

Raised where the cause is known; only `main` and `init` print it and decide what follows.
"""


class Failure(Exception):
    """Preparation cannot go on.

    `operation`, `subject` and `reason` make the one line that people read on a serial
    console; `hint` says what to do about it, or is empty.  All are text; names that come
    from disk or from the command line go through `show` first.
    """

    __slots__ = ("hint", "operation", "reason", "subject")

    def __init__(self, operation: str, subject: str, reason: str, hint: str = "") -> None:
        super().__init__(operation, subject, reason, hint)
        self.operation = operation
        self.subject = subject
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.operation}: {self.subject}: {self.reason}"


def show(name: bytes) -> str:
    """`name` as text that is safe on one line of a console; the rest becomes escapes.

    Escaped are bytes that are no UTF-8, and characters that a terminal may obey or that hide
    or reorder others: control characters of both ranges (C1 has one-character escape
    sequences), line separators, directional marks.  An escape is always a byte, `\\x9b`.
    """
    text = name.decode("utf-8", "backslashreplace")
    if text.isprintable():  # nearly always, and much faster
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8"))


def reason_of(error: OSError) -> str:
    """The system's own words for `error`, without its number."""
    return error.strerror or str(error)
