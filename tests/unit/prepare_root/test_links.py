"""Convenience links: what stands at the name decides, and nothing of a user's is hidden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root import links
from prepare_root.links import ABSENT, EMPTY, OTHER, RIGHT, Found, Places

DEPLOYMENT = b"/sysroot/ostree/deploy/os/deploy/ab.0"
VAR = b"/sysroot/ostree/deploy/os/var"


def places(ours=True, stateroot=True, **how):
    return Places(DEPLOYMENT, VAR, b"/new", ours, stateroot, **how)


def told(ops):
    return [f"{op.step}: {op.describe()}" for op in ops]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (b"home", b"var/home", b"var/home"),
        (b"home", b"/var/home", b"var/home"),
        (b"home", b"./var//home/", b"var/home"),
        (b"usr/local", b"../var/usrlocal", b"var/usrlocal"),
        (b"usr/local", b"lib", b"usr/lib"),
        (b"usr/local", b"/lib", b"lib"),
        (b"home", b"../../../var/home", b"var/home"),
        (b"usr/local", b"../../../../var/x", b"var/x"),
        (b"home", b"var/../run/home", b"run/home"),
        (b"home", b"..", b""),
        (b"a/b/c", b"../d", b"a/d"),
    ],
)
def test_resolve(name, text, expected):
    assert links.resolve(name, text) == expected


@given(st.lists(st.sampled_from([b"a", b"b", b"..", b".", b""])).map(b"/".join))
def test_resolve_gives_a_plain_path(text):
    """No component is left that could lead elsewhere, and resolving again changes nothing."""
    found = links.resolve(b"usr/local", text)
    assert not found or all(part not in (b"", b".", b"..") for part in found.split(b"/"))
    assert links.resolve(b"name", b"/" + found) == found


def look(root, name=b"home", text=b"var/home"):
    (found,) = links.look(bytes(root), ((name, text),))
    return (found.kind, found.words)


def test_look_absent(tmp_path):
    assert look(tmp_path) == (ABSENT, "")


def test_look_absent_with_the_directory_above(tmp_path):
    assert look(tmp_path, b"usr/local", b"../var/usrlocal") == (
        OTHER,
        "the directory above it is missing",
    )
    (tmp_path / "usr").mkdir()
    assert look(tmp_path, b"usr/local", b"../var/usrlocal") == (ABSENT, "")


def test_look_does_not_pass_a_link_above(tmp_path):
    """A link at `usr` could lead out of the deployment."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "usr").symlink_to("elsewhere")
    assert look(tmp_path, b"usr/local", b"../var/usrlocal")[0] == OTHER


@pytest.mark.parametrize("text", ["var/home", "/var/home", "./var/home", "../var/home"])
def test_look_right(tmp_path, text):
    (tmp_path / "home").symlink_to(text)
    assert look(tmp_path) == (RIGHT, "")


def test_look_another_link(tmp_path):
    (tmp_path / "home").symlink_to("data/ho\nme")
    assert look(tmp_path) == (OTHER, "a link to data/ho\\x0ame stands there")


def test_look_directories_and_files(tmp_path):
    (tmp_path / "home").mkdir()
    assert look(tmp_path) == (EMPTY, "")
    (tmp_path / "home/.hidden").write_text("")
    assert look(tmp_path) == (OTHER, "a directory with content stands there")
    (tmp_path / "srv").write_text("")
    assert look(tmp_path, b"srv", b"var/srv") == (OTHER, "a file stands there")


HOME = (b"home", b"var/home")
MEDIA = (b"media", b"run/media")
TARGET = f"link home: make sure of directory {VAR.decode()}/home"
LINK = f"link home: link {DEPLOYMENT.decode()}/home -> var/home"
RUN = "link media: make sure of directory /run/media"


@pytest.mark.parametrize(
    ("link", "kind", "stateroot", "labelled", "expected"),
    [
        (HOME, ABSENT, True, False, [TARGET, LINK]),
        (HOME, ABSENT, True, True, [LINK]),
        (HOME, ABSENT, False, False, [LINK]),
        (HOME, RIGHT, True, False, [TARGET]),
        (HOME, RIGHT, True, True, []),
        (HOME, RIGHT, False, False, []),
        (HOME, EMPTY, True, False, [TARGET]),
        (HOME, EMPTY, False, False, []),
        (HOME, OTHER, True, False, []),
        (MEDIA, RIGHT, True, False, [RUN]),
        (MEDIA, RIGHT, False, False, [RUN]),
        (MEDIA, RIGHT, False, True, []),
        ((b"home", b"data/home"), RIGHT, True, False, []),
    ],
)
def test_before_mounts(link, kind, stateroot, labelled, expected):
    where = places(stateroot=stateroot, labelled=labelled)
    ops = links.before_mounts([Found(*link, kind)], where)
    assert told(ops) == expected


def test_the_link_is_made_in_its_own_directory():
    (op,) = links.before_mounts(
        [Found(b"usr/local", b"../var/usrlocal", ABSENT)], places(labelled=True)
    )
    assert (op.directory, op.name, op.text) == (DEPLOYMENT + b"/usr", b"local", b"../var/usrlocal")


UNIT = "link home: write /run/systemd/system/home.mount"
WANTS = "link home: write /run/systemd/system/local-fs.target.d/50-home.mount.conf"
TMPFILES = "link targets: write /run/tmpfiles.d/bootchain-links.conf"


@pytest.mark.parametrize(
    ("link", "kind", "ours", "stateroot", "expected"),
    [
        (HOME, EMPTY, True, True, ["link home: bind /new/var/home on /new/home"]),
        (HOME, EMPTY, False, True, [UNIT, WANTS]),
        (HOME, EMPTY, False, False, [UNIT, WANTS, TMPFILES]),
        (HOME, RIGHT, False, False, [TMPFILES]),
        (HOME, ABSENT, False, False, [TMPFILES]),
        (HOME, RIGHT, True, True, []),
        (HOME, RIGHT, False, True, []),
        (HOME, OTHER, True, True, []),
        (HOME, OTHER, False, False, []),
        (MEDIA, EMPTY, True, True, ["link media: bind /run/media on /new/media"]),
        (MEDIA, EMPTY, False, False, ["link media: bind /run/media on /new/media"]),
        (MEDIA, RIGHT, False, False, []),
        ((b"home", b"data/home"), EMPTY, True, True, []),
    ],
)
def test_after_mounts(link, kind, ours, stateroot, expected):
    ops = links.after_mounts([Found(*link, kind)], places(ours, stateroot))
    assert [line.partition(" (")[0] for line in told(ops)] == expected


MEDIA_UNIT = "link media: write /run/systemd/system/media.mount"
MEDIA_WANTS = "link media: write /run/systemd/system/local-fs.target.d/50-media.mount.conf"


@pytest.mark.parametrize(
    ("link", "kind", "how", "expected"),
    [
        (HOME, EMPTY, {"labelled": True}, [UNIT, WANTS]),
        (HOME, RIGHT, {"labelled": True}, []),
        (HOME, EMPTY, {"filesystem_ro": True}, [UNIT, WANTS, TMPFILES]),
        (HOME, RIGHT, {"filesystem_ro": True}, [TMPFILES]),
        (HOME, OTHER, {"filesystem_ro": True}, []),
        (MEDIA, EMPTY, {"labelled": True}, [MEDIA_UNIT, MEDIA_WANTS]),
        (MEDIA, EMPTY, {"filesystem_ro": True}, ["link media: bind /run/media on /new/media"]),
        ((b"home", b"data/home"), EMPTY, {"labelled": True}, []),
    ],
)
def test_what_cannot_be_made_now_is_made_later(link, kind, how, expected):
    """Binding a target that is missing would fail, on every boot."""
    ops = links.after_mounts([Found(*link, kind)], places(**how))
    assert [line.partition(" (")[0] for line in told(ops)] == expected


def test_tmpfiles_lines():
    found = [Found(b"root", b"var/roothome", RIGHT), Found(*HOME, ABSENT), Found(*MEDIA, RIGHT)]
    (op,) = links.after_mounts(found, places(False, False))
    assert op.data == b"d /var/roothome 0700 root root -\nd /var/home 0755 root root -\n"


def test_only_the_home_of_root_is_private():
    assert Found(b"root", b"var/roothome", ABSENT).mode == 0o700
    assert Found(b"root", b"/var/./roothome", ABSENT).mode == 0o700
    assert Found(*HOME, ABSENT).mode == 0o755


def test_unit_files():
    unit, wants = links.after_mounts([Found(b"root", b"var/roothome", EMPTY)], places(False))
    assert unit.data.decode().splitlines()[1:] == [
        "[Unit]",
        "Description=Bind /var/roothome to /root",
        "RequiresMountsFor=/var/roothome",
        "Before=local-fs.target",
        "",
        "[Mount]",
        "What=/var/roothome",
        "Where=/root",
        "Type=none",
        "Options=bind",
        "DirectoryMode=0700",
    ]
    assert unit.data.startswith(b"# ")
    assert wants.data == b"[Unit]\nWants=root.mount\n"


def test_reports():
    found = [
        Found(*HOME, OTHER, "a file stands there"),
        Found(b"root", b"var/roothome", RIGHT),
        Found(b"o\npt", b"/var/opt", OTHER, "a directory with content stands there"),
    ]
    assert links.reports(found) == [
        "link: /home: left alone, not made to lead to /var/home: a file stands there",
        "link: /o\\x0apt: left alone, not made to lead to /var/opt:"
        " a directory with content stands there",
    ]
