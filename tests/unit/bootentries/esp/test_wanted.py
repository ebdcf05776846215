"""From the list to what a partition shall hold."""

import hashlib
import os

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp.links import make_link
from bootentries.esp.wanted import Sources, counted_name, identity, read_wanted
from bootentries.sysroot import load

DIGEST = hashlib.sha256(b"kernel").hexdigest()[:32]


def directory(fake):
    (found,) = (fake.path / "boot/ostree").iterdir()
    return found


def test_an_entry_of_the_list(fake, root):
    present = load(root)
    link = make_link(root, present.deployments[0])
    wanted = read_wanted(root, present)
    first, second = wanted.entries
    assert first.deployment == f"testos/{'a' * 64}.0" == identity(present.deployments[0])
    assert first.title == "Test OS 1.0 (ostree:0)"
    assert first.options == f"root=UUID=a quiet ostree={link}"
    assert first.linux.name == f"vmlinuz-6.1-{DIGEST}"
    assert first.linux.source == f"ostree/{directory(fake).name}/vmlinuz-6.1"
    assert first.linux.size == 6
    assert [item.name[:17] for item in first.initrds] == ["initramfs-6.1.img"]
    assert first.tries is None
    # Whose link is not made yet keeps the list's own.
    assert "ostree=/ostree/boot.1/" in second.options
    assert len(wanted.payloads) == 2
    assert (wanted.extra, wanted.keep) == ((), None)


def test_a_prefix_makes_no_difference(fake, root):
    plain = read_wanted(root, load(root))
    for index in range(2):
        path = fake.entry(index)
        path.write_text(path.read_text().replace(" /ostree/", " /boot/ostree/"))
    assert read_wanted(root, load(root)) == plain


def test_every_file_and_key_comes_along(fake, root):
    place = directory(fake)
    (place / "devicetree-6.1").write_text("tree")
    overlays = fake.path / "boot/ostree/initramfs-overlays"
    overlays.mkdir()
    (overlays / f"{'c' * 64}.img").write_text("overlay")
    with fake.entry().open("a") as file:
        file.write(
            f"initrd /ostree/initramfs-overlays/{'c' * 64}.img\n"
            f"devicetree /ostree/{place.name}/devicetree-6.1\nx-label mine\nfdtdir /dtb\n"
        )
    first = read_wanted(root, load(root)).entries[0]
    assert [item.source.rpartition("/")[2] for item in first.initrds] == [
        "initramfs-6.1.img", f"{'c' * 64}.img",
    ]  # fmt: skip
    assert first.devicetree is not None
    assert first.extras == (("x-label", "mine"),)


def test_init_follows_the_link(fake, root):
    """Without an initramfs `init=` names the link, too."""
    path = fake.entry()
    old = path.read_text()
    link = old.split("ostree=")[1].split("\n")[0]
    path.write_text(old.replace(" quiet", f" init={link}/usr/lib/ostree/ostree-prepare-root"))
    present = load(root)
    lasting = make_link(root, present.deployments[0])
    words = read_wanted(root, present).entries[0].options.split()
    assert f"init={lasting}/usr/lib/ostree/ostree-prepare-root" in words
    assert f"ostree={lasting}" in words


@pytest.mark.parametrize(
    ("name", "tries"),
    [("ostree-2.conf", None), ("ostree-2+3.conf", (3, 0)), ("ostree-2+1-2.conf", (1, 2))],
)
def test_counters_where_counting_is_on(fake, root, name, tries):
    fake.entry().rename(fake.entry().with_name(name))
    assert read_wanted(root, load(root)).entries[0].tries is None
    fake.config("[core]\n[sysroot]\nboot-counting-tries=3\n")
    assert read_wanted(root, load(root)).entries[0].tries == tries


def test_a_file_that_is_gone_is_named(fake, root):
    present = load(root)
    (directory(fake) / "vmlinuz-6.1").unlink()
    with pytest.raises(BootentriesError) as caught:
        read_wanted(root, present)
    assert str(caught.value) == (
        f"read kernel: boot/ostree/{directory(fake).name}/vmlinuz-6.1: No such file or directory"
    )


def test_an_entry_without_a_kernel_is_named(fake, root):
    fake.entry().write_text(fake.entry().read_text().replace("linux ", "x-linux "))
    with pytest.raises(BootentriesError, match=r"sync ESP: ostree-2\.conf: .* no 'linux'"):
        read_wanted(root, load(root))


def test_what_is_known_is_not_read_again(fake, root, monkeypatch):
    source = f"ostree/{directory(fake).name}/vmlinuz-6.1"
    read = []
    monkeypatch.setattr(
        "bootentries.esp.wanted.digest_of", lambda fd: read.append(os.fstat(fd).st_size) or "0" * 64
    )
    sources = Sources(root, {source: "vmlinuz-known"})
    assert sources.payload(f"/{source}").name == "vmlinuz-known"
    assert read == []
    sources = Sources(root)
    assert sources.payload(f"/boot/{source}").name == sources.payload(f"/{source}").name
    assert read == [6]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (None, None), (b"", None), (b"\6\0\0\0", None),
        (b"\6\0\0\0" + "\\loader\\entries\\Bootchain-000001-02+2-1.conf\0".encode("utf-16-le"),
         "bootchain-000001-02+2-1.conf"),
        (b"\6\0\0\0" + "\\EFI\\Linux\\x+1-2.efi".encode("utf-16-le"), "x+1-2.efi"),
    ],
)  # fmt: skip
def test_the_name_by_which_this_system_was_booted(tmp_path, data, name):
    if data is not None:
        path = tmp_path / "LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
        path.write_bytes(data)
    assert counted_name(str(tmp_path)) == name
