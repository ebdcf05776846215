"""A disk whose root is a signed composefs image with fs-verity, and the initramfs that boots it.

The system in the image is busybox and one script, which says what it finds, leaves something
in every place, and starts the machine again until it was up three times.  fs-verity needs a
kernel that has it: the guest's own switches it on, in a first boot of its own.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cfsimages
import sysroots
from cfsimages import Key
from sysroots import COMMIT, DEPLOYMENT, OSTREE_KARG, Layout

from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest.busybox import BUSYBOX
from guest.tree import Tree
from prepare_root.image import cpio, initramfs

IMAGE = f"{DEPLOYMENT}/.ostree.cfs"
KEY_FILE = "etc/ostree/initramfs-root-binding.key"
CONFIG = "etc/ostree/prepare-root.conf"
COMMON = "console=ttyS0 panic=-1 loglevel=7 root=/dev/vda rw"
CMDLINE = f"{COMMON} {OSTREE_KARG}"
UP = "root is up"
# More than one page, so that a damaged one is not the first.
TOOL = "#!/usr/bin/busybox sh\n" + 2000 * "# a tool\n"
DONE = "third time: done"
ENABLED_S = 400

INIT = f"""\
#!/usr/bin/busybox sh
b=/usr/bin/busybox
exec >/dev/ttyS0 2>&1
$b echo "{UP}: $($b grep ' / ' /proc/mounts)"
$b cat /usr/bin/tool >/dev/null && $b echo "tool: whole" || $b echo "tool: refused"
for place in /etc /var /sysroot/ostree/deploy/testos/var "" /usr; do
    f=$place/left
    $b test -e $f && $b echo "remembered: $f" || $b echo "forgotten: $f"
    $b echo kept >$f 2>/dev/null || $b echo "read-only: $f"
done
n=/var/count
$b echo x >>$n
case $($b wc -l <$n) in
3) $b echo "{DONE}"; $b sync; $b poweroff -f;;
*) $b echo "again"; $b sync; $b reboot -f;;
esac
"""

# Runs in place of /init: fs-verity on the image and on every object.
ENABLE = """\
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
while read -r path params; do $b insmod $path $params; done < /usr/lib/bootchain/modules
$b mount -t ext4 /dev/vda /sysroot || $b echo "cannot mount"
$b find /sysroot/ostree -name '*.file' -type f -size +0 >/list
$b find /sysroot/ostree -name .ostree.cfs >>/list
[ ! -e /sysroot/composefs ] || $b find /sysroot/composefs -type f >>/list
while read -r file; do /enable $file || $b echo "failed: $file"; done </list
$b umount /sysroot
$b echo "enabled: $($b wc -l </list) files"
$b poweroff -f
"""

ENABLE_C = """\
#include <fcntl.h>
#include <linux/fsverity.h>
#include <stdio.h>
#include <sys/ioctl.h>

int
main(int count, char **words)
{
    struct fsverity_enable_arg how = {.version = 1, .hash_algorithm = 1, .block_size = 4096};
    int fd = open(words[count - 1], O_RDONLY);

    if (fd >= 0 && ioctl(fd, FS_IOC_ENABLE_VERITY, &how) == 0)
        return 0;
    perror(words[count - 1]);
    return 1;
}
"""


@dataclass(frozen=True, slots=True)
class Root:
    """The disk, an ext4 without a partition table, and the key that its commit is signed with.

    `digest` is the image's, by which bootc's kind of root names it.
    """

    disk: Path
    key: Key
    tree: Path
    digest: str

    def blocks(self, path: str) -> list[int]:
        """Where on the disk the blocks of a file are, as byte offsets."""
        words = ["debugfs", "-R", f"blocks /{path}", str(self.disk)]
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        return [int(number) * 4096 for number in said.split()]


def make_tree(work: Path) -> tuple[Path, Key]:
    """The physical root as a directory: the commit is signed by a new key."""
    tree = work / "tree"
    tree.mkdir(mode=0o755)
    sysroots.build(tree, Layout(generator=False, boot_loader=False))
    deployment = tree / DEPLOYMENT
    for name in ("usr/bin/busybox", "usr/sbin/init"):
        (deployment / name).parent.mkdir(exist_ok=True)
    shutil.copy(BUSYBOX, deployment / "usr/bin/busybox")
    (deployment / "usr/sbin/init").write_text(INIT)
    (deployment / "usr/sbin/init").chmod(0o755)
    (deployment / "sbin").symlink_to("usr/sbin")
    (deployment / "usr/bin/tool").write_text(TOOL)
    cfsimages.add(tree, DEPLOYMENT, COMMIT, "[core]\nrepo_version=1\nmode=bare\n")
    key = cfsimages.new_key(work / "key.pem")
    commit = cfsimages.object_file(tree, COMMIT, "commit").read_bytes()
    meta = cfsimages.detached(key.sign(commit))
    cfsimages.object_file(tree, COMMIT, "commitmeta").write_bytes(meta)
    return tree, key


def make(work: Path) -> Root:
    """The disk, with the filesystem's feature on, and fs-verity on nothing yet."""
    tree, key = make_tree(work)
    digest = cfsimages.add_native(tree, DEPLOYMENT, COMMIT)
    disk = work / "disk.img"
    with disk.open("wb") as file:
        file.truncate(96 << 20)
    words = ["mkfs.ext4", "-q", "-b", "4096", "-O", "verity", "-d", str(tree), str(disk)]
    subprocess.run(words, check=True)
    return Root(disk, key, tree, digest)


def base_image(work: Path, tree: Tree, binary: Path) -> Path:
    """Our initramfs with everything but configuration and key, not compressed."""
    out = work / "initramfs.img"
    words = [str(out), "--kver", tree.kernel, "--modules-dir", str(tree.path), "--binary"]
    initramfs.command.main([*words, str(binary), "--compress", "none"], standalone_mode=False)
    return out


def archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    """Files for the end of an image, with their modes; their directories are there already."""
    members = [
        cpio.Member(name, 0o100000 | mode, ino=number, data=data)
        for number, (name, (mode, data)) in enumerate(files.items(), 2)
    ]
    members.append(cpio.Member(cpio.TRAILER, 0))
    return b"".join(member.encode() for member in members)


def with_files(base: Path, out: Path, files: dict[str, tuple[int, bytes]]) -> Path:
    """The image `base` with more files in it."""
    data = base.read_bytes()
    out.write_bytes(data + b"\0" * (-len(data) % 4) + archive(files))
    return out


def enabler(work: Path, base: Path) -> Path:
    """The image that switches fs-verity on; it is made from `base`."""
    source = work / "enable.c"
    source.write_text(ENABLE_C)
    words = ["gcc", "-static", "-Os", "-o", str(work / "enable"), str(source)]
    subprocess.run(words, check=True)
    files = {
        "busybox": (0o755, BUSYBOX.read_bytes()),
        "enable": (0o755, (work / "enable").read_bytes()),
        "setup": (0o755, ENABLE.replace("/bin/busybox", "/busybox").encode()),
    }
    return with_files(base, work / "enabler.img", files)


def enable(disk: Path, tree: Tree, work: Path, base: Path) -> int:
    """Switch fs-verity on, by a boot of the tree's kernel with `base`; returns how many files."""
    spec = VmSpec(
        firmware=Firmware.DIRECT,
        disks=(Disk(disk, overlay=False),),
        kernel=tree.vmlinuz,
        initrd=enabler(work, base),
        cmdline="console=ttyS0 panic=-1 rdinit=/setup",
        memory=512,
    )
    with Vm(spec, name="enable-verity") as vm:
        vm.wait_for("enabled:", ENABLED_S)
        vm.wait_end(60)
        said = vm.console.text
    assert "failed: " not in said, said
    assert "cannot mount" not in said, said
    match = re.search(r"enabled: (\d+) files", said)
    assert match is not None, said
    return int(match[1])
