"""Running a bootloader's program after the swap."""

import os
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError
from bootentries.run import run
from bootentries.txn.context import Context

# Long enough for a slow disk; short enough that a shutdown goes on.
LIMIT_S = 90.0


class ProgramFailed(BootentriesError):
    """The bootloader still boots the list before: what that list needs has to stay."""


@dataclass(frozen=True, slots=True)
class RunProgram:
    """Run `argv` in the sysroot while the file `stamp` is there; remove it on success.

    The stamp is written and synced before the swap, so that neither a failure nor a power
    cut forgets that the program has to run.
    """

    argv: tuple[str, ...]
    stamp: str
    limit_s: float = LIMIT_S

    def describe(self) -> str:
        # Loaded late: it is for people only.
        import shlex  # noqa: PLC0415

        return f"run {shlex.join(self.argv)} (for {self.limit_s:g} s at most)"

    def apply(self, context: Context) -> None:
        stamp_fd, name = context.locate(self.stamp)
        if fs.stat_optional(stamp_fd, name, follow=False) is None:
            return
        program = self.argv[0]
        try:
            run(
                self.argv, "update bootloader", program,
                cwd_fd=context.root.fd, timeout_s=self.limit_s,
            )  # fmt: skip
        except BootentriesError as error:
            raise ProgramFailed(
                error.operation, error.obj, error.reason,
                hint=error.hint or f"{self.stamp} stays; try again: bootentries loader run-pending",
            ) from error  # fmt: skip
        with fs.parent(stamp_fd, name) as (fd, last):
            os.unlink(last, dir_fd=fd)
