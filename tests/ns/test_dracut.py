"""The dracut module in real Debian trees, beside the real ostree-boot.

Debian's ostree-boot switches libostree's module on, so every build here starts from there.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from guest import tree
from guest.chroot import WORK, Bind, run_in
from guest.errors import GuestError
from guest.tree import Tree
from prepare_root.image import binary

pytestmark = pytest.mark.ns

CHECKOUT = Path(__file__).resolve().parents[2]
INSTALL = CHECKOUT / "dracut-module/install"
UNIT = "usr/lib/systemd/system/bootchain-prepare-root.service"
WANT = "usr/lib/systemd/system/initrd-root-fs.target.wants/bootchain-prepare-root.service"
DRACUT_VERSIONS = {"bookworm": "059", "trixie": "106"}


@dataclass(frozen=True, slots=True)
class Image:
    """An image: what cpio lists of it, and what dracut said while it was made."""

    files: dict[str, str]  # name: mode
    out: Path

    def read(self, name: str) -> bytes:
        done = subprocess.run(
            ["cpio", "--quiet", "-i", "--to-stdout", name],
            input=self.out.read_bytes(),
            capture_output=True,
            check=True,
        )
        return done.stdout


@pytest.fixture(scope="module", params=sorted(DRACUT_VERSIONS))
def debian(request: pytest.FixtureRequest) -> Tree:
    found = tree.get(request.param)
    assert f"dracut-core={DRACUT_VERSIONS[request.param]}" in found.manifest
    assert "ostree-boot=" in found.manifest
    return found


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """What dracut-module/install installs, with the real executable."""
    top = tmp_path / "layer"
    subprocess.run([INSTALL, binary.cached(), top], check=True)
    return top


def dracut(debian: Tree, layer: Path, tmp_path: Path, *options: str) -> Image:
    """An uncompressed image by the tree's dracut.  Raises GuestError when dracut fails."""
    out = tmp_path / "out"
    out.mkdir()
    command = ["dracut", "--quiet", "--force", "--no-hostonly", "--no-compress", "--kver"]
    # Fewer modules than the default take half the time; what matters is in.
    command += [debian.kernel, "--omit", "i18n drm plymouth kernel-modules crypt lvm dm mdraid"]
    command += ["--omit", "kernel-modules-extra qemu btrfs dmraid multipath nvdimm resume"]
    command += ["--drivers", "virtio_blk nvme", *options, f"{WORK}/out/initramfs.img"]
    run_in(debian.path, command, layers=[layer], mounts=[Bind(out, f"{WORK}/out")])
    image = out / "initramfs.img"
    listing = subprocess.run(
        ["cpio", "--quiet", "-itv"],
        input=image.read_bytes(),
        capture_output=True,
        text=False,
        check=True,
    ).stdout.decode()
    files = {}
    for line in listing.splitlines():
        fields = line.split(None, 8)
        files[fields[8].partition(" -> ")[0]] = fields[0]
    return Image(files, image)


def test_image_has_ours_and_not_libostrees(debian: Tree, layer: Path, tmp_path: Path) -> None:
    (layer / "usr/lib/ostree").mkdir(parents=True)
    (layer / "usr/lib/ostree/prepare-root.conf").write_text("[sysroot]\nreadonly=true\n")
    image = dracut(debian, layer, tmp_path)
    assert image.files["usr/lib/bootchain/prepare-root"] == "-rwxr-xr-x"
    assert image.files[UNIT] == "-rw-r--r--"
    assert image.files[WANT].startswith("l")
    assert image.read("usr/lib/ostree/prepare-root.conf") == b"[sysroot]\nreadonly=true\n"
    assert "etc/ostree/prepare-root.conf" not in image.files
    assert not [name for name in image.files if "ostree-prepare-root" in name]
    modules = {Path(name).name.partition(".")[0] for name in image.files if ".ko" in name}
    assert {"erofs", "overlay", "virtio_blk"} <= modules
    # dracut strips executables: what is in the image must still be the program.
    program = tmp_path / "program"
    program.write_bytes(image.read("usr/lib/bootchain/prepare-root"))
    program.chmod(0o755)
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert re.match(r"prepare-root \d", version.stdout)


def test_unit_is_what_systemd_accepts(debian: Tree, layer: Path) -> None:
    # Only an initramfs has this one, from a generator.
    mount = layer / "etc/systemd/system/sysroot.mount"
    mount.parent.mkdir(parents=True)
    mount.write_text("[Mount]\nWhat=/dev/vda2\nWhere=/sysroot\n")
    path = "/usr/lib/dracut/modules.d/50bootchain/bootchain-prepare-root.service"
    said = run_in(
        debian.path,
        ["sh", "-c", f"systemd-analyze verify --man=no {path} 2>&1 || true"],
        layers=[layer],
    )
    assert said == ""


def test_configuration_in_etc_and_the_key(debian: Tree, layer: Path, tmp_path: Path) -> None:
    (layer / "etc/ostree").mkdir(parents=True)
    (layer / "etc/ostree/prepare-root.conf").write_text("[etc]\ntransient=true\n")
    (layer / "etc/ostree/initramfs-root-binding.key").write_text("a2V5\n")
    image = dracut(debian, layer, tmp_path)
    assert image.read("etc/ostree/prepare-root.conf") == b"[etc]\ntransient=true\n"
    assert image.read("etc/ostree/initramfs-root-binding.key") == b"a2V5\n"


def failure(debian: Tree, layer: Path, tmp_path: Path, *options: str) -> str:
    with pytest.raises(GuestError) as caught:
        dracut(debian, layer, tmp_path, *options)
    # No image is left that somebody could boot.
    assert list((tmp_path / "out").iterdir()) == []
    return f"{caught.value}\n{caught.value.hint}"


BOTH = "bootchain: install module: ostree: libostree's own module is in this image too"


def test_both_modules_by_force_fail(debian: Tree, layer: Path, tmp_path: Path) -> None:
    said = failure(debian, layer, tmp_path, "--force-add", "ostree")
    if "dracut-core=059" in debian.manifest:
        # Here to omit wins even over force, and dracut itself refuses the contradiction.
        assert "dracut module 'ostree' cannot be found or installed." in said
    else:
        assert BOTH in said
        assert 'hint: omit_dracutmodules+=" ostree "' in said


def test_without_the_omit_it_fails(debian: Tree, layer: Path, tmp_path: Path) -> None:
    conf = layer / "usr/lib/dracut/dracut.conf.d/50-bootchain.conf"
    lines = conf.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("omit_dracutmodules")]
    assert len(kept) == len(lines) - 1
    conf.write_text("".join(kept))
    assert BOTH in failure(debian, layer, tmp_path)


def test_a_libostree_module_that_comes_first_is_seen(
    debian: Tree, layer: Path, tmp_path: Path
) -> None:
    modules = layer / "usr/lib/dracut/modules.d"
    shutil.copytree(debian.path / "usr/lib/dracut/modules.d/98ostree", modules / "40ostree-first")
    said = failure(debian, layer, tmp_path, "--add", "ostree-first")
    assert BOTH in said


def test_a_missing_executable_fails(debian: Tree, layer: Path, tmp_path: Path) -> None:
    (layer / "usr/lib/bootchain/prepare-root").unlink()
    said = failure(debian, layer, tmp_path)
    path = "/usr/lib/bootchain/prepare-root"
    assert f"bootchain: install executable: {path}: not an executable file" in said
    assert f"hint: build it there with: prepare-root-image binary {path}" in said


def test_the_executable_may_be_elsewhere(debian: Tree, layer: Path, tmp_path: Path) -> None:
    (layer / "opt").mkdir()
    (layer / "usr/lib/bootchain/prepare-root").rename(layer / "opt/mine")
    # A configuration file is bash, so this is how a site sets it for good.
    conf = layer / "usr/lib/dracut/dracut.conf.d/60-site.conf"
    conf.write_text("BOOTCHAIN_PREPARE_ROOT=/opt/mine\n")
    image = dracut(debian, layer, tmp_path)
    assert image.files["usr/lib/bootchain/prepare-root"] == "-rwxr-xr-x"


def test_without_systemd_it_is_a_hook(debian: Tree, layer: Path, tmp_path: Path) -> None:
    names = "systemd systemd-initrd dracut-systemd systemd-udevd systemd-sysusers systemd-tmpfiles"
    more = "systemd-journald systemd-modules-load systemd-sysctl systemd-ask-password dbus"
    conf = layer / "etc/dracut.conf.d/ostree.conf"  # which also adds systemd
    conf.parent.mkdir(parents=True)
    conf.write_text('add_dracutmodules+=" ostree "\n')
    image = dracut(debian, layer, tmp_path, "--omit", f"{names} {more}")
    hooks = [name for name in image.files if "bootchain-pre-pivot" in name]
    assert [Path(name).parts[-2:] for name in hooks] == [("pre-pivot", "50-bootchain-pre-pivot.sh")]
    assert UNIT not in image.files
    assert image.files["usr/lib/bootchain/prepare-root"] == "-rwxr-xr-x"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "read arguments: 0: one or two are needed"),
        (["/none"], "install executable: /none: not an executable file"),
        (["/etc/passwd"], "install executable: /etc/passwd: not an executable file"),
    ],
)
def test_install_fails(arguments: list[str], said: str) -> None:
    done = subprocess.run([INSTALL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"dracut-module/install: {said}\nhint: ")
