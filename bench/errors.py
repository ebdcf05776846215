"""What can go wrong while measuring, in the words that a person gets to see."""


class BenchError(Exception):
    """One line, `operation: object: reason`, and a hint."""

    def __init__(self, operation: str, subject: object, reason: str, hint: str = "") -> None:
        super().__init__(f"{operation}: {subject}: {reason}")
        self.hint = hint
