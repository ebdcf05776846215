"""Findings, and the report that collects them."""

import errno

import pytest

from bootentries.check.finding import Report, shown
from bootentries.errors import BootentriesError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("boot/loader", "boot/loader"),
        ("caf\u00e9 \u6f22", "caf\u00e9 \u6f22"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[2J\x7f", r"\x1b[2J\x7f"),
        ("\udcff", r"\xff"),
        ("a b", "a b"),
        ("\u2028\u202e", r"\u2028\u202e"),
    ],
)
def test_shown(text, expected):
    assert shown(text) == expected


def test_the_same_is_said_once():
    report = Report()
    for reason in ("gone", "gone", "damaged"):
        report.add("kernel-missing", "boot/x", reason)
    assert [finding.reason for finding in report.findings] == ["gone", "damaged"]
    assert report.faults == 2


def test_only_faults_count():
    report = Report()
    report.add("loader-unused", "boot/loader.0", "")
    report.add("boot-self-link", "boot/boot", "")
    assert report.faults == 0


def test_a_code_has_to_be_in_the_table():
    with pytest.raises(KeyError):
        Report().add("no-such-code", "boot", "")


def test_a_guard_turns_errors_into_findings():
    report = Report()
    with report.guard("boot/x", "origin-form"):
        raise OSError(errno.EIO, "Input/output error")
    with report.guard("boot/y", "origin-form"):
        raise BootentriesError("read origin", "y", "line 1: no group")
    found = [(finding.code.name, finding.place, finding.reason) for finding in report.findings]
    assert found == [
        ("unreadable", "boot/x", "Input/output error"),
        ("origin-form", "boot/y", "line 1: no group"),
    ]


def test_a_guard_hides_no_bug():
    with pytest.raises(TypeError), Report().guard("boot"):
        raise TypeError
