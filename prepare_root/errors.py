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
    """`name` as text that fits on one line; bytes that are no text become escapes."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c >= " " and c != "\x7f" else f"\\x{ord(c):02x}" for c in text)


def reason_of(error: OSError) -> str:
    """The system's own words for `error`, without its number."""
    return error.strerror or str(error)
