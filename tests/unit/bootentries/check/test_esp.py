"""Each damage of an EFI partition gives its code and nothing else."""

import hashlib
import shutil

import pytest

from bootentries.booted import BootedRoot, Staged
from bootentries.check.codes import CODES
from bootentries.check.esp import check_esp
from bootentries.check.finding import Report
from bootentries.check.verify import verify
from bootentries.esp.find import EspPlace, Source
from bootentries.esp.names import ENTRIES, PAYLOAD
from bootentries.esp.sync import STAMP, sync_all
from bootentries.root import open_root
from bootentries.sysroot import load

SDBOOT = b"MZ ... #### LoaderInfo: systemd-boot 257.3 ####"
FOREIGN = "title Other\nlinux /other/vmlinuz\n"
DAMAGES = []


def damage(code):
    def register(function):
        DAMAGES.append(pytest.param(code, function, id=function.__name__))
        return function

    return register


class Machine:
    """A sound sysroot and a partition in step with it; `others` are told beside it."""

    def __init__(self, sound, partition):
        self.sound = sound
        self.esp = partition
        self.configure(str(partition))
        (self.esp / "EFI/systemd").mkdir(parents=True)
        (self.esp / "EFI/systemd/systemd-bootx64.efi").write_bytes(SDBOOT)
        self.sync()

    def configure(self, places):
        self.sound.config(
            "[core]\nrepo_version=1\nmode=bare\n[sysroot]\nboot-counting-tries=3\n"
            f"[bootchain]\nbootloader=sdboot\nesp={places}\n"
        )

    def sync(self):
        with open_root(str(self.sound.path)) as root:
            sync_all(root, load(root), lambda _: None)

    def verify(self):
        with open_root(str(self.sound.path)) as root:
            return verify(root).findings

    def entry(self, number=2):
        (path,) = (self.esp / ENTRIES).glob(f"bootchain-*-0{number}*.conf")
        return path

    def kernel(self):
        (path,) = (self.esp / PAYLOAD).glob("vmlinuz-*")
        return path

    def write(self, name, text):
        (self.esp / name).write_text(text)


@pytest.fixture
def machine(sound, partition):
    return Machine(sound, partition)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@damage("esp-none")
def no_partition_on_the_disk(machine):
    machine.configure("not/absolute")


@damage("esp-missing")
def a_directory_that_is_not_there(machine):
    machine.configure(f"{machine.esp};{machine.esp}/gone")


@damage("esp-missing")
def a_directory_where_nothing_is_mounted(machine):
    (machine.sound.path / "efi").mkdir()
    machine.configure(f"{machine.esp};{machine.sound.path}/efi")


@damage("esp-in-the-way")
def a_file_for_a_directory(machine):
    shutil.rmtree(machine.esp / ENTRIES)
    machine.write(ENTRIES, "")


@damage("esp-entry-missing")
def an_entry_that_is_gone(machine):
    machine.entry(1).unlink()


@damage("esp-entry-missing")
def an_entry_with_other_arguments(machine):
    edit(machine.entry(1), "quiet", "loud")


@damage("esp-entry-extra")
def an_entry_of_another_deployment(machine):
    extra = machine.entry(1).with_name("bootchain-000000-09.conf")
    text = machine.entry(1).read_text()
    own = f"{machine.sound.checksums[1]}.0"
    assert own in text
    third = machine.sound.deployment(1).with_name(f"{'c' * 64}.0")
    third.symlink_to(own)
    extra.write_text(text.replace(f"testos/{own}", f"testos/{third.name}"))


@damage("esp-link")
def a_link_that_is_gone(machine):
    (link,) = (machine.sound.path / "ostree/boot-0/testos").glob("*/1")
    link.unlink()


@damage("esp-link")
def a_link_to_another_deployment(machine):
    (link,) = (machine.sound.path / "ostree/boot-0/testos").glob("*/1")
    text = link.with_name("0").readlink()
    link.unlink()
    link.symlink_to(text)


@damage("esp-payload-missing")
def a_kernel_that_is_gone(machine):
    machine.kernel().unlink()


@damage("esp-payload-differs")
def a_kernel_with_other_content(machine):
    machine.kernel().write_bytes(machine.kernel().read_bytes()[::-1])


@damage("esp-default")
def an_entry_of_somebody_else_that_comes_first(machine):
    machine.write(f"{ENTRIES}/a.conf", f"{FOREIGN}sort-key a\n")


@damage("esp-default")
def another_default_in_loader_conf(machine):
    machine.write(f"{ENTRIES}/fedora.conf", FOREIGN)
    machine.write("loader/loader.conf", "default fedora*\n")


@damage("esp-counters")
def the_second_entry_without_tries(machine):
    count(machine, 1, "+0-3")


def count(machine, number, counters):
    """Count in the list, and on the partition as systemd-boot does."""
    (old,) = (machine.sound.path / "boot/loader/entries").glob(f"ostree-{number}.conf")
    old.rename(old.with_name(f"ostree-{number}+3.conf"))
    found = machine.entry(number)
    found.rename(found.with_name(found.name.removesuffix(".conf") + f"{counters}.conf"))


@damage("esp-name-collision")
def a_name_in_capitals(machine):
    machine.write(f"{ENTRIES}/BOOTCHAIN-000009-01.CONF", "title x\n")


@damage("esp-name-collision")
def a_kernel_in_capitals(machine):
    machine.kernel().with_name(machine.kernel().name.upper()).write_bytes(b"kernel")


@damage("esp-srel")
def another_srel(machine):
    machine.write("loader/entries.srel", "other\n")


@damage("esp-program")
def no_systemd_boot(machine):
    machine.write("EFI/systemd/systemd-bootx64.efi", "something else")


@damage("esp-unused")
def an_entry_that_was_not_switched_on(machine):
    text = machine.entry(1).read_text().replace("\nlinux ", "\n#inux ")
    machine.write(f"{ENTRIES}/bootchain-000009-01.conf", text)


@damage("esp-unused")
def a_kernel_that_nothing_names(machine):
    machine.write(f"{PAYLOAD}/vmlinuz-9-{'9' * 32}", "x")


@damage("esp-pending")
def a_stamp(machine):
    (machine.sound.path / STAMP).touch()


@damage("esp-link-unused")
def a_link_that_nothing_names(machine):
    (link,) = (machine.sound.path / "ostree/boot-0/testos").glob("*/1")
    link.with_name("7").symlink_to(link.readlink())


def test_in_step_it_is_sound(machine):
    assert machine.verify() == ()


@pytest.mark.parametrize(("code", "act"), DAMAGES)
def test_a_damage_gives_its_code(machine, code, act):
    act(machine)
    assert {finding.code.name for finding in machine.verify()} == {code}


# What needs a filesystem of its own, or two partitions, is below or in tests/ns.
ELSEWHERE = {"esp-read-only", "esp-full", "esp-differ"}


def test_every_code_has_a_damage():
    codes = {code for code in CODES if code.startswith("esp-")}
    assert {param.values[0] for param in DAMAGES} | ELSEWHERE == codes


def test_what_is_staged_and_what_runs_is_in_use(machine, monkeypatch):
    """A kernel that was copied ahead, and the name by which the system was booted."""
    top = machine.sound.path
    directory = top / f"boot/ostree/testos-{'d' * 64}"
    directory.mkdir()
    (directory / "vmlinuz-7").write_bytes(b"next")
    name = f"vmlinuz-7-{hashlib.sha256(b'next').hexdigest()[:32]}"
    (machine.esp / PAYLOAD / name).write_bytes(b"next")
    text = machine.entry(1).read_text().replace("\nlinux ", "\n#inux ")
    machine.write(f"{ENTRIES}/bootchain-000000-01+2-1.conf", text)
    monkeypatch.setattr(
        "bootentries.esp.wanted.counted_name", lambda efivars: "bootchain-000000-01+2-1.conf"
    )
    found = machine.sound.deployment(1).stat()
    booted = BootedRoot(found.st_dev, found.st_ino)
    staged = Staged("testos", f"{'e' * 64}.0", "d" * 64)

    def unused(*running):
        report = Report()
        with open_root(str(top)) as root:
            items = load(root).on_disk
            check_esp(root, 1, items, running, report)
        return sorted(finding.place.rpartition("/")[2] for finding in report.findings)

    assert unused(booted, staged) == []
    assert unused(None, None) == ["bootchain-000000-01+2-1.conf", name]


def test_two_partitions_that_boot_different_deployments(machine):
    other = machine.esp.with_name(f"{machine.esp.name}.other")
    try:
        shutil.copytree(machine.esp, other)
        machine.configure(f"{machine.esp};{other}")
        assert machine.verify() == ()
        (found,) = (other / ENTRIES).glob("*-02.conf")
        found.unlink()
        missing, differ = sorted(machine.verify(), key=lambda finding: finding.code.severity.value)
        assert (missing.code.name, missing.place) == ("esp-entry-missing", str(other))
        assert differ.code.name == "esp-differ"
        assert f"{other} boots testos/{machine.sound.checksums[1]}.0" in differ.reason
    finally:
        shutil.rmtree(other)


def test_a_default_without_tries_is_told_twice(machine):
    """It has no tries left, and so it is not what boots."""
    count(machine, 2, "+0-3")
    assert {finding.code.name for finding in machine.verify()} == {"esp-counters", "esp-default"}


def test_entries_beside_an_xbootldr_partition(machine, monkeypatch):
    (machine.esp / "xbootldr").mkdir()
    boot, loader = (Source(str(path), False) for path in (machine.esp / "xbootldr", machine.esp))
    place = EspPlace(loader.path, boot, loader)
    for module in ("report", "sync"):
        monkeypatch.setattr(f"bootentries.esp.{module}.find_places", lambda *_: (place,))
    found = [item for item in machine.verify() if item.code.name == "esp-entry-extra"]
    assert [item.place for item in found] == [
        f"{machine.esp}:{ENTRIES}/bootchain-000001-0{number}.conf" for number in (2, 1)
    ]
    assert {item.reason for item in found} == {f"entries belong on {boot.path}"}
    machine.sync()
    assert machine.verify() == ()
    assert list((machine.esp / ENTRIES).iterdir()) == []
    assert len(list((machine.esp / "xbootldr" / ENTRIES).iterdir())) == 2
