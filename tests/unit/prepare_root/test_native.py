"""Plans of bootc's native roots, from directories; mounts are in tests/ns/test_native.py."""

import pytest

from prepare_root import native
from prepare_root.errors import Failure
from prepare_root.formats.nativeroot import Mounts, Wanted

DIGEST = "ab" * 64


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(native.volatile, "link_text", lambda root: b"")
    top = tmp_path / "sysroot"
    (top / "composefs/images").mkdir(parents=True)
    (top / "composefs/images" / DIGEST).symlink_to("../objects/ab/cd")
    (top / "composefs/objects/ab").mkdir(parents=True)
    (top / "composefs/objects/ab/cd").write_text("")
    state = top / "state/deploy" / DIGEST
    (state / "etc").mkdir(parents=True)
    (state / "var").symlink_to("../../os/default/var")
    (top / "state/os/default/var").mkdir(parents=True)
    return top


def lines(root, mounts, optional=False):
    made = native.plan(bytes(root), Wanted(DIGEST.encode(), optional), mounts)
    return [
        f"{op.step}: {op.describe()}".replace(str(root), "ROOT").replace(DIGEST, "DIGEST")
        for op in made
    ]


def test_default(root):
    assert lines(root, Mounts()) == [
        "private: make / and all below it private",
        "root: make directory /run/bootchain with mode 0755",
        "root: make directory /run/bootchain/image with mode 0700",
        "root: make directory /sysroot.tmp with mode 0755",
        "root: mount image ROOT/composefs/images/DIGEST over ROOT/composefs/objects"
        " on /sysroot.tmp read-only, fs-verity required, digest DIGEST",
        "sysroot: bind ROOT/. on /sysroot.tmp/sysroot read-only, if there is such a directory",
        "etc: bind ROOT/state/deploy/DIGEST/etc on /sysroot.tmp/etc",
        "var: bind ROOT/state/deploy/DIGEST/var on /sysroot.tmp/var",
        "move: make directory /sysroot.old with mode 0755",
        "move: move ROOT to /sysroot.old",
        "move: move /sysroot.tmp to ROOT",
        "move: detach /sysroot.old",
        "move: remove directory /sysroot.old",
        "move: remove directory /sysroot.tmp",
    ]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("none", None),
        ("bind", "etc: bind ROOT/state/deploy/DIGEST/etc on /sysroot.tmp/etc"),
        ("overlay", "etc: overlay /sysroot.tmp/etc with changes in ROOT/state/deploy/DIGEST/etc"),
        ("transient", "etc: overlay /sysroot.tmp/etc with changes that are forgotten"),
    ],
)
def test_etc(root, kind, line):
    found = [text for text in lines(root, Mounts(etc=kind)) if text.startswith("etc: ")]
    assert found == ([] if line is None else [line])


def test_transient_root(root):
    made = lines(root, Mounts(root_transient=True), optional=True)
    assert made[4:7] == [
        "root: mount a tmpfs on /run/bootchain/scratch for changes that are forgotten",
        "root: mount image ROOT/composefs/images/DIGEST over ROOT/composefs/objects on"
        " /sysroot.tmp writable, changes in /run/bootchain/scratch/upper, digest DIGEST",
        "root: detach /run/bootchain/scratch",
    ]


@pytest.mark.parametrize(
    ("path", "mounts", "reason"),
    [
        (
            "composefs/objects/ab/cd",
            Mounts(),
            f"find image: composefs/images/{DIGEST}: no such image",
        ),
        (
            f"state/deploy/{DIGEST}/etc",
            Mounts(),
            f"find image: state/deploy/{DIGEST}/etc: the image has no state directory",
        ),
        ("state/os/default/var", Mounts(), f"{DIGEST}/var: the image has no state directory"),
        ("state/os/default/var", Mounts(var="none"), None),
        ("state/os/default/var", Mounts(var="transient"), None),
    ],
)
def test_what_must_be_there(root, path, mounts, reason):
    place = root / path
    place.unlink() if place.is_file() else place.rmdir()
    if reason is None:
        assert lines(root, mounts)
        return
    with pytest.raises(Failure) as caught:
        lines(root, mounts)
    assert str(caught.value).endswith(reason)


@pytest.mark.parametrize(
    ("cmdline", "digest"),
    [
        ("quiet", None),
        (f"composefs={DIGEST}", DIGEST),
        (f"ostree=/ostree/boot.1/x/y/0 composefs={DIGEST}", None),
    ],
)
def test_wanted(cmdline, digest):
    found = native.wanted(cmdline.encode())
    assert (found and found.digest.decode()) == digest


def test_wanted_refused():
    with pytest.raises(Failure) as caught:
        native.wanted(b"composefs=x")
    assert str(caught.value) == (
        "find image: kernel command line: composefs: 'x' is not 64 or 128 lower-case hex digits"
    )


@pytest.mark.parametrize(
    ("argument", "var"),
    [("", "bind"), ("=yes", "bind"), ("=no", "bind"), ("=state", "none"), ("=overlay", "none")],
)
def test_systemd_volatile(tmp_path, argument, var):
    text = f"quiet systemd.volatile{argument}".encode() if argument else b"quiet"
    assert native.load_mounts(text, bytes(tmp_path / "none")).var == var


def test_configuration_that_cannot_be_used(tmp_path):
    path = tmp_path / "conf.toml"
    path.write_text("[etc]\nmount='x'\n")
    with pytest.raises(Failure) as caught:
        native.load_mounts(b"", bytes(path))
    assert str(caught.value).startswith(f"read configuration: {path}: line 2: mount: 'x' is not")
    path.unlink()
    path.mkdir()
    with pytest.raises(Failure) as caught:
        native.load_mounts(b"", bytes(path))
    assert str(caught.value) == f"read configuration: {path}: Is a directory"
