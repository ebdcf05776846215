"""systemd-boot on a partition: put there, replaced, left alone, and taken away."""

import pytest

from bootentries.esp.binaries import Program, read_installed
from bootentries.esp.find import EspPlace, Source
from bootentries.esp.install import plan_install, plan_remove
from bootentries.esp.loaderconf import PATH, loader_conf

INFO = "MZ #### LoaderInfo: systemd-boot {} ####"
SYSTEMD, FALLBACK = "EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"


def program(version="257"):
    from hashlib import sha256

    data = INFO.format(version).encode()
    return Program("x64", data, sha256(data).hexdigest())


@pytest.fixture
def act(esp, said):
    """Install; returns the descriptions of what was done."""

    def install(version="257", timeout=5):
        place = EspPlace.single(Source(str(esp.path), False))
        todo = plan_install(esp.place.fd, place, (program(version),), timeout, said.append)
        for op in todo:
            op.apply(esp.place)
        return [op.describe() for op in todo]

    return install


def test_the_first_time(esp, act, said):
    assert act() == [
        "create directory bootchain",
        f"write bootchain/owned-{program().digest}",
        f"install {SYSTEMD} (41 bytes)",
        f"install {FALLBACK} (41 bytes)",
        "write loader/loader.conf",
        "sync the partition",
    ]
    assert esp.files() == sorted([SYSTEMD, FALLBACK, PATH, f"bootchain/owned-{program().digest}"])
    found = read_installed(esp.place.fd, FALLBACK)
    assert (found.state, found.info) == ("ours", "systemd-boot 257")
    assert act() == []
    assert said == []


def test_ours_is_replaced_and_somebody_elses_stays(esp, act, said):
    (esp.path / "EFI/BOOT").mkdir(parents=True)
    (esp.path / FALLBACK).write_text("shim")
    act()
    act("258", timeout=0)
    assert (esp.path / SYSTEMD).read_text() == INFO.format(258)
    assert (esp.path / FALLBACK).read_text() == "shim"
    assert "\ntimeout 0\n" in (esp.path / PATH).read_text()
    text = f"{esp.path}: {FALLBACK}: somebody else's (unknown): it stays"
    assert said == [text, text]
    # Changed by somebody, it is not ours any more.
    (esp.path / SYSTEMD).write_text(INFO.format(260))
    (esp.path / PATH).write_text("timeout 9\n")
    assert act("259") == []
    assert said[-3:] == [
        f"{esp.path}: {SYSTEMD}: somebody else's (systemd-boot 260): it stays", text,
        f"{esp.path}: {PATH}: somebody else's: it stays",
    ]  # fmt: skip


def test_the_same_program_by_somebody_else_stays_theirs(esp, act, said):
    (esp.path / "EFI/systemd").mkdir(parents=True)
    (esp.path / SYSTEMD).write_bytes(program().data)
    act()
    # The mark was made for the other place.
    assert read_installed(esp.place.fd, SYSTEMD).owned
    assert said == []


def test_removing_takes_what_is_ours_alone(esp, act, entries):
    (esp.path / "EFI/BOOT").mkdir(parents=True)
    foreign = {
        FALLBACK: "shim", "EFI/BOOT/grubx64.efi": "grub", "loader/entries/fedora.conf": "title F\n",
        "bootchain/note": "mine",
    }  # fmt: skip
    esp.sync(entries("a"), entries("b", 2))
    act()
    for name, text in foreign.items():
        (esp.path / name).write_text(text)
    todo = plan_remove(esp.place.fd, esp.present())
    for op in todo:
        op.apply(esp.place)
    assert {name: (esp.path / name).read_text() for name in foreign} == foreign
    # What says whose the entries are stays while there are others.
    assert esp.files() == sorted([*foreign, "loader/entries.srel"])
    assert plan_remove(esp.place.fd, esp.present()) == ()


def test_removing_all_leaves_nothing(esp, act, entries):
    esp.sync(entries("a"))
    act()
    for op in plan_remove(esp.place.fd, esp.present()):
        op.apply(esp.place)
    assert list(esp.path.iterdir()) == []


def test_removing_begins_with_the_entries(esp, act, entries):
    """None may name a kernel that is gone."""
    esp.sync(entries("a"))
    act()
    first, *_ = plan_remove(esp.place.fd, esp.present())
    assert first.describe() == "remove loader/entries/bootchain-000001-01.conf"


def test_loader_conf_in_words():
    assert loader_conf(5).startswith("# Written by bootentries; ")
