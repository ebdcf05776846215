"""Giving up a staged deployment, when a new list does not begin with it."""

from dataclasses import dataclass

from bootentries.staged import take_staged
from bootentries.txn.context import Context


@dataclass(frozen=True, slots=True)
class DropStaged:
    """Remove the description of the staged deployment; its directory is for the clean-up."""

    def describe(self) -> str:
        return "drop the staged deployment"

    def apply(self, context: Context) -> None:
        take_staged(context.run)
