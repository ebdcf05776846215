"""What is amiss beyond the list: failures at shutdown, and work that was left for later.

Nobody sees a shutdown, and messages of the boot scroll away; so these are kept in files, in
/boot and in /run, and `status` shows them until they are settled.
"""

from dataclasses import dataclass

from bootentries.errors import BootentriesError
from bootentries.failure import read_failure
from bootentries.hooks.stamp import Pending, read_pending
from bootentries.loaders.stamp import is_pending
from bootentries.loopguard import Attempts, read_failures
from bootentries.root import Root
from bootentries.sysroot import Sysroot
from prepare_root.formats.fallback import PATH as FALLBACK
from prepare_root.formats.fallback import Fallback

FAILED = "mend what the reason names, and stage it again"
FELL_BACK = "see what bootentries verify names; then write the list again, or deploy again"
HOOKS = "bootentries hooks run-pending"
LOADER = "bootentries loader run-pending"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a staged deployment did not become active.

    `target` is STATEROOT/CHECKSUM.SERIAL and `count` how often in a row it failed, where that
    is known.
    """

    reason: str
    target: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What there is to tell; None, or False, where all is well."""

    failure: Failure | None = None
    fallback: Fallback | None = None
    hooks: Pending | None = None
    loader: bool = False

    def notices(self) -> tuple[tuple[str, str], ...]:
        """Return (what is amiss, what to do about it) of each, in one line each."""
        result = []
        if self.failure is not None:
            result.append((_failed(self.failure), FAILED))
        if self.fallback is not None:
            result.append((_fell_back(self.fallback), FELL_BACK))
        if self.loader:
            result.append(("The bootloader's program has still to run for this list", LOADER))
        if self.hooks is not None:
            names = ", ".join(
                name if failure is None else f"{name} ({failure})"
                for name, failure in self.hooks.hooks
            )
            result.append((f"Hooks have still to run after {self.hooks.reason}: {names}", HOOKS))
        return tuple(result)


def read_condition(root: Root, present: Sysroot, run: str = "/run") -> Condition:
    """Return the condition of a sysroot; a file that cannot be read is named in a failure.

    What is in `run` is about the running system, and left out for any other.
    """
    try:
        reason = read_failure(root, present)
        attempts = read_failures(root, present)
        hooks = read_pending(root)
        loader = root.boot_fd is not None and is_pending(root)
    except BootentriesError as error:
        return Condition(Failure(str(error)))
    return Condition(
        _failure(reason, attempts),
        _fallback(run) if present.booted else None,
        hooks if hooks is not None and hooks.hooks else None,
        loader,
    )


def _failure(reason: str | None, attempts: Attempts | None) -> Failure | None:
    if reason is None and attempts is None:
        return None
    if attempts is None:
        return Failure(" ".join((reason or "").split()) or "no reason is given")
    target = f"{attempts.stateroot}/{attempts.name}"
    # The boot after it removes the reason that libostree knows; this one stays.
    text = reason if reason is not None else attempts.reason
    return Failure(" ".join(text.split()) or "no reason is given", target, attempts.count)


def _place(run: str) -> str:
    return run + FALLBACK.decode().removeprefix("/run")


def _fallback(run: str) -> Fallback | None:
    try:
        with open(_place(run), "rb") as file:
            return Fallback.decode(file.read(1 << 16))
    except OSError:
        return None


def _failed(failure: Failure) -> str:
    what = f" {failure.target}" if failure.target else ""
    often = f", {failure.count} times in a row" if (failure.count or 0) > 1 else ""
    return f"The staged deployment{what} did not become active{often}: {failure.reason}"


def _fell_back(fallback: Fallback) -> str:
    return (
        f"Another deployment was booted than the one asked for: {fallback.booted} "
        f"instead of {fallback.requested}: {fallback.reason}"
    )
