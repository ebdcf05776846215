"""A partition and a boot directory as the operations see them, and lists to bring there."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootentries.esp.entry import EspEntry, Payload
from bootentries.esp.names import ENTRIES, PAYLOAD, payload_name
from bootentries.esp.ops import Place
from bootentries.esp.plan import EspPlan, Wanted, plan
from bootentries.esp.present import Present, PresentEntry, read_present

CONTENTS = {"vmlinuz-1": b"one", "vmlinuz-2": b"two" * 2000, "vmlinuz-3": b"", "initrd-1": b"i"}


def payload(name: str) -> Payload:
    digest = hashlib.sha256(CONTENTS[name]).hexdigest()
    return Payload(f"ostree/os/{name}", payload_name(name, digest), len(CONTENTS[name]))


def entry(name: str, kernel: int = 1, options: str = "quiet", tries=None) -> EspEntry:
    """Return an entry of the deployment `os/NAME.0`."""
    link = f"ostree=/ostree/boot-0/os/{kernel}/{name}"
    return EspEntry(
        f"os/{name}.0", f"Test {name}", f"{options} {link}", payload(f"vmlinuz-{kernel}"),
        (payload("initrd-1"),), tries=tries,
    )  # fmt: skip


@dataclass(slots=True)
class Partition:
    """What tests do with a partition: bring a list there, stop on the way, look."""

    path: Path
    place: Place

    def present(self) -> Present:
        return read_present(self.place.fd)

    def plan(self, *entries: EspEntry, **more) -> EspPlan:
        return plan(self.present(), Wanted(entries, **more))

    def apply(self, todo: EspPlan) -> None:
        for op in todo.ops:
            op.apply(self.place)

    def sync(self, *entries: EspEntry, **more) -> EspPlan:
        todo = self.plan(*entries, **more)
        self.apply(todo)
        return todo

    def default(self) -> PresentEntry | None:
        return next(iter(self.present().live), None)

    def boots(self) -> str | None:
        """Return the deployment that systemd-boot boots; all that it loads has to be whole."""
        found = self.default()
        if found is None:
            return None
        for name in found.payloads:
            data = (self.path / PAYLOAD / name).read_bytes()
            assert hashlib.sha256(data).hexdigest().startswith(name[-32:])
        return found.deployment

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.path)) for path in self.path.rglob("*") if path.is_file()
        )

    def count(self, old: str, new: str) -> None:
        """Rename an entry as systemd-boot and systemd-bless-boot do."""
        (self.path / ENTRIES / old).rename(self.path / ENTRIES / new)


def open_partition(path: Path, boot: Path, said: list[str]) -> Partition:
    (boot / "ostree/os").mkdir(parents=True)
    for name, data in CONTENTS.items():
        (boot / "ostree/os" / name).write_bytes(data)
    fds = [os.open(place, os.O_RDONLY | os.O_DIRECTORY) for place in (path, boot)]
    return Partition(path, Place(*fds, said.append))


@pytest.fixture
def said() -> list[str]:
    """The remarks that were made."""
    return []


@pytest.fixture
def esp(partition, tmp_path, said):
    """An empty partition, open."""
    found = open_partition(partition, tmp_path / "esp-boot", said)
    yield found
    os.close(found.place.fd)
    os.close(found.place.boot_fd)


@pytest.fixture
def entries():
    """The function that makes entries."""
    return entry
