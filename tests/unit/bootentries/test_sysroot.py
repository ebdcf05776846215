"""Reading a sysroot, sound and broken."""

import os
from pathlib import Path

import pytest

from bootentries import sysroot as module
from bootentries.deployment import Bootlink
from bootentries.errors import BootentriesError
from bootentries.root import open_root
from bootentries.sysroot import load
from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import Variant, encode


def test_a_sound_sysroot(fake, root, run):
    found = load(root, run)
    assert (found.bootversion, found.subbootversion, found.booted) == (1, 1, False)
    first, second = found.deployments
    assert first.identity == ("testos", "a" * 64, 0)
    assert (first.index, second.index) == (0, 1)
    assert first.entry.name == "ostree-2.conf"
    assert first.version == "1.0"
    assert first.origin.refspec == "r:b"
    assert first.options.startswith("root=UUID=a quiet ostree=/ostree/boot.1/testos/")
    assert second.bootserial == 1
    assert first.path == str(fake.deployment().relative_to(fake.path))


def test_entries_sort_by_version_as_numbers(fake, root, run):
    fake.entry(1).write_text(fake.entry(1).read_text().replace("version 1", "version 10"))
    assert load(root, run).deployments[0].checksum == "b" * 64


def test_files_that_are_no_entries_are_not_read(fake, root, run):
    (fake.entry().parent / "other.conf").write_text("options x\n")
    (fake.entry().parent / "ostree-9.conf.tmp").write_text("options x\n")
    assert len(load(root, run).deployments) == 2


def test_an_entry_may_be_a_link_and_a_directory_is_none(fake, root, run):
    entry = fake.entry(1)
    entry.rename(entry.with_name("elsewhere"))
    entry.symlink_to("elsewhere")
    (entry.parent / "ostree-9.conf").mkdir()
    assert [item.entry.name for item in load(root, run).deployments] == [
        "ostree-2.conf", "ostree-1.conf",
    ]  # fmt: skip


def test_an_entry_may_name_the_links_of_the_other_boot_version(fake, root, run):
    for entry in (fake.entry(0), fake.entry(1)):
        entry.write_text(
            entry.read_text().replace("ostree=/ostree/boot.1/", "ostree=/ostree/boot.0/")
        )
    (fake.path / "ostree/boot.0").symlink_to("boot.1.1")
    assert [item.checksum[0] for item in load(root, run).deployments] == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("{0} ostree=/none", True),
        ('"x {0} y"', True),
        ("a\t{0}", False),
        ("xostree=/a {0}", True),
    ],
)
def test_the_first_word_at_plain_spaces_counts(fake, root, run, options, found):
    """Neither quotes nor tabulators mean anything there."""
    entry = fake.entry()
    words = entry.read_text().partition("options ")[2].split()
    link = next(word for word in words if word.startswith("ostree="))
    lines = [f"options {options.format(link)}" if line.startswith("options") else line
             for line in entry.read_text().splitlines()]  # fmt: skip
    entry.write_text("\n".join(lines) + "\n")
    if found:
        assert load(root, run).deployments[0].checksum == "a" * 64
    else:
        with pytest.raises(BootentriesError, match="no ostree= kernel argument"):
            load(root, run)


def test_what_is_missing_counts_as_zero(fake, root, run):
    (fake.path / "boot/loader").unlink()
    (fake.path / "ostree/boot.1").unlink()
    found = load(root, run)
    assert (found.bootversion, found.subbootversion, found.deployments) == (0, 0, ())


def test_an_origin_may_be_missing(fake, root, run):
    fake.deployment().with_name("a" * 64 + ".0.origin").unlink()
    first = load(root, run).deployments[0]
    assert (first.origin.refspec, first.pinned) == (None, False)


def test_an_unlocked_deployment(fake, root, run):
    place = Path(f"{run}/ostree/deployment-state/{'b' * 64}.0")
    place.mkdir(parents=True)
    (place / "unlocked-development").touch()
    origin = fake.deployment().with_name("a" * 64 + ".0.origin")
    origin.write_text("[origin]\nrefspec=x\nunlocked=hotfix\n")
    assert [item.unlocked for item in load(root, run).deployments] == ["hotfix", "development"]


@pytest.mark.parametrize("missing", ["boot", "boot/loader.1/entries"])
def test_without_boot_the_list_is_empty(fake, run, missing):
    (fake.path / missing).rename(fake.path / "away")
    with open_root(str(fake.path)) as root:
        assert load(root, run).deployments == ()


def broken(fake, old, new):
    fake.entry().write_text(fake.entry().read_text().replace(old, new))


def relink(path, target):
    path.unlink()
    path.symlink_to(target)


def replace_by_file(path):
    path.unlink()
    path.write_text("")


FAULTS = [
    (
        lambda fake: replace_by_file(fake.path / "boot/loader"),
        "load sysroot: boot/loader: not a symbolic link",
    ),
    (
        lambda fake: relink(fake.path / "boot/loader", "loader.2"),
        "load sysroot: boot/loader: invalid target 'loader.2'",
    ),
    (
        lambda fake: relink(fake.path / "ostree/boot.1", "boot.1.7"),
        "load sysroot: ostree/boot.1: invalid target 'boot.1.7'",
    ),
    (
        lambda fake: broken(fake, "ostree=", "nothing="),
        "read entry: ostree-2.conf: no ostree= kernel argument",
    ),
    (
        lambda fake: broken(fake, "ostree=/ostree/boot.1/testos", "ostree=/ostree/boot.2/testos"),
        "read entry: ostree-2.conf: invalid kernel argument 'ostree=/ostree/boot.2/testos/",
    ),
    (
        lambda fake: broken(fake, "ostree=/ostree/boot.1/testos", "ostree=/ostree/boot.1/.."),
        "read entry: ostree-2.conf: invalid kernel argument 'ostree=/ostree/boot.1/../",
    ),
    (
        lambda fake: (fake.path / "ostree/boot.1").unlink(),
        "does not exist",
    ),
    (
        lambda fake: fake.deployment().rename(fake.path / "away"),
        f"read entry: ostree-2.conf: /ostree/deploy/testos/deploy/{'a' * 64}.0 is not a directory",
    ),
    (
        lambda fake: fake.entry().write_bytes(b"title \xff\n"),
        "read entry: boot/loader.1/entries/ostree-2.conf: not UTF-8",
    ),
    (
        lambda fake: relink(fake.entry(), "nowhere"),
        "read entry: boot/loader.1/entries/ostree-2.conf: dangling symbolic link",
    ),
    (
        lambda fake: fake.entry().write_text(fake.entry().read_text() + "initrd /o/short.img\n"),
        "read entry: ostree-2.conf: malformed overlay initrd '/o/short.img'",
    ),
    (
        lambda fake: fake.deployment().with_name("a" * 64 + ".0.origin").write_text("x"),
        "line 1: 'x' is not a key, a group or a comment",
    ),
    (
        lambda fake: fake.config("[sysroot]\nbootloader=lilo\n"),
        "read repository: ostree/repo/config: [sysroot] bootloader: 'lilo' is not one of",
    ),
    (
        lambda fake: (fake.path / "ostree/repo/config").unlink(),
        "read repository: ostree/repo/config: no such file",
    ),
    (
        lambda fake: next(fake.path.glob("ostree/repo/objects/aa/*")).write_bytes(b"junk"),
        f"read commit: {'a' * 64}: ",
    ),
]


@pytest.mark.parametrize(("breaking", "reason"), FAULTS)
def test_one_fault_is_one_error_that_names_it(fake, root, run, breaking, reason):
    breaking(fake)
    with pytest.raises(BootentriesError) as caught:
        load(root, run)
    assert reason in str(caught.value)


def test_a_boot_link_that_leads_to_no_deployment(fake, root, run):
    link = next((fake.path / "ostree/boot.1.1/testos").iterdir()) / "0"
    relink(link, "../../../../../etc")
    with pytest.raises(BootentriesError) as caught:
        load(root, run)
    assert "leads to '../../../../../etc', no deployment" in str(caught.value)


def test_a_link_does_not_lead_outside(fake, root, run, tmp_path):
    """A hostile /boot/loader.1/entries that points outside is looked up inside."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/ostree-1.conf").write_text("options ostree=/x\n")
    entries = fake.entry().parent
    entries.rename(fake.path / "away")
    entries.symlink_to(tmp_path / "outside")
    assert load(root, run).deployments == ()


def test_a_pruned_commit_has_no_version(fake, root, run):
    next(fake.path.glob("ostree/repo/objects/aa/*")).unlink()
    assert [item.version for item in load(root, run).deployments] == [None, "0.9"]


def test_a_change_while_reading_is_read_again(fake, root, run, monkeypatch):
    """The entries vanish under the first reading, as another writer's clean-up does it."""
    real = module.read_entries
    calls = []

    def racing(found_root, bootversion):
        calls.append(bootversion)
        if len(calls) == 1:
            entries = real(found_root, bootversion)
            (fake.path / "boot/loader.1").rename(fake.path / "boot/loader.0")
            relink(fake.path / "boot/loader", "loader.0")
            return entries
        return real(found_root, bootversion)

    monkeypatch.setattr(module, "read_entries", racing)
    found = load(root, run)
    assert calls == [1, 0]
    assert found.bootversion == 0


def as_booted(fake, run, monkeypatch, index):
    """Pretend that this sysroot is `/`; the rest of the detection is real."""
    stat = fake.deployment(index).stat()
    data = BootedMetadata(device=stat.st_dev, inode=stat.st_ino).encode()
    Path(f"{run}/ostree-booted").write_bytes(data)
    real = module.booted_root

    def same_root(root_fd, run_path):
        del root_fd
        slash = os.open("/", os.O_RDONLY)
        try:
            return real(slash, run_path)
        finally:
            os.close(slash)

    monkeypatch.setattr(module, "booted_root", same_root)


def test_the_booted_deployment(fake, root, run, monkeypatch):
    as_booted(fake, run, monkeypatch, 1)
    found = load(root, run)
    assert found.booted
    assert found.booted_deployment.checksum == "b" * 64


def test_booted_into_something_without_an_entry(fake, root, run, monkeypatch):
    as_booted(fake, run, monkeypatch, 1)
    fake.entry(1).unlink()
    with pytest.raises(BootentriesError) as caught:
        load(root, run)
    assert "the booted deployment has no entry in /boot/loader" in str(caught.value)
    assert "is /boot mounted?" in caught.value.hint


def test_a_staged_deployment_comes_first(fake, root, run, monkeypatch):
    as_booted(fake, run, monkeypatch, 0)
    fake.add("c" * 64, "2.0")
    target = {
        "name": Variant("s", f"{'c' * 64}.0"),
        "osname": Variant("s", "testos"),
        "bootcsum": Variant("s", "d" * 64),
    }
    table = {"target": Variant("a{sv}", target), "kargs": Variant("as", ["quiet", "x=1"])}
    Path(f"{run}/ostree/staged-deployment").write_bytes(encode("a{sv}", table))
    found = load(root, run)
    staged = found.deployments[0]
    assert staged.staged
    assert (staged.version, staged.options, staged.entry) == ("2.0", "quiet x=1", None)
    assert [item.index for item in found.deployments] == [0, 1, 2]
    assert len(found.on_disk) == 2
    assert not staged.finalization_locked
    Path(f"{run}/ostree/staged-deployment-locked").touch()
    assert load(root, run).deployments[0].finalization_locked


@pytest.mark.parametrize(
    "case",
    [
        ({}, "key 'target' is missing"),
        ({"target": Variant("s", "x")}, "key 'target' is not of type 'a{sv}'"),
        ({"target": Variant("a{sv}", {})}, "key 'target' lacks name, osname or bootcsum"),
    ],
)
def test_a_broken_staged_deployment(fake, root, run, monkeypatch, case):
    table, reason = case
    as_booted(fake, run, monkeypatch, 0)
    Path(f"{run}/ostree/staged-deployment").write_bytes(encode("a{sv}", table))
    with pytest.raises(BootentriesError) as caught:
        load(root, run)
    assert str(caught.value) == f"read staged deployment: {run}/ostree/staged-deployment: {reason}"


def test_a_soft_reboot_target(fake, root, run, monkeypatch):
    as_booted(fake, run, monkeypatch, 0)
    stat = fake.deployment(1).stat()
    Path(f"{run}/ostree/nextroot-booted").write_bytes(
        BootedMetadata(device=stat.st_dev, inode=stat.st_ino).encode()
    )
    assert [item.soft_reboot_target for item in load(root, run).deployments] == [False, True]


def test_no_sysroot(tmp_path):
    with pytest.raises(BootentriesError) as caught, open_root(str(tmp_path)):
        pass
    assert str(caught.value) == f"open sysroot: {tmp_path}: no ostree directory in it"
    with pytest.raises(BootentriesError) as caught, open_root(str(tmp_path / "none")):
        pass
    assert str(caught.value) == f"open sysroot: {tmp_path}/none: No such file or directory"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("/ostree/boot.0/os/ab/0", Bootlink(0, "os", "ab", 0)),
        ("/ostree/boot.1/os/ab/12", Bootlink(1, "os", "ab", 12)),
        ("/ostree/boot.2/os/ab/0", None),
        ("/ostree/bootx0/os/ab/0", None),
        ("/ostree/boot.0/../ab/0", None),
        ("/ostree/boot.0/os/../0", None),
        ("/ostree/boot.0/os/ab/x", None),
        ("ostree/boot.0/os/ab/0", None),
        ("/ostree/boot.0/os/ab/0\n", None),
    ],
)
def test_bootlinks(text, link):
    assert Bootlink.parse(text) == link
    if link is not None:
        assert str(link) == text
