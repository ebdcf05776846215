"""The hooks for initramfs-tools in a real Debian tree: what mkinitramfs makes of them."""

import subprocess
from pathlib import Path

import pytest

from guest import tree
from guest.chroot import WORK, Bind, run_in
from guest.errors import GuestError
from guest.tree import Tree
from prepare_root.image import binary
from prepare_root.image.inspect import inspect

pytestmark = pytest.mark.ns

CHECKOUT = Path(__file__).resolve().parents[2]
INSTALL = CHECKOUT / "initramfs-tools/install"
HOOKS = "usr/share/initramfs-tools/hooks"
PROGRAM = "usr/lib/bootchain/prepare-root"


@pytest.fixture(scope="module")
def debian() -> Tree:
    found = tree.get("trixie")
    assert "initramfs-tools-core=" in found.manifest
    return found


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """What initramfs-tools/install installs, and few modules: that takes a third of the time."""
    top = tmp_path / "layer"
    subprocess.run([INSTALL, binary.cached(), top], check=True)
    conf = top / "etc/initramfs-tools/conf.d"
    conf.mkdir(parents=True)
    (conf / "quick").write_text("MODULES=list\n")
    return top


def mkinitramfs(debian: Tree, layer: Path, tmp_path: Path) -> Path:
    """The image by the tree's mkinitramfs.  Raises GuestError when it fails."""
    out = tmp_path / "out"
    out.mkdir()
    run_in(
        debian.path,
        ["mkinitramfs", "-o", f"{WORK}/out/initramfs.img", debian.kernel],
        layers=[layer],
        mounts=[Bind(out, f"{WORK}/out")],
        env={"SOURCE_DATE_EPOCH": "0"},
    )
    return out / "initramfs.img"


def test_image_has_ours(debian: Tree, layer: Path, tmp_path: Path) -> None:
    config = layer / "usr/lib/ostree/prepare-root.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[sysroot]\nreadonly=true\n")
    key = layer / "etc/ostree/initramfs-root-binding.key"
    key.parent.mkdir(parents=True)
    key.write_text("A" * 43 + "=\n")
    report = inspect(mkinitramfs(debian, layer, tmp_path).read_bytes(), "image")
    assert report.programs == ((PROGRAM, "bootchain"),)
    assert report.configuration == (config.relative_to(layer).as_posix(), config.read_text())
    assert report.keys == 1
    assert {"erofs", "overlay"} <= set(report.modules[debian.kernel])
    files = {member.name.decode(): member for part in report.parts for member in part.members}
    assert files[PROGRAM].data == binary.cached().read_bytes()
    assert files[PROGRAM].mode & 0o777 == 0o755
    # Run in the order that was worked out when the image was made.
    order = files["scripts/local-bottom/ORDER"].data.decode()
    assert "/scripts/local-bottom/bootchain" in order
    # udev's moves /dev into the root, which so has to be the deployment's by then.
    assert "/scripts/init-bottom/udev" in files["scripts/init-bottom/ORDER"].data.decode()


def test_configuration_in_etc_replaces_the_other(debian: Tree, layer: Path, tmp_path: Path) -> None:
    for name, text in (("usr/lib", "[etc]\ntransient=false\n"), ("etc", "[etc]\ntransient=true\n")):
        (layer / name / "ostree").mkdir(parents=True)
        (layer / name / "ostree/prepare-root.conf").write_text(text)
    report = inspect(mkinitramfs(debian, layer, tmp_path).read_bytes(), "image")
    assert report.configuration == ("etc/ostree/prepare-root.conf", "[etc]\ntransient=true\n")


def failure(debian: Tree, layer: Path, tmp_path: Path) -> str:
    with pytest.raises(GuestError) as caught:
        mkinitramfs(debian, layer, tmp_path)
    # mkinitramfs makes the file first; update-initramfs moves none into place after a failure.
    assert [path.stat().st_size for path in (tmp_path / "out").iterdir()] == [0]
    return f"{caught.value}\n{caught.value.hint}"


def test_a_missing_executable_fails(debian: Tree, layer: Path, tmp_path: Path) -> None:
    (layer / PROGRAM).unlink()
    said = failure(debian, layer, tmp_path)
    assert f"bootchain: install executable: /{PROGRAM}: not an executable file" in said
    assert f"hint: build it there with: prepare-root-image binary /{PROGRAM}" in said


def test_the_executable_may_be_elsewhere(debian: Tree, layer: Path, tmp_path: Path) -> None:
    (layer / "opt").mkdir()
    (layer / PROGRAM).rename(layer / "opt/mine")
    conf = layer / "etc/initramfs-tools/conf.d/quick"
    conf.write_text(f"{conf.read_text()}export BOOTCHAIN_PREPARE_ROOT=/opt/mine\n")
    report = inspect(mkinitramfs(debian, layer, tmp_path).read_bytes(), "image")
    assert report.programs == ((PROGRAM, "bootchain"),)


def test_a_second_prepare_root_fails(debian: Tree, layer: Path, tmp_path: Path) -> None:
    # Hooks run in the order of their names, where they name no others.
    hook = layer / HOOKS / "another"
    hook.write_text(
        '#!/bin/sh\n[ "$1" = prereqs ] && exit 0\n'
        'mkdir -p "$DESTDIR/usr/lib/ostree"\n'
        'cp -p /usr/lib/ostree/ostree-prepare-root "$DESTDIR/usr/lib/ostree/"\n'
    )
    hook.chmod(0o755)
    said = failure(debian, layer, tmp_path)
    assert "install hook: ostree-prepare-root: libostree's own is in this image too" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "read arguments: 0: one or two are needed"),
        (["/none"], "install executable: /none: not an executable file"),
    ],
)
def test_installer_refuses(arguments: list[str], said: str) -> None:
    done = subprocess.run([INSTALL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == f"initramfs-tools/install: {said}"
    assert second.startswith("hint: ")
