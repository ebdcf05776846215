"""The stamp in /boot: which hooks have still to run for the active list, and which failed.

It is written and synced before the swap; each hook that succeeds is taken off it, and the
last one removes it.  Lines of `key=value`: `reason`, then `waits` or `failed` for each hook.
"""

from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.root import Root

STAMP = "boot/ostree/bootentries-hooks.stamp"
_IN_BOOT = STAMP.removeprefix("boot/")


@dataclass(frozen=True, slots=True)
class Pending:
    """What was written, and (name, why it failed or None) of each hook that has to run."""

    reason: str = "write"
    hooks: tuple[tuple[str, str | None], ...] = ()

    def encode(self) -> str:
        """Return the text of the stamp."""
        lines = [f"reason={self.reason}\n"]
        for name, failure in self.hooks:
            if failure is None:
                lines.append(f"waits={name}\n")
            else:
                lines.append(f"failed={name}: {' '.join(failure.split())}\n")
        return "".join(lines)

    @staticmethod
    def decode(text: str) -> "Pending":
        """Return what a stamp says; lines that mean nothing are passed over."""
        reason = "write"
        hooks: list[tuple[str, str | None]] = []
        for line in text.split("\n"):
            key, _, value = line.partition("=")
            if key == "reason":
                reason = value
            elif key == "waits":
                hooks.append((value, None))
            elif key == "failed":
                name, _, failure = value.partition(": ")
                hooks.append((name, failure))
        return Pending(reason, tuple(hooks))

    def after(self, name: str, failure: str | None) -> "Pending":
        """Return what is pending after a hook ran; a failure of None is a success."""
        others = tuple(item for item in self.hooks if item[0] != name)
        return Pending(self.reason, others if failure is None else (*others, (name, failure)))


def read_pending(root: Root) -> Pending | None:
    """Return what has still to run, or None; raises BootentriesError."""
    try:
        data = None if root.boot_fd is None else fs.read_optional(root.boot_fd, _IN_BOOT)
    except OSError as error:
        raise from_os_error("read pending hooks", error, STAMP) from error
    return None if data is None else Pending.decode(data.decode(errors="replace"))


def write_pending(root: Root, pending: Pending) -> None:
    """Write the stamp, or remove it when nothing has to run; raises BootentriesError."""
    try:
        if pending.hooks:
            fs.write_file(root.boot(), _IN_BOOT, pending.encode().encode(errors="replace"))
        else:
            fs.remove_tree(root.boot(), _IN_BOOT)
    except OSError as error:
        raise from_os_error("write pending hooks", error, STAMP) from error


def finish(root: Root, name: str, failure: str | None) -> None:
    """Note in the stamp how a hook ended; a failure of None takes it off."""
    pending = read_pending(root)
    if pending is not None:
        try:
            write_pending(root, pending.after(name, failure))
        except BootentriesError as error:
            error.hint = "the hook will run once more at the next boot"
            raise
