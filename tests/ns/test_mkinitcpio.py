"""The hook for mkinitcpio, which Debian has not got: what it asks of mkinitcpio's functions.

The functions are recorded by name and arguments; those are documented in mkinitcpio(8).
"""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.ns

TOP = Path(__file__).resolve().parents[2] / "mkinitcpio"
UNIT = "bootchain-prepare-root.service"
UNITS = "/usr/lib/systemd/system"
RECORD = "add_file add_module add_runscript add_symlink"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "prepares $1"\n')
    program.chmod(0o755)
    subprocess.run([TOP / "install.sh", program, tmp_path / "dest"], check=True)
    return tmp_path / "dest"


def build(installed: Path, image: Path, program: Path) -> subprocess.CompletedProcess[str]:
    """Run build() with mkinitcpio's functions recorded, as its `mkinitcpio` sources it."""
    script = f"""
        for name in {RECORD}; do eval "$name() {{ echo $name \\"\\$@\\"; }}"; done
        error() {{ printf "==> ERROR: $1\\n" "${{@:2}}" >&2; }}
        BUILDROOT={image} BOOTCHAIN_PREPARE_ROOT={program}
        . {installed}/usr/lib/initcpio/install/bootchain
        build
    """
    words = ["bash", "-euc", script]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("systemd", [False, True])
def test_build(installed: Path, tmp_path: Path, systemd: bool) -> None:
    image, program = tmp_path / "image", installed / "usr/lib/bootchain/prepare-root"
    (image / UNITS[1:]).mkdir(parents=True)
    if systemd:
        (image / UNITS[1:] / "initrd-root-fs.target").touch()
    done = build(installed, image, program)
    assert done.returncode == 0, done.stderr
    wanted = [f"add_file {program} /usr/lib/bootchain/prepare-root 755"]
    wanted += ["add_module erofs?", "add_module overlay?"]
    if systemd:
        wants = f"{UNITS}/initrd-root-fs.target.wants/{UNIT}"
        wanted.append(f"add_file /usr/lib/initcpio/bootchain/{UNIT} {UNITS}/{UNIT} 644")
        wanted.append(f"add_symlink {wants} {UNITS}/{UNIT}")
    else:
        wanted.append("add_runscript ")
    assert [line.rstrip() for line in done.stdout.splitlines()] == [one.rstrip() for one in wanted]
    assert (installed / f"usr/lib/initcpio/bootchain/{UNIT}").is_file()


def test_a_missing_executable_fails(installed: Path, tmp_path: Path) -> None:
    done = build(installed, tmp_path, tmp_path / "none")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    said = f"bootchain: install executable: {tmp_path}/none: not an executable file"
    assert first == f"==> ERROR: {said}"
    assert "hint: build it there with: prepare-root-image binary " in second
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("mounted", "asked", "status", "said"),
    [
        ("new_root", True, 0, "prepares /new_root\n"),
        ("sysroot", True, 0, "prepares /sysroot\n"),
        ("sysroot", False, 0, ""),
        (
            "sysroot", True, 1,
            "prepares /sysroot\n"
            "ERROR: bootchain: prepare-root failed; the reason is in the lines above\n",
        ),
    ],
)  # fmt: skip
def test_at_boot(
    installed: Path, tmp_path: Path, *, mounted: str, asked: bool, status: int, said: str
) -> None:
    """In busybox, as mkinitcpio's init sources it; the root is where old or new ones mount it."""
    top = tmp_path / "top"
    for name in ("bin", "proc", "new_root", "sysroot", "hooks", "usr/lib/bootchain"):
        (top / name).mkdir(parents=True)
    shutil.copy("/usr/bin/busybox", top / "bin")
    shutil.copy(installed / "usr/lib/initcpio/hooks/bootchain", top / "hooks")
    program = top / "usr/lib/bootchain/prepare-root"
    program.write_text(f'#!/bin/sh\necho "prepares $1"\nexit {status}\n')
    program.chmod(0o755)
    link = "ostree=/ostree/boot.1/a/b/0" if asked else "notostree=x"
    (top / "proc/cmdline").write_text(f"root=x {link} quiet\n")
    script = """
        /bin/busybox --install -s /bin; PATH=/bin
        err() { echo "ERROR: $@"; }
        . /hooks/bootchain
        run_latehook
    """
    mount = f"mount -t tmpfs root {top}/{mounted}"
    inside = f"chroot {top} /bin/busybox ash -euc {shlex.quote(script)}"
    words = ["unshare", "-m", "sh", "-euc", f"{mount}; {inside}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
