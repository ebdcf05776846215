"""The one error type of the image builders.

Raised where the cause is known; only `prepare_root.image.cli` prints it and exits.
"""


class ImageError(Exception):
    """A build that cannot go on: "operation: object: reason", and what to do about it.

    `status` is the exit status of the command.
    """

    def __init__(
        self, operation: str, subject: str, reason: str, hint: str = "", status: int = 1
    ) -> None:
        super().__init__(f"{operation}: {subject}: {reason}")
        self.operation = operation
        self.subject = subject
        self.reason = reason
        self.hint = hint
        self.status = status
