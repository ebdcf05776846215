"""The report about each partition, which changes nothing."""

import os

import pytest

from bootentries.esp.names import ENTRIES, PAYLOAD
from bootentries.esp.report import read_reports
from bootentries.esp.sync import sync_all
from bootentries.sysroot import load


@pytest.fixture
def report(root, partition):
    def read(**more):
        (found,), _ = read_reports(root, load(root), (str(partition),), **more)
        return found

    return read


@pytest.fixture
def synced(root, partition):
    sync_all(root, load(root), lambda _: None, told=(str(partition),))
    return partition


def test_before_and_after(root, partition, report):
    before = report()
    assert (before.state, before.entries, before.default) == ("out of step", (), None)
    assert before.plan.describe()[0] == "create directory bootchain"
    assert list(partition.iterdir()) == []
    sync_all(root, load(root), lambda _: None, told=(str(partition),))
    after = report()
    assert (after.state, after.default) == ("in step", "bootchain-000001-02.conf")
    assert [item.title for item in after.entries] == [
        "Test OS 1.0 (ostree:0)", "Test OS 1.0 (ostree:1)",
    ]  # fmt: skip


def test_what_others_have_is_shown_and_can_be_the_default(synced, report):
    (synced / ENTRIES / "a.conf").write_text("title A\nsort-key a\nlinux /a\n")
    found = report()
    assert found.default == "a.conf"
    assert found.entries[0].deployment is None
    assert found.state == "in step"
    assert found.loader_conf == "absent"
    (synced / "loader/loader.conf").write_text("default bootchain-*\n")
    found = report()
    assert (found.default, found.loader_conf) == ("bootchain-000001-02.conf", "foreign")


def test_names_that_no_terminal_can_show(synced, report):
    name = os.fsencode(synced / ENTRIES) + b"/a\xff.conf"
    with open(name, "wb") as file:  # noqa: PTH123 - no text can name it
        file.write(b"title A\x1b[2J\nsort-key a\nlinux /a\n")
    found = report()
    assert (found.entries[0].file, found.default) == ("a\\xff.conf", "a\\xff.conf")
    assert found.entries[0].title == "A\\x1b[2J"


def test_damage_is_found_by_reading_again(synced, report):
    (kernel,) = (synced / PAYLOAD).glob("vmlinuz-*")
    kernel.write_bytes(b"lenrek")
    assert report().damaged == frozenset()
    assert report(reread=True).damaged == {kernel.name}


def test_programs(synced, report):
    for name in ("EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"):
        (synced / name).parent.mkdir(parents=True, exist_ok=True)
        (synced / name).write_bytes(b"#### LoaderInfo: systemd-boot 9 ####")
    (synced / "EFI/BOOT/readme.txt").touch()
    assert [(item.path, item.state, item.info) for item in report().programs] == [
        ("EFI/systemd/systemd-bootx64.efi", "foreign", "systemd-boot 9"),
        ("EFI/BOOT/BOOTX64.EFI", "foreign", "systemd-boot 9"),
    ]


@pytest.mark.parametrize(("name", "state"), [("loader", "failed"), (None, "missing")])
def test_one_that_cannot_be_read(root, partition, report, name, state):
    if name is not None:
        (partition / name).touch()
        found = report()
    else:
        (found,), _ = read_reports(root, load(root), (f"{partition}/gone",))
    assert found.state == state
    assert found.present is None
    assert found.error is not None


def test_nothing_is_written(synced, report):
    before = {path: path.stat().st_mtime_ns for path in synced.rglob("*")}
    report(reread=True)
    assert {path: path.stat().st_mtime_ns for path in synced.rglob("*")} == before
    assert os.listxattr(synced) == []
