"""What can go wrong with a machine; only the command line prints these and exits."""


class BootvmError(Exception):
    """`operation: object: reason`, and a hint that a person can act on."""

    def __init__(self, operation: str, subject: object, reason: str, hint: str = "") -> None:
        super().__init__(f"{operation}: {subject}: {reason}")
        self.hint = hint
        if hint:
            # What a traceback shows, too: a test that fails in a guest says why.
            self.add_note(hint)


class ConsoleError(BootvmError):
    """The awaited text did not come: time ran out, or the machine ended first.

    The message carries the console's last lines, the hint the command that shows all of it.
    """


class AgentError(BootvmError):
    """The guest's agent did not answer as it must."""
