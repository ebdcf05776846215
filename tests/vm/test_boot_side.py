"""A guest whose boot side is ours alone: initramfs, generator, remount, units for staging.

Nothing of Debian's package `ostree-boot` is in its tree.  prepare-root leaves /var and /boot to
the generator here, as libostree's does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from recommit import recommit

from bootvm.agent import with_agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import cache, commit, disk, entry
from guest import tree as trees
from guest.chroot import WORK, Bind, run_in
from guest.commit import Commit
from guest.shape import File, Variant, write_files
from guest.system import VAR_FSTAB, VAR_MIB
from guest.tree import Tree
from prepare_root.image import binary, bootside
from prepare_root.image.initramfs import command

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
READY, DOWN = 300, 240
BOOT_FSTAB = "LABEL=boot /boot ext4 defaults 0 2\n"
CONFIG = "[var]\nmount=no\n[boot]\nmount=no\n"
PACKAGE = "usr/lib/sysimage/dpkg/info/ostree-boot.list"
UNITS = "usr/lib/systemd/system"
ROOT_IN_USE = re.compile(r"Failed to unmount (/sysroot|/run/shutdown/mounts/\w+): ")
# Out with libostree's files, in with ours.
REPLACE = f"""\
sed 's,^/etc/,/usr/etc/,' {PACKAGE} | while read -r path; do
    if [ -f ".$path" ]; then rm ".$path"; fi
done
cp -r {WORK}/ours/. .
bootentries install-units --root=. --import-path=/usr/lib/python3/dist-packages >&2
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where /boot and /var are, and what kind of root it is.

    `partitions` are sizes for the disk, `boot` and `var` what is mounted there; `readonly` is the
    repository's `sysroot.readonly`.
    """

    suite: str = "trixie"
    fstab: str = ""
    partitions: dict[str, int] = field(default_factory=dict)
    boot: str = "LABEL=root"
    var: str = "LABEL=root"
    readonly: bool = True
    composefs: bool = False


LAYOUTS = {
    "all-on-root": Layout(),
    "writable": Layout(readonly=False),
    "boot-partition": Layout(fstab=BOOT_FSTAB, partitions={"boot_mib": 256}, boot="LABEL=boot"),
    "var-in-fstab": Layout(fstab=VAR_FSTAB, partitions={"var_mib": VAR_MIB}, var="LABEL=var"),
    "composefs": Layout(suite="sid", composefs=True),
}


def image(tree: Tree, layout: Layout, top: Path) -> Path:
    config = top / "prepare-root.conf"
    config.write_text(CONFIG + ("[composefs]\nenabled=yes\n" if layout.composefs else ""))
    words = [top / "image", "--kver", tree.kernel, "--modules-dir", tree.path, "--config", config]
    command.main([str(word) for word in words], standalone_mode=False)
    return top / "image"


def without_libostrees(tree: Tree, made: Commit, top: Path) -> Commit:
    """The commit without the files of `ostree-boot`, and with ours."""
    pieces = bootside.pieces(binary.cached().read_bytes())
    write_files((File(piece.path, piece.data, piece.mode) for piece in pieces), top / "ours")
    programs = disk.programs(CHECKOUT)
    return recommit(
        tree,
        made,
        REPLACE,
        version=made.version,
        key=cache.digest_tree(top / "ours") + cache.digest_tree(programs),
        layers=(programs,),
        mounts=(Bind(top / "ours", f"{WORK}/ours"),),
    )


def sysroot(tree: Tree, layout: Layout, top: Path) -> disk.Disk:
    """A disk of its own with one deployment, or a second one, the default, by composefs."""
    variant = Variant(fstab=layout.fstab, checkout=CHECKOUT)
    made = commit.make(tree, variant, image(tree, layout, top))
    made = without_libostrees(tree, made, top)
    programs = disk.programs(CHECKOUT)
    spec = disk.DiskSpec((disk.Deployment(made),), readonly=layout.readonly, **layout.partitions)
    own = disk.make(tree, spec, programs).copy(top / "disk.img")
    if layout.composefs:
        repo = f"--repo={disk.TARGET}/ostree/repo"
        script = (
            f"ostree config {repo} set ex-integrity.composefs true; "
            f"ostree admin deploy --sysroot={disk.TARGET} --os={disk.STATEROOT} {disk.REF} >&2; "
            f"ls -d {disk.TARGET}/ostree/deploy/{disk.STATEROOT}/deploy/*/.ostree.cfs"
        )
        run_in(
            tree.path,
            ["sh", "-ec", script],
            layers=[programs],
            mounts=[*own.sysroot()],
            env={"OSTREE_GRUB2_EXEC": f"/{disk.GENERATOR}"},
        )
    return own


@pytest.mark.parametrize("name", LAYOUTS)
def test_boots_without_a_program_of_libostrees(machine: Starter, tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    tree = trees.get(layout.suite)
    own = sysroot(tree, layout, tmp_path)
    vm = machine(with_agent(VmSpec(disks=(Disk(own.path, overlay=False),))))
    vm.wait_for("login:", READY)
    vm.agent.wait_ready(READY)
    assert vm.check("systemctl --failed --no-legend") == ""
    assert vm.check("systemctl is-system-running --wait", READY) == "running\n"
    # The programs that ran are the executable that is also /init, and there are no others.
    sums = vm.check(f"sha256sum < /{bootside.REMOUNT}; sha256sum < /{bootside.GENERATOR}")
    assert len(set(sums.split("\n")[:2])) == 1
    assert vm.check("ls /usr/lib/ostree") == "ostree-remount\n"
    units = vm.check(f"cd /{UNITS}; grep -L bootentries ostree-*.service").split()
    assert units == ["ostree-remount.service"]
    assert vm.check("systemctl is-active ostree-remount.service") == "active\n"
    check_mounts(vm, layout)
    status = vm.check("ostree admin status")
    assert status.startswith("* debian ")
    assert vm.check("bootentries verify && echo sound").endswith("sound\n")

    # Staged here, finalised by our unit at shutdown.
    vm.check("echo kept > /etc/kept && echo kept > /var/kept")
    vm.check(f"bootentries deploy --stage --karg-append=staged=1 {disk.REF}", READY)
    assert vm.check("systemctl is-active ostree-finalize-staged-hold") == "active\n"
    mark = len(vm.console.text)
    vm.power_off(DOWN)
    failed = [line for line in vm.console.text[mark:].splitlines() if "Failed" in line]
    if layout.composefs:
        # The root itself is on it: systemd can only make it read-only, which is enough.
        failed = [line for line in failed if not ROOT_IN_USE.search(line)]
    assert failed == []
    head = entry.debugfs(own, "show_super_stats -h")
    assert "Filesystem state:         clean\n" in head
    assert "needs_recovery" not in head
    script = (
        f"cd {disk.TARGET}; grep -l staged=1 boot/loader/entries/*; "
        "cat ostree/boot.?/*/*/0/etc/kept"
    )
    said = run_in(tree.path, ["sh", "-ec", script], mounts=own.sysroot()).split()
    assert said[1:] == ["kept"]
    assert said[0].endswith(("-2.conf", "-3.conf"))


def check_mounts(vm: Vm, layout: Layout) -> None:
    """See that everything is mounted from where it should be, and as writable."""
    sources = vm.check("for at in /boot /var; do findmnt -no SOURCE --nofsroot $at; done").split()
    assert sources == vm.check(f"findfs {layout.boot}; findfs {layout.var}").split()
    assert vm.check("test -L /boot/loader && ls -d /boot/ostree/debian-* | wc -l") == "1\n"
    sysroot_mode = "ro" if layout.readonly else "rw"
    modes = {"/sysroot": sysroot_mode, "/usr": "ro", "/etc": "rw", "/var": "rw"}
    # A /boot of the sysroot is as read-only as that, also with libostree's generator.
    modes["/boot"] = "rw" if "boot_mib" in layout.partitions else sysroot_mode
    if layout.composefs:
        modes["/"] = "ro"
    seen = {at: vm.check(f"findmnt -no OPTIONS -T {at}").split(",")[0] for at in modes}
    assert seen == modes
    kind = vm.check("findmnt -no FSTYPE /").strip()
    assert kind == ("overlay" if layout.composefs else "ext4")
