"""What a check says: a code of the table, the place, and the reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bootentries.check.codes import CODES, Code, Severity
from bootentries.errors import BootentriesError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `place` is a path relative to the sysroot."""

    code: Code
    place: str
    reason: str

    @property
    def is_fault(self) -> bool:
        """Whether it makes the sysroot unsound."""
        return self.code.severity is Severity.FAULT

    def to_json(self) -> dict[str, str]:
        """Return the finding for programs."""
        return {
            "code": self.code.name,
            "severity": self.code.severity.value,
            "place": self.place,
            "reason": self.reason,
            "remedy": self.code.remedy,
        }


def shown(text: str) -> str:
    """Return a text in one line that any terminal and JSON can take, whatever is in a name."""
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in plain
    )


@dataclass(slots=True)
class Report:
    """The findings so far, in the order of the chain."""

    findings: list[Finding] = field(default_factory=list)

    def add(self, code: str, place: str, reason: str) -> None:
        """Add a finding; `code` is a key of `CODES`."""
        finding = Finding(CODES[code], shown(place), shown(reason))
        if finding not in self.findings:
            self.findings.append(finding)

    @contextmanager
    def guard(self, place: str, code: str = "unreadable") -> Iterator[None]:
        """Turn what a block raises about `place` into a finding, and go on after it."""
        try:
            yield
        except BootentriesError as error:
            self.add(code, place, error.reason)
        except OSError as error:
            self.add("unreadable", place, error.strerror or str(error))

    @property
    def faults(self) -> int:
        """How many of the findings are faults."""
        return sum(finding.is_fault for finding in self.findings)
