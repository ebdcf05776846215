"""A variant's directory has exactly the links, files and modes that were asked for."""

from pathlib import Path

import pytest

from guest.errors import GuestError
from guest.shape import KEPT_FILE, LINKS, File, LinkState, Variant, base, write_variant

RELEASE = 'NAME="Debian"\n'


def test_ordinary_links(tmp_path: Path) -> None:
    write_variant(Variant(), RELEASE, tmp_path)
    for name, target in LINKS.items():
        assert str((tmp_path / name).readlink()) == target


@pytest.mark.parametrize("name", sorted(LINKS))
@pytest.mark.parametrize("state", list(LinkState))
def test_each_link_in_each_state(tmp_path: Path, name: str, state: LinkState) -> None:
    write_variant(Variant(links=((name, state),)), RELEASE, tmp_path)
    path = tmp_path / name
    assert path.is_symlink() == (state is LinkState.LINK)
    if state is LinkState.MISSING:
        assert not path.exists()
    if state in (LinkState.EMPTY, LinkState.FULL):
        kept = [KEPT_FILE] if state is LinkState.FULL else []
        assert [one.name for one in path.iterdir()] == kept
        assert path.stat().st_mode & 0o777 == (0o700 if name == "root" else 0o755)


def test_unknown_link_is_named(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="make variant: cellar: not one of home, root"):
        write_variant(Variant(links=(("cellar", LinkState.LINK),)), RELEASE, tmp_path)


def test_targets_of_links(tmp_path: Path) -> None:
    write_variant(Variant(), RELEASE, tmp_path)
    text = (tmp_path / "usr/lib/tmpfiles.d/guest-links.conf").read_text()
    assert "d /var/roothome 0700 root root -\n" in text
    assert "d /var/usrlocal 0755 root root -\n" in text
    assert "d /run/media 0755 root root -\n" in text


def test_targets_may_be_left_to_others(tmp_path: Path) -> None:
    write_variant(Variant(link_targets=False), RELEASE, tmp_path)
    assert not (tmp_path / "usr/lib/tmpfiles.d").exists()


def test_files_version_and_modes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"from elsewhere")
    files = (File("usr/bin/x", b"#!", 0o755), File("usr/share/y", source))
    top = tmp_path / "top"
    top.mkdir()
    write_variant(Variant(version="7.1", files=files, fstab="# none\n"), RELEASE, top)
    assert (top / "usr/bin/x").stat().st_mode & 0o777 == 0o755
    assert (top / "usr/share/y").read_bytes() == b"from elsewhere"
    assert (top / "usr/lib/os-release").read_text() == RELEASE + "IMAGE_VERSION=7.1\n"
    assert (top / "usr/share/guest/version").read_text() == "7.1\n"
    assert (top / "usr/etc/fstab").read_text() == "# none\n"
    assert (top / "usr/bin").stat().st_mode & 0o777 == 0o755


def test_programs_come_from_the_checkout(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in ("bootentries/__init__.py", "prepare_root/sys/x.c", "prepare_root/a.pyc"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("")
    top = tmp_path / "top"
    top.mkdir()
    write_variant(Variant(checkout=checkout), RELEASE, top)
    packages = top / "usr/lib/python3/dist-packages"
    assert (packages / "bootentries/__init__.py").exists()
    assert not (packages / "prepare_root/a.pyc").exists()
    program = (top / "usr/bin/bootentries").read_text()
    assert program.startswith("#!/usr/bin/python3 -I\n")
    assert (top / "usr/bin/bootentries-grub2-exec").stat().st_mode & 0o111
    assert "OSTREE_GRUB2_EXEC" in (top / "usr/etc/environment").read_text()


def test_base_is_shaped_for_ostree(tmp_path: Path) -> None:
    for name in ("etc", "var/lib/dpkg", "dev", "usr/lib/tmpfiles.d", "usr/local/bin", "boot"):
        (tmp_path / name).mkdir(parents=True)
    for name in LINKS:
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "etc/passwd").write_text("root\n")
    (tmp_path / "var/lib/dpkg/status").write_text("")
    (tmp_path / "dev/null").write_text("")
    base(tmp_path)
    assert (tmp_path / "usr/etc/passwd").read_text() == "root\n"
    assert not (tmp_path / "etc").exists()
    assert list((tmp_path / "var").iterdir()) == []
    assert list((tmp_path / "dev").iterdir()) == []
    assert (tmp_path / "usr/lib/sysimage/dpkg/status").exists()
    assert str((tmp_path / "ostree").readlink()) == "sysroot/ostree"
    assert not any((tmp_path / name).exists() for name in LINKS)
