"""Opening a sysroot and its boot directory."""

import tempfile
from pathlib import Path

import pytest

from bootentries import root as module
from bootentries.errors import BootentriesError
from bootentries.root import open_root


def refusal(path, boot=None) -> BootentriesError:
    with pytest.raises(BootentriesError) as caught, open_root(str(path), boot):
        pass
    return caught.value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nowhere", "open boot directory: boot: it is a link that leads nowhere in the sysroot"),
        ("boot", "open boot directory: boot: Too many levels of symbolic links"),
        ("ostree/repo/config", "open boot directory: boot: Not a directory"),
    ],
)
def test_a_boot_that_is_a_bad_link(fake, text, reason):
    (fake.path / "boot").rename(fake.path / "away")
    (fake.path / "boot").symlink_to(text)
    assert str(refusal(fake.path)) == reason


@pytest.mark.parametrize("kind", ["vfat", "msdos"])
def test_fat_cannot_be_the_boot_directory(fake, monkeypatch, kind):
    """The kernel that runs this may have no FAT: what it would say is put in its mouth."""
    asked = []

    def says(fd):
        asked.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
        return kind

    monkeypatch.setattr(module, "filesystem_type", says)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as boot:
        error = refusal(fake.path, boot)
        assert asked == [boot]
        assert str(error) == (
            f"open boot directory: {boot}: a {kind} filesystem cannot be the boot directory"
        )
        assert error.hint.startswith("boot/loader is a symbolic link, which FAT has not: ")


def test_others_can(fake):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as boot, open_root(str(fake.path), boot) as it:
        assert it.boot_path == boot
        assert not it.boot_is_on_root()
