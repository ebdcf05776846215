"""The image on a real kernel: it unpacks, its modules load, and it boots a deployment."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm.agent import with_agent
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import system
from guest.shape import Variant
from guest.tree import Tree
from prepare_root.image import cpio
from prepare_root.image.initramfs import command

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
DEADLINE = 90

# Runs in place of /init: looks at what the kernel unpacked, and loads the list as /init does.
CHECK = """\
#!/bin/busybox sh
b=/bin/busybox
$b test -c /dev/console && echo "console: $($b stat -c '%a %t %T' /dev/console)"
$b mount -t proc proc /proc
$b test -c /dev/null || echo "devtmpfs: not yet"
for d in dev etc proc run sys sysroot usr/lib/ostree; do $b test -d /$d || echo "missing: $d"; done
echo "init: $($b stat -c '%a %u %g' /init)"
while read -r path params; do
    $b insmod $path $params && echo "loaded: ${path##*/}" || echo "failed: ${path##*/}"
done < /usr/lib/bootchain/modules
$b grep -w -e erofs -e overlay -e ext4 /proc/filesystems
echo "check: done"
$b poweroff -f
"""


def build(out: Path, tree: Tree, *options: str) -> Path:
    arguments = [str(out), "--kver", tree.kernel, "--modules-dir", str(tree.path), *options]
    command.main(arguments, standalone_mode=False)
    return out


@pytest.fixture(scope="module")
def image(guest_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("image") / "initramfs.img", guest_tree)


def with_check(image: Path, method: str, out: Path) -> Path:
    """The image and an archive with CHECK, one behind the other, as a loader joins images."""
    members = [
        cpio.Member("bin", 0o040755, ino=1, nlink=2),
        cpio.Member("bin/busybox", 0o100755, ino=2, data=Path("/usr/bin/busybox").read_bytes()),
        cpio.Member("check", 0o100755, ino=3, data=CHECK.encode()),
        cpio.Member(cpio.TRAILER, 0),
    ]
    data = image.read_bytes()
    check = b"".join(member.encode() for member in members)
    if method == "lz4":
        # The kernel's lz4 frame has no end, so nothing can follow it.
        out.write_bytes(check + data)
    else:
        # An uncompressed archive starts at a multiple of four.
        out.write_bytes(data + b"\0" * (-len(data) % 4) + check)
    return out


@pytest.mark.parametrize("method", ["none", "gzip", "xz", "zstd", "lz4"])
def test_kernel_unpacks_it(guest_tree: Tree, tmp_path: Path, machine: Starter, method: str) -> None:
    made = build(tmp_path / "made", guest_tree, "--compress", method)
    spec = VmSpec(
        firmware=Firmware.DIRECT,
        kernel=guest_tree.vmlinuz,
        initrd=with_check(made, method, tmp_path / "initrd"),
        cmdline="console=ttyS0 quiet panic=-1 rdinit=/check",
        memory=512,
    )
    vm = machine(spec)
    vm.wait_for("check: done", DEADLINE)
    said = vm.console.text
    # The archive's own node: devtmpfs is not mounted, so nobody else made it.
    assert "console: 600 5 1" in said
    assert "devtmpfs: not yet" in said
    assert "missing:" not in said
    assert "init: 755 0 0" in said
    assert "unpacking failed" not in said
    assert re.findall(r"failed: (\S+)", said) in ([], ["crc32c-intel.ko"])
    loaded = re.findall(r"loaded: (\S+)", said)
    assert loaded.index("virtio_blk.ko") == 0
    assert loaded.index("libcrc32c.ko") < loaded.index("erofs.ko")
    assert {"overlay.ko", "sd_mod.ko", "ahci.ko"} <= set(loaded)
    for name in ("ext4", "erofs", "overlay"):
        assert re.search(rf"\b{name}\r?\n", said), name


def test_boots_a_deployment(guest_tree: Tree, image: Path, machine: Starter) -> None:
    disk = system.build(guest_tree, image, Variant(checkout=CHECKOUT), versions=["3.0"])
    vm = machine(with_agent(VmSpec(disks=(Disk(disk.path),))))
    vm.agent.wait_ready(240)
    vm.wait_for("login:", 120)
    # virtio_blk is a module of this kernel, so the root was found because ours loaded it.
    loaded = {line.split()[0] for line in vm.check("cat /proc/modules").splitlines()}
    assert "virtio_blk" in loaded
    # What no mount of this root asks for is left to the system.
    assert loaded & {"overlay", "erofs"} == set()
    assert "ostree=/ostree/boot." in vm.check("cat /proc/cmdline")
    assert vm.check("cat /usr/share/guest/version") == "3.0\n"
    assert vm.check("ostree admin status").startswith("* ")
    assert vm.check("systemctl --failed --no-legend") == ""
    vm.power_off()


def test_image_is_listed_by_the_distribution(guest_tree: Tree, image: Path) -> None:
    listing = subprocess.run(
        [guest_tree.path / "usr/bin/lsinitrd", image],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(r"crw-------.* 5, +1 .*dev/console", listing)
    assert re.search(r"-rwxr-xr-x +1 root +root .* init$", listing, re.MULTILINE)
