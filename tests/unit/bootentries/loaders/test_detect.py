"""Which backend is taken, and why."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.loaders.aboot import AbootLoader
from bootentries.loaders.detect import choose_loader, detect, grub_directory, in_force
from bootentries.loaders.grub import GrubLoader
from bootentries.loaders.grub_stub import StubOptions, grub_stub
from bootentries.loaders.none import NoLoader
from bootentries.loaders.stamp import STAMP
from bootentries.loaders.syslinux import SyslinuxLoader
from bootentries.loaders.uboot import UbootLoader
from bootentries.loaders.zipl import ZiplLoader
from bootentries.repo import LOADERS, RepoConfig

UBOOT = "loader/uEnv.txt"
SYSLINUX = "syslinux/syslinux.cfg"
ESP = "efi/EFI/debian/grub.cfg"
BOOTUPD = "bootupd-state.json"


def place(fake, name, text=""):
    path = fake.path / "boot" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ([], "none"),
        ([SYSLINUX], "syslinux"),
        (["grub/grub.cfg"], "grub2"),
        (["grub2/grub.cfg"], "grub2"),
        ([ESP], "grub2"),
        (["efi/EFI/BOOT/grub.cfg"], "none"),
        (["efi/EFI/debian/other.cfg"], "none"),
        (["grub/grubenv"], "none"),
        ([UBOOT], "uboot"),
        ([SYSLINUX, "grub/grub.cfg", UBOOT], "syslinux"),
        (["grub/grub.cfg", UBOOT], "grub2"),
    ],
)
def test_detection(fake, root, files, name):
    for file in files:
        place(fake, file)
    assert detect(root, "x86_64").loader == name
    assert detect(root, "s390x").loader == "zipl"
    assert in_force("auto", detect(root, "x86_64")) == name
    assert in_force("aboot", detect(root, "x86_64")) == "aboot"


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ('{"installed":{},"static-configs":{"timestamp":"2026"}}', "none"),
        ('{"static-configs":null}', "grub2"),
        ('{"installed":{}}', "grub2"),
        ("", "grub2"),
    ],
)
def test_grub_with_static_configurations_needs_no_menu(fake, root, state, name):
    place(fake, "grub2/grub.cfg")
    place(fake, BOOTUPD, state)
    assert detect(root, "x86_64").loader == name


def test_uboot_comes_after_a_grub_that_needs_nothing(fake, root):
    place(fake, "grub2/grub.cfg")
    place(fake, BOOTUPD, '{"static-configs":{}}')
    place(fake, UBOOT)
    assert detect(root, "x86_64").loader == "uboot"


def test_evidence_of_nothing(root):
    found = [(probe.loader, probe.path, probe.found) for probe in detect(root, "x86_64").probes]
    assert found == [
        ("zipl", "machine", False),
        ("syslinux", "boot/syslinux/syslinux.cfg", False),
        ("grub2", "boot/bootupd-state.json", False),
        ("grub2", "boot/grub/grub.cfg", False),
        ("grub2", "boot/grub2/grub.cfg", False),
        ("grub2", "boot/efi/EFI/*/grub.cfg", False),
        ("uboot", "boot/loader/uEnv.txt", False),
    ]


def remark(root, path):
    return next(probe.remark for probe in detect(root, "x86_64").probes if probe.path == path)


def test_remarks(fake, root):
    place(fake, "grub/grub.cfg", grub_stub(StubOptions()))
    place(fake, ESP, "search --set=root\n")
    place(fake, "efi/EFI/fedora/grub.cfg")
    (fake.path / "boot/efi/EFI/fedora/grub.cfg").write_bytes(b"\xff")
    place(fake, BOOTUPD, '{"static-configs":{}}')
    place(fake, SYSLINUX)
    assert remark(root, "machine") == "x86_64"
    assert remark(root, "boot/grub/grub.cfg") == "the stub of bootentries"
    assert remark(root, f"boot/{ESP}") == (
        "not the stub of bootentries: it has to read boot/loader/grub.cfg"
    )
    assert remark(root, "boot/efi/EFI/fedora/grub.cfg") == "line 1 is not UTF-8"
    assert remark(root, f"boot/{BOOTUPD}") == (
        "bootupd has static configurations: GRUB reads the entries itself"
    )
    assert remark(root, f"boot/{SYSLINUX}").startswith("not a link to ../loader/syslinux.cfg")
    (fake.path / "boot" / SYSLINUX).unlink()
    (fake.path / "boot" / SYSLINUX).symlink_to("../loader/syslinux.cfg")
    assert remark(root, f"boot/{SYSLINUX}") == "a link to ../loader/syslinux.cfg"


@pytest.mark.parametrize(
    ("files", "directory", "atomic"),
    [
        ([], "grub", True),
        (["grub/grub.cfg"], "grub", True),
        (["grub2/grubenv"], "grub2", True),
        (["grub2/grubenv", ESP], "grub2", True),
        ([ESP], "efi/EFI/debian", False),
        (["efi/EFI/BOOT/grub.cfg"], "grub", True),
    ],
)
def test_where_grub_keeps_its_files(fake, root, files, directory, atomic):
    for file in files:
        place(fake, file)
    assert choose_loader(root, RepoConfig("grub2")) == GrubLoader(directory, atomic=atomic)
    assert (grub_directory(root) or "grub") == directory


def test_every_configured_name_has_a_backend(fake, root):
    place(fake, SYSLINUX, "TIMEOUT 1\n")
    place(fake, STAMP.removeprefix("boot/"))
    chosen = {name: choose_loader(root, RepoConfig(name, bootprefix=True)) for name in LOADERS}
    assert chosen["auto"] == chosen["syslinux"] == SyslinuxLoader("TIMEOUT 1\n", True)
    assert chosen["none"] == NoLoader()
    assert chosen["uboot"] == UbootLoader({})
    zipl, aboot = chosen["zipl"], chosen["aboot"]
    assert isinstance(zipl, ZiplLoader)
    assert isinstance(aboot, AbootLoader)
    assert zipl.pending is not None
    assert zipl.pending == aboot.pending
    for name, loader in chosen.items():
        assert name in (loader.name, "auto")
        assert loader.atomic is (name != "none")


def test_a_loop_is_an_error_that_names_it(fake, root):
    (fake.path / "boot" / BOOTUPD).symlink_to(BOOTUPD)
    with pytest.raises(BootentriesError) as caught:
        detect(root)
    assert str(caught.value) == (
        "read bootloader configuration: boot/bootupd-state.json: Too many levels of symbolic links"
    )
    (fake.path / "boot" / BOOTUPD).unlink()
    (fake.path / "boot/grub").symlink_to("grub")
    with pytest.raises(BootentriesError) as caught:
        detect(root)
    assert "Too many levels of symbolic links" in str(caught.value)
    assert str(caught.value).startswith("detect bootloader: ")
    with pytest.raises(BootentriesError) as caught:
        choose_loader(root, RepoConfig("grub2"))
    assert str(caught.value).startswith("choose bootloader: grub: Too many levels of ")
