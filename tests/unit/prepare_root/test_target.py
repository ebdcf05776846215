"""From `ostree=` to a deployment on real directories, and each hop that can be broken."""

import pytest

from prepare_root import target
from prepare_root.errors import Failure

CHECKSUM = "ab" * 32
BOOTCSUM = "cd" * 32
DEPLOYMENT = f"ostree/deploy/os/deploy/{CHECKSUM}.0"
LINK = f"ostree/boot.1/os/{BOOTCSUM}/0"
CMDLINE = f"root=UUID=1 ostree=/{LINK} quiet".encode()


@pytest.fixture
def sysroot(tmp_path):
    """A physical root as libostree lays it out: boot.1 -> boot.1.1, and one deployment."""
    root = tmp_path / "root"
    (root / DEPLOYMENT / "usr").mkdir(parents=True)
    directory = root / f"ostree/boot.1.1/os/{BOOTCSUM}"
    directory.mkdir(parents=True)
    (root / "ostree/boot.1").symlink_to("boot.1.1")
    (directory / "0").symlink_to(f"../../../deploy/os/deploy/{CHECKSUM}.0")
    return root


def failure(root, cmdline=CMDLINE):
    with pytest.raises(Failure) as caught:
        target.find(bytes(root), cmdline)
    return caught.value


def relink(root, text, name=LINK):
    (root / name).unlink()
    (root / name).symlink_to(text)


@pytest.mark.parametrize(
    ("path", "stateroot"),
    [
        (DEPLOYMENT, b"os"),
        (f"ostree/deploy/os/deploy/{CHECKSUM}.12", b"os"),
        ("ostree/deploy/a b/deploy/a.0", b"a b"),
        (f"/{DEPLOYMENT}", None),
        (f"{DEPLOYMENT}/usr", None),
        (f"ostree/deploy/os/deploy/{CHECKSUM}", None),
        (f"ostree/deploy/os/deploy/{CHECKSUM}.", None),
        (f"ostree/deploy/os/deploy/{CHECKSUM}.x", None),
        (f"ostree/deploy/os/deploy/{CHECKSUM}.0.origin", None),
        ("ostree/deploy/os/deploy/.0", None),
        ("ostree/deploy/os/deploy/xyz.0", None),
        (f"ostree/deploy/os/var/{CHECKSUM}.0", None),
        (f"ostree/repo/os/deploy/{CHECKSUM}.0", None),
        ("", None),
    ],
)
def test_split_path(path, stateroot):
    assert target.split_path(path.encode()) == stateroot


def test_find(sysroot):
    found = target.find(bytes(sysroot), CMDLINE)
    stat = (sysroot / DEPLOYMENT).stat()
    assert (found.link, found.path, found.stateroot, found.var) == (
        f"/{LINK}".encode(),
        DEPLOYMENT.encode(),
        b"os",
        b"ostree/deploy/os/var",
    )
    assert (found.device, found.inode) == (stat.st_dev, stat.st_ino)


def test_find_for_an_android_slot(sysroot):
    (sysroot / "ostree/root.b").symlink_to(f"deploy/os/deploy/{CHECKSUM}.0")
    found = target.find(bytes(sysroot), b"androidboot.slot_suffix=_b ostree=/not/this")
    assert (found.link, found.path) == (b"/ostree/root.b", DEPLOYMENT.encode())


def test_a_root_reached_by_a_symlink(sysroot, tmp_path):
    (tmp_path / "way").symlink_to(sysroot)
    assert target.find(bytes(tmp_path / "way"), CMDLINE).path == DEPLOYMENT.encode()


@pytest.mark.parametrize("cmdline", [b"", b"root=UUID=1 quiet", b"ostree=", b"xostree=/a"])
def test_no_argument(sysroot, cmdline):
    error = failure(sysroot, cmdline)
    assert str(error) == "find deployment: kernel command line: no ostree= argument"
    assert (
        error.hint == "boot an entry that was written for a deployment; its options carry ostree="
    )


def test_zero_byte_in_a_command_line_file(sysroot):
    assert str(failure(sysroot, b"quiet ostree=/a\0b rw")) == (
        "find deployment: /a\\x00b: not a path: it has a zero byte in it"
    )


def test_unknown_slot(sysroot):
    assert str(failure(sysroot, b"androidboot.slot_suffix=_c")) == (
        "find deployment: kernel command line:"
        " androidboot.slot_suffix: _c: not a known slot (_a or _b)"
    )


def test_no_root(tmp_path):
    assert str(failure(tmp_path / "none")) == (
        f"find deployment: {tmp_path}/none: No such file or directory"
    )


@pytest.mark.parametrize("broken", ["link", "boot", "file"])
def test_no_such_link(sysroot, broken):
    if broken == "link":
        (sysroot / LINK).unlink()
    elif broken == "boot":
        (sysroot / "ostree/boot.1").unlink()
    else:
        (sysroot / "ostree/boot.1").unlink()
        (sysroot / "ostree/boot.1").write_text("a file in the way")
    error = failure(sysroot)
    assert str(error) == f"find deployment: /{LINK}: no such link"
    assert error.hint == "choose another entry in the boot menu"


def test_dangling_link(sysroot):
    (sysroot / DEPLOYMENT).rename(sysroot / "ostree/gone")
    error = failure(sysroot)
    assert str(error) == f"find deployment: /{LINK}: dangling link: the deployment is gone"
    assert error.hint == "choose another entry in the boot menu"


def test_not_a_symbolic_link(sysroot):
    (sysroot / LINK).unlink()
    (sysroot / LINK).mkdir()
    assert str(failure(sysroot)) == f"find deployment: /{LINK}: not a symbolic link"


@pytest.mark.parametrize("name", [LINK, "ostree/boot.1"])
@pytest.mark.parametrize("how", ["absolute", "upwards"])
def test_outside(sysroot, tmp_path, how, name):
    """Even to a place that looks like a deployment."""
    outside = tmp_path / "outside"
    (outside / f"os/{BOOTCSUM}").mkdir(parents=True)
    relink(sysroot, outside if how == "absolute" else "../" * 40 + str(outside)[1:], name)
    assert str(failure(sysroot)) == f"find deployment: /{LINK}: leads outside the sysroot"


def test_argument_that_climbs(sysroot):
    assert str(failure(sysroot, b"ostree=/../root/ostree/boot.1")) == (
        "find deployment: /../root/ostree/boot.1: leads outside the sysroot"
    )


def test_a_loop(sysroot):
    relink(sysroot, "0")
    assert str(failure(sysroot)) == (f"find deployment: /{LINK}: Too many levels of symbolic links")


def test_another_directory_is_no_deployment(sysroot):
    relink(sysroot, "../../../deploy/os")
    assert str(failure(sysroot)) == (
        f"find deployment: /{LINK}: not a deployment: ostree/deploy/os"
        " is not ostree/deploy/STATEROOT/deploy/CHECKSUM.SERIAL"
    )


def test_the_root_itself_is_no_deployment(sysroot):
    """The resolved path is then the root's own, which has nothing below it."""
    relink(sysroot, "../../../..")
    assert str(failure(sysroot)) == (
        f"find deployment: /{LINK}: not a deployment: it leads to the sysroot itself"
    )


def test_a_root_that_is_prepared_already(sysroot, tmp_path):
    """What a second run meets: the deployment's own `ostree` link leads on to the old root."""
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    sysroot.rename(prepared / "sysroot")
    (prepared / "ostree").symlink_to("sysroot/ostree")
    assert str(failure(prepared)) == (
        f"find deployment: {prepared}: prepared already: the physical root is at its sysroot"
    )


def test_a_file_is_no_deployment(sysroot):
    (sysroot / DEPLOYMENT / "usr").rmdir()
    (sysroot / DEPLOYMENT).rmdir()
    (sysroot / DEPLOYMENT).write_text("")
    assert str(failure(sysroot)).startswith(
        f"find deployment: /{LINK}: not a deployment: {DEPLOYMENT} is not ostree/deploy/"
    )


@pytest.mark.parametrize("usr", ["absent", "link"])
def test_without_usr_no_deployment(sysroot, usr):
    (sysroot / DEPLOYMENT / "usr").rmdir()
    if usr == "link":
        (sysroot / DEPLOYMENT / "usr").symlink_to("/usr")
    assert str(failure(sysroot)) == (
        f"find deployment: /{LINK}: not a deployment: {DEPLOYMENT} has no directory 'usr'"
    )


def test_names_from_the_command_line_are_escaped(sysroot):
    assert str(failure(sysroot, b"ostree=/a\x1b\xff")) == (
        "find deployment: /a\\x1b\\xff: no such link"
    )
