"""The command line; verbs that write run in tests/ns, on filesystems of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootentries.cli import run
from bootentries.loaders.grub_stub import MARKER

CHECKOUT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("before", [True, False])
def test_options_stand_before_or_after_the_verb(fake, capsys, before):
    where = ["--sysroot", str(fake.path)]
    assert run([*where, "status"] if before else ["status", *where]) == 0
    assert capsys.readouterr().out.startswith(f"  testos {'a' * 64}.0\n")


def test_dry_run_changes_nothing(fake, capsys):
    before = sorted(str(path) for path in fake.path.rglob("*"))
    argv = ["--sysroot", str(fake.path), "instutil", "set-kargs", "--dry-run", "--merge", "x"]
    assert run(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "swap boot/loader -> loader.0" in lines
    assert sorted(str(path) for path in fake.path.rglob("*")) == before


def test_grub2_generate(fake, capsys):
    assert run(["--sysroot", str(fake.path), "instutil", "grub2-generate"]) == 0
    out = capsys.readouterr().out
    assert out.count("menuentry ") == 2
    assert out.endswith("set bootchain_bootversion='1'\n")
    assert run(["--sysroot", str(fake.path), "instutil", "grub2-generate", "0"]) == 0
    assert capsys.readouterr().out.count("menuentry ") == 0


def test_grub2_stub(tmp_path, capsys):
    assert run(["instutil", "grub2-stub", "--serial"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(MARKER)
    assert run(["instutil", "grub2-stub", "--serial", "-o", str(tmp_path / "grub.cfg")]) == 0
    assert (tmp_path / "grub.cfg").read_text() == text


@pytest.mark.parametrize(
    ("argv", "status", "error"),
    [
        (["nosuchverb"], 2, "bootentries: usage: No such command 'nosuchverb'."),
        (["status", "--bad"], 1, "bootentries: usage: No such option"),
        (["instutil", "grub2-generate", "2"], 1, "bootentries: usage: Invalid value for"),
        (["status", "--sysroot", "/none"], 1,
         "bootentries: open sysroot: /none: No such file or directory"),
        (["instutil", "grub2-stub", "-o", "/none/x"], 1,
         "bootentries: write GRUB stub: /none/x: No such file or directory"),
    ],
)  # fmt: skip
def test_errors_are_one_line_and_a_hint(capsys, argv, status, error):
    assert run(argv) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0].startswith(error)
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert len(lines) <= 2


def test_a_bad_edit_is_an_error_with_the_arguments(fake, capsys):
    argv = ["--sysroot", str(fake.path), "instutil", "set-kargs", "--dry-run", "--merge",
            "--delete=none"]  # fmt: skip
    assert run(argv) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "bootentries: delete kernel argument: none: no such argument"
    assert lines[1].startswith("hint: the arguments are: root=UUID=a quiet ostree=")


@pytest.mark.parametrize("argv", [["--version"], ["status", "--version"]])
def test_version(capsys, argv):
    assert run(argv) == 0
    assert capsys.readouterr().out.startswith("bootentries, version ")


@pytest.mark.parametrize("argv", [[], ["status"], ["instutil"], ["instutil", "set-kargs"]])
def test_every_verb_helps_with_an_example(capsys, argv):
    assert run([*argv, "--help"]) == 0
    assert "Example: bootentries" in capsys.readouterr().out


def test_without_rich_or_the_extension_or_elftools(fake):
    """A clean checkout with click alone: the other modules are made unimportable."""
    program = (
        "import sys\n"
        "for name in ('rich', '_bootsys', 'elftools', 'qemu'): sys.modules[name] = None\n"
        f"sys.argv = ['bootentries', '--sysroot', {str(fake.path)!r}, 'status']\n"
        "from bootentries.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "testos" in done.stdout


def test_a_reader_that_goes_away(fake):
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m bootentries --sysroot {fake.path} status --json | true"],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert done.stderr == ""


def test_output_that_cannot_be_written(fake):
    """A full disk, say; Python itself would end with 120 and a complaint of its own."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    words = [sys.executable, "-m", "bootentries", "--sysroot", str(fake.path), "status"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, cwd=CHECKOUT, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, env=environ,
        )  # fmt: skip
    assert done.stderr == "bootentries: print: standard output: No space left on device\n"
    assert done.returncode == 1


def test_print_current_dir(fake, capsys):
    assert run(["--sysroot", str(fake.path), "--print-current-dir"]) == 0
    assert capsys.readouterr().out == f"{fake.deployment()}\n"
    (fake.path / "boot/loader").unlink()
    assert run(["--sysroot", str(fake.path), "--print-current-dir"]) == 1
    assert capsys.readouterr().err == (
        f"bootentries: print directory: {fake.path}: there are no deployments\n"
    )
