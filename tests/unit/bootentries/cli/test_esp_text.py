"""The report of a partition that cannot be read, and of one with everything on it."""

from bootentries.cli.esp_text import report_json, report_lines
from bootentries.errors import BootentriesError
from bootentries.esp.binaries import Installed
from bootentries.esp.find import EspPlace, Source
from bootentries.esp.plan import EspPlan
from bootentries.esp.present import Present
from bootentries.esp.report import EspReport, Shown

ESP, BOOT = Source("/dev/vda1", True), Source("/dev/vda2", True)


def test_a_partition_that_is_gone():
    error = BootentriesError("open ESP", "/dev/vda1", "No such file", hint="attach it")
    report = EspReport(EspPlace.single(ESP), error, missing=True)
    assert report_lines(report) == [
        "/dev/vda1: missing",
        "  problem     open ESP: /dev/vda1: No such file",
        "  remedy      attach it",
    ]
    found = report_json(report)
    assert (found["state"], found["hint"], found["size"]) == ("missing", "attach it", None)
    assert (found["entries"], found["operations"]) == ([], [])


def test_everything():
    report = EspReport(
        EspPlace("/dev/vda1", BOOT, ESP),
        present=Present(size=100 << 20, free=25 << 20),
        entries=(
            Shown("a.conf", "Other", None, None),
            Shown("bootchain-000001-02+2-1.conf", "OS 2", "os/b.0", (2, 1)),
            Shown("bootchain-000001-01+0-3.conf", "OS 1", "os/a.0", (0, 3)),
        ),
        default="bootchain-000001-02+2-1.conf",
        programs=(Installed("EFI/BOOT/BOOTX64.EFI", "d", None, False),),
        loader_conf="foreign",
        plan=EspPlan((), True),
    )
    assert report_lines(report) == [
        "/dev/vda1: in step",
        "  loader on   /dev/vda1",
        "  room        25.0 of 100.0 MiB free",
        "  program     EFI/BOOT/BOOTX64.EFI: foreign",
        "  loader.conf foreign",
        "  a.conf  Other",
        "* bootchain-000001-02+2-1.conf  OS 2  (2 tries left, 1 done)",
        "  bootchain-000001-01+0-3.conf  OS 1  (no tries left, 3 done)",
    ]
    found = report_json(report)
    assert (found["boot"], found["loader"]) == ("/dev/vda2", "/dev/vda1")
    assert [item["tries-left"] for item in found["entries"]] == [None, 2, 0]
    assert [item["default"] for item in found["entries"]] == [False, True, False]
