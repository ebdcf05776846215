"""The one error type of the recipes: what was attempted, on what, why it failed, what helps."""


class GuestError(Exception):
    """`operation: object: reason`, and a hint that a person can act on."""

    def __init__(self, operation: str, subject: object, reason: str, hint: str = "") -> None:
        super().__init__(f"{operation}: {subject}: {reason}")
        self.hint = hint
