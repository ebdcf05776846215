"""Operations of composefs roots that need no mounts; the others are in tests/ns."""

import os
import stat

import pytest

from prepare_root import cfsops
from prepare_root.errors import Failure
from prepare_root.layers import Layers


def mount(directory, name=b"image", links=False, digest=b"", verity=False):
    stack = Layers(b"composefs", b"/none/lower", (b"/o",), verity=verity, readonly=True)
    return cfsops.MountImage(
        "root",
        directory=bytes(directory),
        name=name,
        digest=digest,
        stack=stack,
        target=b"/none/target",
        links=links,
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a composefs image: it ends after 0 bytes"),
        (bytes(4096), "not a composefs image: no header of one"),
    ],
)
def test_what_is_no_image(tmp_path, content, reason):
    (tmp_path / "image").write_bytes(content)
    with pytest.raises(Failure) as caught:
        mount(tmp_path).apply()
    assert str(caught.value) == f"mount root: {tmp_path}/image: {reason}"
    assert caught.value.hint == "choose another entry in the boot menu"


@pytest.mark.parametrize(("digest", "verity"), [(b"d" * 32, True), (b"", True)])
def test_fs_verity_is_asked_before_anything_is_read(tmp_path, digest, verity):
    (tmp_path / "image").write_bytes(b"")
    with pytest.raises(Failure, match=r"fs-verity|not a composefs image"):
        mount(tmp_path, digest=digest, verity=verity).apply()


def test_an_image_is_not_looked_for_outside(tmp_path):
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects/real").write_bytes(b"")
    (tmp_path / "repo/images").mkdir(parents=True)
    (tmp_path / "repo/images/in").symlink_to("../inside")
    (tmp_path / "repo/inside").write_bytes(b"")
    (tmp_path / "repo/images/out").symlink_to("../../objects/real")
    with pytest.raises(Failure, match="ends after 0 bytes"):
        mount(tmp_path / "repo", b"images/in", links=True).apply()
    with pytest.raises(OSError, match="Too many levels"):
        mount(tmp_path / "repo", b"images/in").apply()
    with pytest.raises(OSError, match="Invalid cross-device link") as caught:
        mount(tmp_path / "repo", b"images/out", links=True).apply()
    assert caught.value.filename == bytes(tmp_path / "repo/images/out")


def test_scratch_comes_and_goes(tmp_path):
    top = tmp_path / "scratch"
    made = cfsops.MakeScratch("etc", bytes(top), (0o700, 0o755, 0o711))
    made.apply()
    modes = [stat.S_IMODE((top / name).stat().st_mode) for name in ("", "upper", "work")]
    assert modes == [0o700, 0o755, 0o711]
    (top / "upper/etc").mkdir()
    (top / "upper/etc/file").write_text("")
    made.undo().apply()
    assert not top.exists()


def test_scratch_that_cannot_be_made_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        cfsops.MakeScratch("etc", bytes(tmp_path / "no/scratch"), (0o700, 0o755, 0o755)).apply()
    assert list(tmp_path.iterdir()) == []


def test_volatile_root(tmp_path):
    link = tmp_path / "volatile-root"
    first = cfsops.VolatileRoot("v", bytes(link), b"/dev/block/8:1")
    assert first.undo() is None
    first.apply()
    assert os.readlink(link) == "/dev/block/8:1"  # noqa: PTH115 - text as it stands
    second = cfsops.VolatileRoot("v", bytes(link), b"/dev/block/9:9")
    second.apply()  # somebody else's stays, and is not taken back
    assert second.undo() is None
    assert os.readlink(link) == "/dev/block/8:1"  # noqa: PTH115
    first.undo().apply()
    assert not link.is_symlink()


def test_the_probe_is_a_file_whose_content_is_an_object(tmp_path):
    def probe():
        fd = os.open(tmp_path, os.O_PATH)
        try:
            return cfsops._probe(fd)
        finally:
            os.close(fd)

    assert probe() is None
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/small").write_text("in the image itself")
    assert probe() is None
    (tmp_path / "usr/bin/tool").write_text("x" * 65)
    assert probe() == b"usr/bin/tool"
    (tmp_path / "sbin").symlink_to("/usr/sbin")  # of that root, not of this machine
    (tmp_path / "usr/sbin").mkdir()
    (tmp_path / "usr/sbin/init").symlink_to("../lib/init")
    assert probe() == b"usr/bin/tool"
    (tmp_path / "usr/lib").mkdir()
    (tmp_path / "usr/lib/init").write_text("x" * 65)
    assert probe() == b"/sbin/init"
