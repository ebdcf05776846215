"""Whatever lies in a sysroot, the checks end with a finding and never with a traceback."""

import json
import os
import shutil
from pathlib import Path

import pytest

from bootentries.check.explain import NoSuchEntry, explain
from bootentries.check.verify import verify
from bootentries.cli import run
from bootentries.root import open_root

HOWEVER = {
    "removed": lambda path: None,
    "an empty file": lambda path: path.write_bytes(b""),
    "other bytes": lambda path: path.write_bytes(b"\xff\0=\n[" * 50),
    "a directory": lambda path: path.mkdir(),
    "a circular link": lambda path: path.symlink_to(path.name),
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link out of the sysroot": lambda path: path.symlink_to("../../../../../../../../etc"),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("what", HOWEVER)
def test_each_path_replaced(victim, tmp_path, what):
    """Every path of a sound sysroot, one after the other."""
    names = sorted(str(path.relative_to(victim.top)) for path in victim.top.rglob("*"))
    assert len(names) > 60
    saved = tmp_path / "saved"
    for name in names:
        path = victim.top / name
        if name in {"boot", "ostree"}:
            continue  # then it is no sysroot, which open_root says
        path.rename(saved)
        HOWEVER[what](path)
        look(victim.top, name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        saved.rename(path)
    assert look(victim.top, "nothing") == []


def look(top: Path, changed: str) -> list[str]:
    """Check and walk; where a walk of the default breaks, verify has to know a fault."""
    with open_root(str(top)) as root:
        verdict = verify(root)
        try:
            fault = explain(root, 0).fault
        except NoSuchEntry:
            fault = None
    if fault is not None:
        assert not verdict.sound, f"{changed}: {fault}"
    return [f"{finding.code.name} {finding.place}" for finding in verdict.findings]


def test_names_that_no_terminal_can_show(sound, capfdbinary):
    """Undecodable bytes, line feeds and escapes come out as ASCII."""
    for name in (b"ostree-\xff.conf", b"ostree-a\nb.conf", b"ostree-\x1b[2J.conf"):
        (sound.entry().parent / os.fsdecode(name)).symlink_to("nowhere")
    where = ["--sysroot", str(sound.path)]
    assert run([*where, "verify"]) == 1
    lines = [
        line.rpartition(b"/")[2]
        for line in capfdbinary.readouterr().out.splitlines()
        if line.startswith(b"fault:")
    ]
    assert sorted(lines) == [rb"ostree-\x1b[2J.conf", rb"ostree-\xff.conf", rb"ostree-a\nb.conf"]
    assert run([*where, "--json", "explain", "3"]) == 1
    assert json.loads(capfdbinary.readouterr().out)["count"] == 5


@pytest.mark.parametrize("name", [b"ostree-\xff.conf", b"ostree-\x1b[2J.conf"])
def test_an_entry_with_such_a_name(sound, capfdbinary, name):
    """It is one: libostree reads it, and it can be walked."""
    sound.entry().rename(sound.entry().parent / os.fsdecode(name))
    where = ["--sysroot", str(sound.path)]
    for argv in (["explain"], ["verify"], ["explain", "--json"], ["verify", "--json"]):
        assert run([*where, *argv]) == 0
        out = capfdbinary.readouterr().out
        assert rb"ostree-\x" in out.replace(rb"\\", b"\\")
        assert out.decode().replace("\n", "").isprintable()
