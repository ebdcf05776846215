"""The text of an entry on an EFI partition, and what can be read from one.

An entry is written without effect first: its line `linux` begins with `#` in place of the
`l`, so that no loader sees more than a comment.  That one byte is the switch: it is changed
in place, where no power cut can leave a half of it.
"""

from dataclasses import dataclass

from bootentries.entries import bls
from bootentries.esp.names import PAYLOAD, PREFIX, EntryName
from bootentries.kargs import KernelArgs

HEADER = "# Written by bootentries from the deployment list, and again with every change."
_LIVE, _PREPARED = "linux ", "#inux "
# Keys of the list's entry that mean the same here; all else of it is made anew or left out.
_KEPT = ("architecture",)
DEPLOYMENT, SOURCE = "x-bootchain-deployment", "x-bootchain-source"


@dataclass(frozen=True, slots=True)
class Payload:
    """A file to load: where it is in the boot directory, its name on the partition, bytes."""

    source: str
    name: str
    size: int

    @property
    def path(self) -> str:
        """Where it goes, relative to the top of the partition."""
        return f"{PAYLOAD}/{self.name}"


@dataclass(frozen=True, slots=True)
class EspEntry:
    """What an entry says, but for its place in the order.

    `deployment` is `STATEROOT/CHECKSUM.SERIAL`; `tries` those left and done, None for an
    entry that is not counted.
    """

    deployment: str
    title: str
    options: str
    linux: Payload
    initrds: tuple[Payload, ...] = ()
    devicetree: Payload | None = None
    extras: tuple[tuple[str, str], ...] = ()
    tries: tuple[int, int] | None = None

    @property
    def payloads(self) -> tuple[Payload, ...]:
        """All files that it loads."""
        others = () if self.devicetree is None else (self.devicetree,)
        return (self.linux, *self.initrds, *others)


def extras_of(entry: bls.BlsEntry) -> tuple[tuple[str, str], ...]:
    """Return the further keys of the list's entry that belong into this one, too."""
    return tuple(
        (key, value) for key, value in entry.extras().items() if key in _KEPT or key[:2] == "x-"
    )


def entry_text(entry: EspEntry, name: EntryName, live: bool = True) -> str:
    """Return the file's text; without `live` no loader boots it."""
    lines = [
        HEADER,
        f"title {entry.title}",
        f"version {name.version}",
        f"sort-key {PREFIX}",
        f"options {_options(entry.options)}",
        f"{_LIVE if live else _PREPARED}/{entry.linux.path}",
        *(f"initrd /{payload.path}" for payload in entry.initrds),
        *([] if entry.devicetree is None else [f"devicetree /{entry.devicetree.path}"]),
        *(f"{key} {value}" for key, value in entry.extras),
        f"{DEPLOYMENT} {entry.deployment}",
        *(f"{SOURCE} {payload.source} {payload.name}" for payload in entry.payloads),
    ]
    return "".join(f"{line}\n" for line in lines)


def switch_offset(data: bytes) -> int | None:
    """Return where in a prepared entry the byte is that makes it live, or None."""
    place = data.find(b"\n" + _PREPARED.encode())
    return None if place < 0 else place + 1


def live_offset(data: bytes) -> int | None:
    """Return where in an entry the byte is that takes its effect away, or None."""
    place = data.find(b"\n" + _LIVE.encode())
    return None if place < 0 else place + 1


def is_live(text: str) -> bool:
    """Return whether loaders boot from this text."""
    return f"\n{_LIVE}" in text


def same_but_version(left: str, right: str) -> bool:
    """Return whether two texts say the same, wherever they stand in the order."""
    return _without_version(left) == _without_version(right)


def named_payloads(text: str) -> tuple[str, ...]:
    """Return the names of the files that a text loads from the directory that is ours."""
    start = f"/{PAYLOAD}/"
    return tuple(
        value.removeprefix(start)
        for key, value in bls.parse(text).pairs()
        if key in ("linux", "initrd", "devicetree") and value.startswith(start)
    )


def sources(text: str) -> dict[str, str]:
    """Return which files of the boot directory were copied: source to name."""
    found = {}
    for key, value in bls.parse(text).pairs():
        source, blank, name = value.rpartition(" ")
        if key == SOURCE and blank:
            found[source] = name
    return found


def deployment_of(text: str) -> str | None:
    """Return the `STATEROOT/CHECKSUM.SERIAL` that a text was written for."""
    return bls.parse(text).get(DEPLOYMENT)


def _options(text: str) -> str:
    """Return the arguments; systemd-boot takes quotes off a value that begins and ends with one.

    `ostree=` needs none, so it comes last then.
    """
    if not text.startswith('"') or not text.endswith('"'):
        return text
    words = KernelArgs.parse(text).args
    moved = [word for word in words if word.startswith("ostree=")]
    return " ".join([word for word in words if word not in moved] + moved)


def _without_version(text: str) -> list[str]:
    return [line for line in text.split("\n") if not line.startswith("version ")]


def options_of(text: str) -> str:
    """Return the kernel arguments in a text."""
    return bls.parse(text).get("options") or ""
