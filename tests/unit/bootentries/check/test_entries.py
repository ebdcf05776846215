"""Entries on their own and side by side; what the damages leave open."""

import pytest

from bootentries.check.entries import check_text, in_order
from bootentries.check.finding import Report
from bootentries.deployment import Entry
from bootentries.entries import bls
from bootentries.entries.names import parse_counters

TEXT = "title T\nversion 1\noptions quiet ostree=/ostree/boot.1/os/abc/0\nlinux /vmlinuz\n"


def entry(name="ostree-1.conf", text=TEXT):
    return Entry(name, bls.parse(text), parse_counters(name))


def said(found):
    report = Report()
    check_text("boot/e", found, report)
    return [(finding.code.name, finding.reason) for finding in report.findings]


@pytest.mark.parametrize(
    "name",
    ["ostree-1.conf", "ostree-12.conf", "ostree-1-fedora.conf", "ostree-1-my.os_2.conf",
     "ostree-1+3.conf", "ostree-1+0-3.conf", "ostree-1-os+2-1.conf"],
)  # fmt: skip
def test_good_names(name):
    assert said(entry(name)) == []


@pytest.mark.parametrize(
    "name",
    ["ostree-.conf", "ostree-a.conf", "ostree-1+.conf", "ostree-1+3-.conf", "ostree-1+a.conf",
     "ostree-1-\u00e9.conf", "ostree-1 .conf", "ostree-1.conf.conf"],
)  # fmt: skip
def test_bad_names(name):
    assert [code for code, _ in said(entry(name))] == ["entry-name"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEXT + "\n\n", []),
        (TEXT + "\n# comment\n", [("entry-blank-line", "line 5 is blank")]),
        (" \n" + TEXT, [("entry-blank-line", "line 1 is blank")]),
        (TEXT + "options last ostree=/ostree/boot.0/os/abc/0\n",
         [("entry-options-repeated", "2 lines of options")]),
        (TEXT.replace("quiet", "x" * 2016), []),
        (TEXT.replace("quiet", "x" * 2017),
         [("entry-options-long", "2048 bytes of options")]),
        (TEXT.replace("ostree=", "ostree=/other ostree="),
         [("entry-ostree-form", "invalid kernel argument 'ostree=/other'")]),
        (TEXT.replace("title T", "title "), [("entry-key-missing", "no 'title'")]),
        ("", [("entry-key-missing", "no 'title'"), ("entry-key-missing", "no 'version'"),
              ("entry-key-missing", "no 'linux'"),
              ("entry-no-ostree", "no ostree= kernel argument")]),
    ],
)  # fmt: skip
def test_texts(text, expected):
    assert said(entry(text=text)) == expected


def test_the_order_is_that_of_the_list():
    texts = [TEXT.replace("version 1", f"version {number}") for number in (2, 10, 1)]
    found = in_order([entry(f"ostree-{index}.conf", text) for index, text in enumerate(texts)])
    assert [item.bls.get("version") for item in found] == ["10", "2", "1"]
