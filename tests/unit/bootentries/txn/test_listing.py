"""What lies in a sysroot beyond its list."""

from bootentries.txn.listing import read_listing


def test_the_listing(fake, root):
    overlays = fake.path / "boot/ostree/initramfs-overlays"
    overlays.mkdir()
    for name in ("a.img", "b.img.tmp", "readme"):
        (overlays / name).touch()
    found = read_listing(root, frozenset({"bootloader-naming-1"}))
    assert sorted(found.overlays) == ["a.img", "b.img.tmp"]
    assert "initramfs-overlays" in found.payloads
    assert sorted(found.deployments) == [
        ("testos", f"{'a' * 64}.0"), ("testos", f"{'b' * 64}.0"),
    ]  # fmt: skip
    assert found.subbootversions == (None, 1)
    assert (found.on_root, found.naming_1, found.current) == (True, True, ())
    assert not read_listing(root, frozenset()).naming_1


def test_only_a_link_is_what_old_versions_left(fake, root):
    place = fake.path / "ostree/deploy/testos/current"
    place.mkdir()
    (fake.path / "ostree/deploy/a-file").touch()
    assert read_listing(root, frozenset()).current == ()
    place.rmdir()
    place.symlink_to("deploy/nowhere")
    assert read_listing(root, frozenset()).current == ("testos",)
