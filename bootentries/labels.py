"""Labels: what an administrator calls a deployment.

A label is kept in the boot entry, under a key that libostree carries along.  libostree also
copies such keys to the entry of a new deployment, and lets two deployments change entries
when they boot alike.  So the value names its deployment: `STATEROOT/CHECKSUM.SERIAL TEXT`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bootentries.deployment import Deployment
from bootentries.entries.bls import BlsEntry
from bootentries.errors import BootentriesError

KEY = "x-bootchain-label"
# Menus are 80 columns wide, and name and version stand before it.
LONGEST = 60


def check_label(text: str) -> str:
    """Return the label without blanks at its ends; raises BootentriesError for none."""
    label = text.strip()
    reason = None
    if not label:
        reason = "it is empty"
    elif len(label) > LONGEST:
        reason = f"longer than {LONGEST} characters"
    elif not label.isprintable():
        reason = "it has characters that no menu can show"
    if reason is not None:
        raise BootentriesError(
            "label deployment", repr(text), reason,
            hint="to take a label away: bootentries label INDEX --unset",
        )  # fmt: skip
    return label


def stored(item: Deployment) -> str:
    """Return the value that keeps a deployment's label."""
    return f"{_owner(item)} {item.label}"


def labelled(
    items: Sequence[Deployment], extras: Iterable[tuple[str, str]] = ()
) -> tuple[Deployment, ...]:
    """Return deployments with the labels that their entries hold, whichever entry it is.

    `extras` are the keys that the entry of a staged deployment will have.  What is in a
    deployment's own entry counts more than what is in another's.
    """
    waiting = dict(extras).get(KEY)
    texts = [waiting if item.entry is None else item.entry.bls.get(KEY) for item in items]
    if not any(texts):
        return tuple(items)
    found: dict[str, str] = {}
    for item, text in zip(items, texts, strict=True):
        owner, _, label = (text or "").partition(" ")
        label = label.strip()
        if label and owner == _owner(item):
            found[owner] = label
        elif label and item.entry is not None:
            found.setdefault(owner, label)
    return tuple(replace(item, label=found.get(_owner(item))) for item in items)


def with_label(entry: BlsEntry, item: Deployment) -> BlsEntry:
    """Return the entry with the label of its deployment, and no other one."""
    if item.label is not None:
        return entry.with_value(KEY, stored(item))
    return entry if entry.get(KEY) is None else entry.without(KEY)


def _owner(item: Deployment) -> str:
    return f"{item.stateroot}/{item.name}"
