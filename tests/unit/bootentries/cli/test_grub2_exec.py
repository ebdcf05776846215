"""The program that libostree runs; libostree itself runs it in tests/ns."""

import pytest

from bootentries.cli.grub2_exec import find_sysroot, generate, main
from bootentries.errors import BootentriesError


def test_the_menu_of_the_boot_version_that_is_named(fake):
    output = fake.path / "boot/loader.1/grub.cfg"
    generate(str(output), None, {"_OSTREE_GRUB2_BOOTVERSION": "1"})
    text = output.read_text()
    assert text.count("menuentry ") == 2
    assert text.endswith("set bootchain_bootversion='1'\n")


@pytest.mark.parametrize("environ", [{}, {"_OSTREE_GRUB2_BOOTVERSION": "7"}])
def test_without_a_boot_version(fake, environ, monkeypatch, capsys):
    monkeypatch.delenv("_OSTREE_GRUB2_BOOTVERSION", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        main(["-o", str(fake.path / "boot/loader.1/grub.cfg")])
    assert caught.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    value = environ.get("_OSTREE_GRUB2_BOOTVERSION", "")
    assert lines[0] == (
        f"bootentries-grub2-exec: generate menu: _OSTREE_GRUB2_BOOTVERSION: {value!r} is not 0 or 1"
    )
    assert lines[1].startswith("hint: ")


def test_a_place_that_cannot_be_written(fake, monkeypatch, capsys):
    monkeypatch.setenv("_OSTREE_GRUB2_BOOTVERSION", "1")
    with pytest.raises(SystemExit) as caught:
        main(["-o", str(fake.path / "boot/none/grub.cfg")])
    assert caught.value.code == 1
    expected = f"bootentries-grub2-exec: write menu: {fake.path}/boot/none/grub.cfg: No such file"
    assert capsys.readouterr().err.startswith(expected)


def test_the_sysroot_is_found_from_the_file(fake, tmp_path):
    output = str(fake.path / "boot/efi/EFI/debian/grub.cfg.new")
    assert find_sysroot(output, {}) == str(fake.path)
    assert find_sysroot("/none/grub.cfg", {"OSTREE_SYSROOT": "/x"}) == "/x"
    with pytest.raises(BootentriesError) as caught:
        find_sysroot(str(tmp_path / "none/grub.cfg"), {})
    assert "no sysroot above it" in str(caught.value)
