"""`kexec-load` without loading: misuse, and what it says that it would do."""

import pytest

from bootentries.cli import run

MISUSE = [
    (["--unload", "0"], "usage: --unload takes no INDEX, and no --reboot."),
    (["--unload", "--reboot"], "usage: --unload takes no INDEX, and no --reboot."),
]


@pytest.mark.parametrize(("words", "said"), MISUSE)
def test_misuse(words, said, capsys):
    assert run(["kexec-load", *words]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"bootentries: {said}"


@pytest.mark.parametrize(
    ("words", "serial", "more"),
    [([], "0", []), (["0"], "0", []), (["1", "--reboot"], "1", ["reboot by kexec"])],
)
def test_rehearsed(fake, capsys, words, serial, more):
    assert run(["--sysroot", str(fake.path), "kexec-load", "--dry-run", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("/")[0] for line in lines[:2]] == ["load kernel boot", "load initrd boot"]
    assert lines[2].startswith("with arguments root=UUID=a quiet ostree=/ostree/boot.1/")
    assert lines[2].endswith(f"/{serial}")
    assert lines[3:] == more


def test_out_of_range(fake, capsys):
    assert run(["--sysroot", str(fake.path), "kexec-load", "--dry-run", "7"]) == 1
    said = "bootentries: choose deployment: 7: out of range: there are deployments 0 to 1"
    assert capsys.readouterr().err.splitlines()[0] == said


def test_entry_without_kernel(fake, capsys):
    entry = fake.entry(0)
    lines = entry.read_text().splitlines(keepends=True)
    entry.write_text("".join(line for line in lines if not line.startswith("linux")))
    assert run(["--sysroot", str(fake.path), "kexec-load", "--dry-run"]) == 1
    error = capsys.readouterr().err
    assert "load kernel: aaaa" in error
    assert "its boot entry names no kernel\nhint: " in error
