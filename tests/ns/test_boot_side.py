"""The boot side in the booted system, beside libostree's own programs of Debian sid.

Both run on the same root, with the same command line: `ostree-system-generator` has to leave
the same units, `ostree-remount` the same mounts, but for what DIFFERS says.
"""

import itertools
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from chroots import debian_chroot

from prepare_root.formats.booted import BootedMetadata
from prepare_root.image import binary

pytestmark = pytest.mark.ns

DRIVER = Path(__file__).with_name("bootside.py")
GENERATOR = "usr/lib/systemd/system-generators/ostree-system-generator"
REMOUNT = "usr/lib/ostree/ostree-remount"
CHECKSUM = "ab" * 32
DEPLOYMENT = f"ostree/deploy/debian/deploy/{CHECKSUM}.0"
CMDLINE = "root=UUID=x ostree=/ostree/boot.1/debian/abc/0 quiet"
# A sysroot with the link that the command line names.
SYSROOT = (
    f"mkdir -p sysroot/{DEPLOYMENT}/usr sysroot/boot/loader.0 sysroot/ostree/boot.1/debian/abc;"
    f"ln -s ../../../deploy/debian/deploy/{CHECKSUM}.0 sysroot/ostree/boot.1/debian/abc/0;"
    "mkdir run/ostree; ln -s sysroot/ostree ostree"
)
LOADER = "ln -s loader.0 sysroot/boot/loader"


@cache
def executable() -> Path:
    return binary.cached()


@pytest.fixture(scope="module")
def peer() -> Path:
    return debian_chroot("sid", ("ostree-boot",))


def run(tmp_path, peer, program, ours, *, setup=(), cmdline=CMDLINE, args=()) -> dict:
    """Run libostree's `program`, or ours in its place by its name."""
    setup = list(setup)
    if ours:
        shutil.copy(executable(), tmp_path / "ours")
        setup.insert(0, f"rm {program}; cp {tmp_path}/ours {program}")
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    spec = {
        "work": str(work), "lower": str(peer), "setup": setup, "cmdline": cmdline,
        "argv": [f"/{program}", *args],
    }  # fmt: skip
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    words = ["unshare", "-m", sys.executable, str(DRIVER), str(tmp_path / "spec.json")]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def generate(tmp_path, peer, ours, **how) -> dict:
    how["setup"] = ["mkdir -p out/n out/e out/l", *how.get("setup", ())]
    return run(tmp_path, peer, GENERATOR, ours, args=("/out/n", "/out/e", "/out/l"), **how)


def units(found: dict) -> dict[str, object]:
    """What is in the directories, units as their sections, without comments and manual pages."""
    result: dict[str, object] = {}
    for name, text in found["out"].items():
        mode, _, body = text.partition(" ")
        if not name.endswith((".mount", ".conf")) or mode in ("->", "dir"):
            result[name] = text
            continue
        lines = [line for line in body.splitlines() if line and not line.startswith(("#", "Docu"))]
        sections = re.split(r"^\[(.*)\]$", "\n".join(lines), flags=re.MULTILINE)[1:]
        pairs = zip(sections[::2], sections[1::2], strict=True)
        result[name] = {"mode": mode, **{key: sorted(text.split()) for key, text in pairs}}
    return result


FSTABS = {
    "none": "rm -f etc/fstab",
    "root": "echo 'UUID=x / ext4 defaults 0 1' > etc/fstab",
    "var": "echo 'UUID=y  /var/ xfs defaults 0 2' > etc/fstab",
    "comment": "echo '# UUID=y /var xfs' > etc/fstab",
    "below": "echo 'UUID=y /var/lib xfs' > etc/fstab",
}
CMDLINES = {
    "plain": CMDLINE,
    "no deployment": "root=UUID=x quiet",
    "volatile": f"systemd.volatile=yes {CMDLINE}",
    "twice": f"{CMDLINE} ostree=/ostree/boot.0/other/abc/0",
}
CASES = list(itertools.product(FSTABS, CMDLINES, ("loader", "no loader")))


@pytest.mark.parametrize("case", CASES, ids=["-".join(case) for case in CASES])
def test_the_generators_units_are_libostrees(tmp_path, peer, case):
    fstab, cmdline, loader = case
    setup = [SYSROOT, FSTABS[fstab], *([LOADER] if loader == "loader" else [])]
    how = {"setup": setup, "cmdline": CMDLINES[cmdline]}
    theirs = generate(tmp_path, peer, ours=False, **how)
    ours = generate(tmp_path, peer, ours=True, **how)
    assert units(ours) == units(theirs)
    assert (ours["status"], ours["run"]) == (theirs["status"], theirs["run"])
    assert ours["stderr"] == ""
    expected = {"n", "e", "l"} if cmdline == "no deployment" else {"n/sysroot.mount.d"}
    assert expected <= units(ours).keys()


def test_android_names_the_stateroot_by_its_link(tmp_path, peer):
    link = f"ln -s deploy/debian/deploy/{CHECKSUM}.0 sysroot/ostree/root.b"
    how = {"setup": [SYSROOT, link], "cmdline": "androidboot.slot_suffix=_b"}
    ours, theirs = (generate(tmp_path, peer, ours=ours, **how) for ours in (True, False))
    assert units(ours) == units(theirs)
    assert "What=/sysroot/ostree/deploy/debian/var" in units(ours)["n/var.mount"]["Mount"]


@pytest.mark.parametrize("ours", [True, False])
def test_without_run_ostree_nothing_is_written(tmp_path, peer, ours):
    found = generate(tmp_path, peer, ours, setup=[SYSROOT, LOADER, "rmdir run/ostree"])
    assert (found["status"], found["out"].keys()) == (0, {"n", "e", "l"})


def test_in_an_initramfs_nothing_is_written(tmp_path, peer):
    found = generate(tmp_path, peer, True, setup=[SYSROOT, "touch etc/initrd-release"])
    assert (found["status"], found["out"].keys()) == (0, {"n", "e", "l"})


# Where ours is to differ: what the generator finds, and what it has written then.
DIFFERS = {
    "the initramfs mounted /var": (
        "touch run/ostree/initramfs-mount-var", 0,
        {"n/boot.mount", "n/sysroot.mount.d/ostree-softreboot.conf"}, {"n/var.mount"},
    ),
    "boot in fstab": (
        "echo 'UUID=z /boot ext4' > etc/fstab", 0, {"n/var.mount"}, {"n/boot.mount"},
    ),
    "var.mount is there": (
        "echo '[Unit]' > out/n/var.mount", 0, {"n/var.mount", "n/boot.mount"}, set(),
    ),
    "boot.mount is there": (
        "echo '[Unit]' > out/n/boot.mount", 0, {"n/var.mount", "n/boot.mount"}, set(),
    ),
    "the link is stale": (
        "rm sysroot/ostree/boot.1/debian/abc/0", 0, {"n/var.mount", "n/boot.mount"}, set(),
    ),
    "no place for it": (
        "rmdir out/n; touch out/n", 1, {"n"}, {"n/var.mount"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERS)
def test_no_unit_stops_another(tmp_path, peer, name):
    line, status, written, missing = DIFFERS[name]
    found = generate(tmp_path, peer, True, setup=[SYSROOT, LOADER, line])
    there = found["out"].keys()
    assert (found["status"], written - there, missing & there) == (status, set(), set())
    assert "ostree" not in found["run"].get("ostree/initramfs-mount-var", "")
    if name == "var.mount is there":
        assert found["out"]["n/var.mount"].endswith("[Unit]\n")


def test_a_transient_etc_is_labelled_after_remount(tmp_path, peer):
    booted = BootedMetadata(transient_etc=b"/run/ostree/transient-etc.x", composefs=True)
    (tmp_path / "booted").write_bytes(booted.encode())
    setup = [
        SYSROOT, f"cp {tmp_path}/booted run/ostree-booted",
        "mkdir -p etc/selinux; echo SELINUX=enforcing > etc/selinux/config",
    ]  # fmt: skip
    drop_in = "n/ostree-remount.service.d/50-relabel.conf"
    tool = "touch usr/sbin/restorecon"
    assert drop_in in generate(tmp_path, peer, True, setup=[*setup, tool])["out"]
    assert drop_in not in generate(tmp_path, peer, True, setup=setup)["out"]


def remount(tmp_path, peer, ours, booted: BootedMetadata | None, mounted: list[str]) -> dict:
    if booted is not None:
        (tmp_path / "booted").write_bytes(booted.encode())
        mounted = [f"cp {tmp_path}/booted run/ostree-booted", *mounted]
    return run(tmp_path, peer, REMOUNT, ours, setup=mounted)


def mounted(name: str, options: str) -> str:
    """A shell line that mounts something at a directory; `-` mounts nothing."""
    return f"mount -t tmpfs -o {options} {name} {name}" if options != "-" else ":"


STATES = ("ro", "rw")
BOOTED = {
    "readonly sysroot": BootedMetadata(sysroot_ro=True),
    "writable sysroot": BootedMetadata(sysroot_ro=False),
    "composefs": BootedMetadata(sysroot_ro=True, composefs=True),
    "transient etc": BootedMetadata(sysroot_ro=True, transient_etc=b"/run/x"),
    "nothing": None,
}


@pytest.mark.parametrize("booted", BOOTED)
@pytest.mark.parametrize("root", STATES)
def test_mounts_become_what_libostree_makes_of_them(tmp_path, peer, booted, root):
    """Every state of three mounts; fewer where a read-only root leaves all as it is."""
    states = itertools.product(STATES, ("ro", "rw", "-"), ("ro", "rw", "-"))
    count = None if root == "rw" or booted == "composefs" else 4
    for sysroot, etc, var in itertools.islice(states, count):
        # /etc as it is, below a mount of its own: the programs in it need not be there
        lines = [
            mounted("sysroot", sysroot),
            "mount --bind etc etc && mount -o remount,bind,ro etc" if etc == "ro" else ":",
            mounted("etc", "rw") if etc == "rw" else ":",
            mounted("var", var),
        ]
        if root == "ro":
            lines.append("mount -o remount,bind,ro .")
        found = [remount(tmp_path, peer, ours, BOOTED[booted], lines) for ours in (True, False)]
        ours, theirs = ((item["status"], item["mounts"], item["run"]) for item in found)
        assert ours == theirs, (sysroot, etc, var)


def test_flags_of_a_mount_survive(tmp_path, peer):
    booted = BootedMetadata(sysroot_ro=True)
    lines = [mounted("var", "ro,nosuid,nodev,noexec")]
    found = remount(tmp_path, peer, True, booted, lines)
    assert found["mounts"]["/var"].split()[0].startswith("rw,nosuid,nodev,noexec")


RECORD = BootedMetadata(device=1, inode=2, sysroot_ro=True)


@pytest.mark.parametrize("place", ["empty", "absent", "prepared"])
def test_a_soft_reboot_is_completed_once_it_happened(tmp_path, peer, place):
    (tmp_path / "record").write_bytes(RECORD.encode())
    lines = ["mkdir -p run/ostree run/nextroot", f"cp {tmp_path}/record run/ostree/nextroot-booted"]
    if place == "absent":
        lines.append("rmdir run/nextroot")
    if place == "prepared":
        lines.append("mkdir run/nextroot/usr")
    found = remount(tmp_path, peer, True, BootedMetadata(), lines)
    assert (found["status"], found["stderr"]) == (0, "")
    done = place != "prepared"
    assert ("ostree/nextroot-booted" in found["run"]) != done
    assert ("backing-root-device-inode" in found["run"]["ostree-booted"]) == done


def test_metadata_that_is_none_is_an_error(tmp_path, peer):
    found = remount(tmp_path, peer, True, None, ["printf 'a\\0b' > run/ostree-booted"])
    assert found["status"] == 1
    assert found["stderr"].startswith("prepare-root: remount: /run/ostree-booted: ")
    assert len(found["stderr"].splitlines()) == 1
