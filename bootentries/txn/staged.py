"""Giving up a staged deployment, when a new list does not begin with it."""

import os
from dataclasses import dataclass

from bootentries import fs
from bootentries.booted import STAGED
from bootentries.txn.context import Context


@dataclass(frozen=True, slots=True)
class DropStaged:
    """Remove the description of the staged deployment; its directory is for the clean-up."""

    def describe(self) -> str:
        return "drop the staged deployment"

    def apply(self, context: Context) -> None:
        run_fd = os.open(context.run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # The lock last: a description without it would be finalised.
            fs.remove_tree(run_fd, STAGED)
            fs.remove_tree(run_fd, f"{STAGED}-locked")
        finally:
            os.close(run_fd)
