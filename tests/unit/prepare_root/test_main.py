"""The front on the host's interpreter: arguments, exit status, and a dry run that is one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prepare_root import VERSION
from prepare_root.main import HELP

ROOT = Path(__file__).resolve().parents[3]
DEPLOYMENT = "ostree/deploy/os/deploy/" + "ab" * 32 + ".0"
MISUSE = (
    "prepare-root: read arguments: expected SYSROOT and at most a CMDLINE file\n"
    "prepare-root: hint: prepare-root --help\n"
)
CHANGES = "mount,umount2,mkdir,mkdirat,symlinkat,symlink,unlink,unlinkat,rmdir,rename,chmod,chdir"
# Were a dry run ever a real one, it would act on the machine that runs the tests: as root it
# gets a mount namespace of its own in which nothing below / can be written.
GUARD = 'mount -t tmpfs none /run && mount -o remount,bind,ro / && exec "$@"'
GUARDED = ("unshare", "--mount", "sh", "-c", GUARD, "sh") if os.geteuid() == 0 else ()


def start(*words, before=()):
    environ = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    return subprocess.run(
        [*GUARDED, *before, sys.executable, "-B", "-m", "prepare_root", *map(str, words)],
        cwd=ROOT,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def sysroot(tmp_path):
    root = tmp_path / "sysroot"
    for name in ("usr", "sysroot", "var", "etc", "boot", "home"):
        (root / DEPLOYMENT / name).mkdir(parents=True)
    (root / "ostree/deploy/os/var").mkdir()
    (root / "ostree/root.a").symlink_to(DEPLOYMENT.removeprefix("ostree/"))
    (tmp_path / "cmdline").write_text("quiet ostree=/ostree/root.a\n")
    return root


def tree(root):
    return sorted(
        (str(path), path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_ino)
        for path in root.rglob("*")
    )


def test_help():
    done = start("--help")
    assert (done.returncode, done.stdout, done.stderr) == (0, HELP, "")


def test_help_names_every_option():
    assert all(f"\n  {word} " in HELP for word in ("--dry-run", "--version", "--help"))


def test_version():
    done = start("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"prepare-root {VERSION}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--dry-run",),
        ("--bogus",),
        ("-h",),
        ("a", "b", "c"),
        ("--help", "a"),
        ("--dry-run", "-x"),
    ],
)
def test_misuse(words):
    done = start(*words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", MISUSE)


def test_dry_run_says_what_and_changes_nothing(sysroot, tmp_path):
    before = tree(tmp_path)
    done = start("--dry-run", sysroot, tmp_path / "cmdline")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "run: make directory /run/ostree with mode 0755"
    assert f"root: bind {sysroot}/{DEPLOYMENT} on /sysroot.tmp" in lines
    # A unit where the guard makes the filesystem read-only, a bind where /tmp is another one.
    assert any(line.startswith("link home: ") for line in lines)
    assert f"link srv: link {sysroot}/{DEPLOYMENT}/srv -> var/srv" in lines
    assert f"move: move /sysroot.tmp to {sysroot}" in lines
    assert tree(tmp_path) == before


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_dry_run_makes_no_call_that_changes_anything(sysroot, tmp_path):
    strace = ("strace", "-qq", "-e", f"trace={CHANGES},openat")
    done = start("--dry-run", sysroot, tmp_path / "cmdline", before=strace)
    assert done.returncode == 0, done.stderr
    calls = done.stderr.splitlines()
    assert any("prepare-root.conf" in call for call in calls)  # it has seen the real run
    writes = ("O_WRONLY", "O_RDWR", "O_CREAT")
    assert [
        call
        for call in calls
        if not call.startswith("openat(") or any(flag in call for flag in writes)
    ] == []


@pytest.mark.parametrize(
    ("cmdline", "words"),
    [
        (
            "quiet",
            [
                "find deployment: kernel command line: no ostree= argument",
                "hint: boot an entry that was written for a deployment; its options carry ostree=",
            ],
        ),
        (
            "ostree=/ostree/root.b",
            [
                "find deployment: /ostree/root.b: no such link",
                "hint: choose another entry in the boot menu",
            ],
        ),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_failure(sysroot, tmp_path, dry, cmdline, words):
    """The first line says why, the second what to do; the state of the machine follows."""
    before = tree(sysroot)
    (tmp_path / "cmdline").write_text(cmdline)
    done = start(*dry, sysroot, tmp_path / "cmdline")
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert lines[:2] == [f"prepare-root: {line}" for line in words]
    assert any(text.startswith("prepare-root: mount: ") for text in lines)
    assert any(text.startswith("prepare-root: block devices: ") for text in lines)
    assert "Traceback" not in done.stderr
    assert tree(sysroot) == before


def test_cmdline_file_that_is_not_there(sysroot, tmp_path):
    done = start(sysroot, tmp_path / "none")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        f"prepare-root: read kernel command line: {tmp_path}/none: No such file or directory"
    )


def test_sysroot_that_is_not_there(tmp_path):
    (tmp_path / "cmdline").write_text("ostree=/ostree/root.a")
    done = start(tmp_path / "none", tmp_path / "cmdline")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        f"prepare-root: open sysroot: {tmp_path}/none: No such file or directory"
    )
