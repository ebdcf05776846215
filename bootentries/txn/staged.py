"""What a write does to a staged deployment: give it up, or change what its entry will say."""

from dataclasses import dataclass

from bootentries.failure import forget_interruption
from bootentries.staged import set_extra, set_kargs, take_staged
from bootentries.txn.context import Context


@dataclass(frozen=True, slots=True)
class DropStaged:
    """Remove the description of the staged deployment; its directory is for the clean-up."""

    def describe(self) -> str:
        return "drop the staged deployment"

    def apply(self, context: Context) -> None:
        take_staged(context.run)
        forget_interruption(context.root)


@dataclass(frozen=True, slots=True)
class EditStaged:
    """Set the arguments in the description of the staged deployment."""

    args: tuple[str, ...]

    def describe(self) -> str:
        return f"set the arguments of the staged deployment: {' '.join(self.args)}"

    def apply(self, context: Context) -> None:
        set_kargs(self.args, context.run)


@dataclass(frozen=True, slots=True)
class EditStagedKey:
    """Set a key that the entry of the staged deployment will have, or take it away."""

    key: str
    value: str | None

    def describe(self) -> str:
        text = "take it away" if self.value is None else self.value
        return f"set {self.key} of the staged deployment: {text}"

    def apply(self, context: Context) -> None:
        set_extra(self.key, self.value, context.run)
