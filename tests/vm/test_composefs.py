"""Signed composefs roots with fs-verity, on a kernel that has it, through real boots.

The guest is as small as can be: our initramfs, and busybox in a composefs image.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cfsimages
import pytest
import verityroot
from sysroots import COMMIT
from verityroot import CONFIG, KEY_FILE, Root

from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest.tree import Tree
from prepare_root.image import binary

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
DEADLINE = 400
SIGNED = "[composefs]\nenabled=signed\n[var]\nmount=yes\n[links]\nenabled=no\n"
HALTED = "failure policy: halting now"


@dataclass(frozen=True, slots=True)
class Guest:
    """The disk as it should be, and the image that everything else is added to."""

    root: Root
    base: Path
    tree: Tree

    def spec(self, work: Path, config: str, key: bytes | None, disk: Path | None = None) -> VmSpec:
        """A machine with this configuration and key; writes are its own."""
        files = {CONFIG: (0o644, config.encode())}
        if key is not None:
            files[KEY_FILE] = (0o644, key)
        image = verityroot.with_files(self.base, work / "initrd.img", files)
        return VmSpec(
            firmware=Firmware.DIRECT,
            disks=(Disk(disk or self.root.disk),),
            kernel=self.tree.vmlinuz,
            initrd=image,
            cmdline=verityroot.CMDLINE,
            memory=512,
        )


@pytest.fixture(scope="module")
def guest(guest_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """The disk with fs-verity on, by one boot of the guest's kernel."""
    work = tmp_path_factory.mktemp("verity")
    root = verityroot.make(work)
    base = verityroot.base_image(work, guest_tree, binary.cached())
    assert verityroot.enable(root.disk, guest_tree, work, base) >= 4
    return Guest(root, base, guest_tree)


def boot(machine: Starter, spec: VmSpec) -> str:
    """What the console said until the machine was up three times."""
    vm = machine(replace(spec, allow_reboot=True))
    vm.wait_for(verityroot.DONE, 3 * DEADLINE)
    text: str = vm.console.text
    return text


def refused(machine: Starter, spec: VmSpec) -> str:
    """What the console said when the machine stopped; nothing of the root was started."""
    vm = machine(spec)
    vm.wait_for(HALTED, DEADLINE)
    text: str = vm.console.text
    assert verityroot.UP not in text
    assert "switching root" not in text
    return text


def places(text: str) -> list[dict[str, str]]:
    """What each boot said of each place."""
    boots = text.split(verityroot.UP)[1:]
    found = []
    for said in boots:
        lines = re.findall(r"(remembered|forgotten|read-only): (\S+)", said)
        found.append({})
        for what, path in lines:
            found[-1][path] = f"{found[-1].get(path, '')} {what}".strip()
    return found


def key_line(guest: Guest) -> bytes:
    return guest.root.key.line.encode()


# ---- signed roots that boot ---------------------------------------------------------------------


def test_a_signed_root(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    """It boots, its files are held to their digests; /etc and /var remember."""
    text = boot(machine, guest.spec(tmp_path, SIGNED, key_line(guest)))
    assert f"signed: by a key in /{KEY_FILE}" in text
    assert re.search(rf"{verityroot.UP}: composefs / overlay ro,.*verity=require", text)
    assert text.count("tool: whole") == 3
    first, second, third = places(text)
    assert first["/etc/left"] == first["/var/left"] == "forgotten"
    for said in (second, third):
        assert said["/etc/left"] == said["/var/left"] == "remembered"
        assert said["/left"] == said["/usr/left"] == "forgotten read-only"


def test_a_transient_root_and_etc_forget(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    config = SIGNED + "[root]\ntransient=true\n[etc]\ntransient=true\n"
    for said in places(boot(machine, guest.spec(tmp_path, config, key_line(guest)))):
        assert said["/etc/left"] == said["/left"] == said["/usr/left"] == "forgotten"
        count = said["/var/left"]
    assert count == "remembered"


def test_a_transient_read_only_root(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    config = SIGNED + "[root]\ntransient-ro=true\n"
    text = boot(machine, guest.spec(tmp_path, config, key_line(guest)))
    assert "transient: yes" in text
    assert places(text)[2]["/left"] == "forgotten read-only"


def test_a_native_root_of_bootc(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    """The same image by its digest alone; what is remembered is in the image's own state."""
    spec = guest.spec(tmp_path, "[links]\nenabled=no\n", None)
    cmdline = f"{verityroot.COMMON} composefs={guest.root.digest}"
    text = boot(machine, replace(spec, cmdline=cmdline))
    name = f"composefs:{guest.root.digest}"
    assert re.search(rf"{verityroot.UP}: {name} / overlay ro,.*verity=require", text)
    first, second, third = places(text)
    assert first["/etc/left"] == first["/var/left"] == "forgotten"
    for said in (second, third):
        assert said["/etc/left"] == said["/var/left"] == "remembered"
        assert said["/left"] == "forgotten read-only"


# ---- refused ------------------------------------------------------------------------------------


def flipped(guest: Guest, out: Path, path: str, block: int = 0, at: int = 100) -> Path:
    """A copy of the disk with one byte of a file changed behind the filesystem's back."""
    shutil.copy(guest.root.disk, out)
    place = guest.root.blocks(path)[block] + at
    with out.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes((byte[0] ^ 1,)))
    return out


def object_path(kind: str) -> str:
    return f"ostree/repo/objects/{COMMIT[:2]}/{COMMIT[2:]}.{kind}"


def object_of(guest: Guest, content: bytes) -> str:
    """The object that holds `content`, below the physical root."""
    for path in (guest.root.tree / "ostree/repo/objects").rglob("*.file"):
        if path.is_file() and path.read_bytes() == content:
            return str(path.relative_to(guest.root.tree))
    raise AssertionError("no object has that content")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("commit", f"check signature: {COMMIT}: none of its 1 signatures is by a key in"),
        ("commitmeta", f"check signature: {COMMIT}: none of its 1 signatures is by a key in"),
    ],
)
def test_a_flipped_byte_of_what_is_signed(
    guest: Guest, tmp_path: Path, machine: Starter, kind: str, message: str
) -> None:
    disk = flipped(guest, tmp_path / "disk.img", object_path(kind), at=40)
    text = refused(machine, guest.spec(tmp_path, SIGNED, key_line(guest), disk))
    assert message in text


@pytest.mark.parametrize("block", [0, -1])
def test_a_flipped_byte_of_the_image(
    guest: Guest, tmp_path: Path, machine: Starter, block: int
) -> None:
    """Wherever it is: all of the image is read."""
    size = (guest.root.tree / verityroot.IMAGE).stat().st_size // 4096
    number = 0 if block == 0 else size - 1
    disk = flipped(guest, tmp_path / "disk.img", verityroot.IMAGE, number)
    text = refused(machine, guest.spec(tmp_path, SIGNED, key_line(guest), disk))
    assert f"{verityroot.IMAGE}: image refused: Input/output error" in text


def test_a_flipped_byte_of_init(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    """Its object is read before it is started."""
    path = object_of(guest, verityroot.INIT.encode())
    disk = flipped(guest, tmp_path / "disk.img", path)
    text = refused(machine, guest.spec(tmp_path, SIGNED, key_line(guest), disk))
    assert "mount root: /sbin/init: fs-verity refuses this file of the image:" in text
    assert "Input/output error" in text


def test_a_flipped_byte_of_another_file(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    """The kernel refuses it to whoever reads it, and nobody gets a changed byte."""
    path = object_of(guest, verityroot.TOOL.encode())
    disk = flipped(guest, tmp_path / "disk.img", path, block=2)
    vm = machine(guest.spec(tmp_path, SIGNED, key_line(guest), disk))
    vm.wait_for(verityroot.UP, DEADLINE)
    vm.wait_for("tool: refused", DEADLINE)
    assert "/usr/bin/tool: I/O error" in vm.console.text or "Input/output" in vm.console.text


def test_a_missing_key(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    text = refused(machine, guest.spec(tmp_path, SIGNED, None))
    assert f"read keys: /{KEY_FILE}: No such file or directory" in text


def test_a_wrong_key(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    other = cfsimages.new_key(tmp_path / "other.pem")
    text = refused(machine, guest.spec(tmp_path, SIGNED, other.line.encode()))
    assert f"none of its 1 signatures is by a key in /{KEY_FILE}" in text


def test_a_damaged_native_image(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    digest = guest.root.digest
    disk = flipped(guest, tmp_path / "disk.img", f"composefs/objects/{digest[:2]}/{digest[2:]}")
    config = "[failure]\naction=halt\n"
    spec = guest.spec(tmp_path, config, None, disk)
    cmdline = f"{verityroot.COMMON} composefs={digest}"
    text = refused(machine, replace(spec, cmdline=cmdline))
    assert f"composefs/images/{digest}: image refused: Input/output error" in text


def test_another_image(guest: Guest, tmp_path: Path, machine: Starter) -> None:
    """One with fs-verity, and a digest of its own: any object will do."""
    path = object_of(guest, verityroot.INIT.encode())
    shutil.copy(guest.root.disk, tmp_path / "disk.img")
    command = f"rm {verityroot.IMAGE}\nln {path} {verityroot.IMAGE}\n"
    subprocess.run(
        ["debugfs", "-w", "-f", "-", str(tmp_path / "disk.img")],
        input=command, text=True, check=True, capture_output=True,
    )  # fmt: skip
    spec = guest.spec(tmp_path, SIGNED, key_line(guest), tmp_path / "disk.img")
    text = refused(machine, spec)
    assert "not the image that was asked for: its fs-verity digest is " in text
