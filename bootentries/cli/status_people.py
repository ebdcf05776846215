"""What `status` prints to a terminal: what is amiss, then a block for each deployment."""

import os
from collections.abc import Iterator

from bootentries.check.finding import shown
from bootentries.cli.status_report import difference, kernel_release, state_words
from bootentries.condition import Condition
from bootentries.deployment import Deployment
from bootentries.root import Root
from bootentries.sysroot import Sysroot

BOOTED = "●"
_RED, _GREEN, _BOLD, _END = "\x1b[1;31m", "\x1b[1;32m", "\x1b[1m", "\x1b[0m"
_INDENT = " " * 5
_WIDTH = len("Deployment:")


def has_colours() -> bool:
    """Return whether a terminal is to be given colours: see https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def people_lines(root: Root, found: Sysroot, state: Condition, *, colours: bool) -> Iterator[str]:
    """Yield the lines; `colours` has some of them coloured."""

    def paint(text: str, colour: str) -> str:
        return f"{colour}{text}{_END}" if colours and colour else text

    for text, remedy in state.notices():
        yield paint(f"! {shown(text)}", _RED)
        yield f"  remedy: {remedy}"
    if state.notices():
        yield ""
    if not found.deployments:
        yield "No deployments."
    for place, item in enumerate(found.deployments):
        if place:
            yield ""
        mark = paint(BOOTED, _GREEN) if item.booted else " "
        yield f"{mark} {paint(_head(found, item), _BOLD if item.booted else '')}"
        for name, text in details(root, found, item):
            yield f"{_INDENT}{name + ':':{_WIDTH}} {shown(text)}"


def _head(found: Sysroot, item: Deployment) -> str:
    words = state_words(found, item)
    version = f" {shown(item.version)}" if item.version else ""
    state = f"  ({', '.join(words)})" if words else ""
    return f"{item.index}  {item.stateroot}{version}{state}"


def details(root: Root, found: Sysroot, item: Deployment) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of what is told about a deployment."""
    if item.label is not None:
        yield "Label", item.label
    yield "Deployment", item.name
    origin = item.origin.refspec or item.origin.container_image
    if origin:
        yield "Origin", origin
    yield "Kernel", kernel_release(root, item) or "(none found in the tree)"
    if item.entry is not None:
        yield "Entry", item.entry.name
    changed = difference(found, item)
    if changed is not None and (changed.added or changed.removed):
        words = [f"+{arg}" for arg in changed.added] + [f"-{arg}" for arg in changed.removed]
        yield "Arguments", " ".join(words)
