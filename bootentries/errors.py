"""The one error type of the host side; only `bootentries.cli` prints it and exits."""


class BootentriesError(Exception):
    """`operation: object: reason`, with an optional hint on what to do about it."""

    def __init__(
        self, operation: str, obj: str, reason: str, hint: str | None = None, status: int = 1
    ) -> None:
        super().__init__(f"{operation}: {obj}: {reason}")
        self.operation = operation
        self.obj = obj
        self.reason = reason
        self.hint = hint
        self.status = status


def from_os_error(operation: str, error: OSError, obj: str | None = None) -> BootentriesError:
    """Return the error for a failed system call; `obj` overrides the path it names."""
    name = error.filename if obj is None else obj
    if isinstance(name, bytes):
        name = name.decode("utf-8", "backslashreplace")
    if not isinstance(name, str):
        # None, or an fd's number, which says nothing once it is closed.
        name = ""
    return BootentriesError(operation, name or "system call", error.strerror or str(error))
