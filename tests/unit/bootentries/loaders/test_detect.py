"""Which backend is taken, and why."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.loaders.detect import choose_loader
from bootentries.repo import RepoConfig


def place(fake, name):
    path = fake.path / "boot" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


@pytest.mark.parametrize(
    "case",
    [
        ("auto", [], "none", None),
        ("none", ["grub/grub.cfg"], "none", None),
        ("auto", ["grub/grub.cfg"], "grub2", "grub"),
        ("auto", ["grub2/grub.cfg"], "grub2", "grub2"),
        ("grub2", [], "grub2", "grub"),
        ("grub2", ["grub2/grubenv"], "grub2", "grub2"),
    ],
)
def test_choice(fake, root, case):
    config, files, name, directory = case
    for file in files:
        place(fake, file)
    loader = choose_loader(root, RepoConfig(bootloader=config))
    assert loader.name == name
    assert getattr(loader, "directory", None) == directory


@pytest.mark.parametrize(
    ("config", "files", "name"),
    [
        ("auto", ["syslinux/syslinux.cfg", "grub/grub.cfg"], "syslinux"),
        ("auto", ["loader/uEnv.txt"], "uboot"),
        ("zipl", [], "zipl"),
        ("aboot", [], "aboot"),
    ],
)
def test_what_is_not_supported_is_an_error(fake, root, config, files, name):
    for file in files:
        place(fake, file)
    with pytest.raises(BootentriesError) as caught:
        choose_loader(root, RepoConfig(bootloader=config))
    assert str(caught.value) == f"choose bootloader: {name}: this bootloader is not supported yet"
    assert "sysroot.bootloader" in caught.value.hint
