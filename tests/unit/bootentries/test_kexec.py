"""What is loaded for an entry, and what is said where the kernel refuses."""

import errno
import os
from pathlib import Path

import pytest

from bootentries import kexec
from bootentries.deployment import Deployment, Entry
from bootentries.entries import bls
from bootentries.errors import BootentriesError
from bootentries.root import open_root

BOTH = "linux /boot/ostree/a/vmlinuz\ninitrd /boot/ostree/a/one.img\ninitrd /two.img\n"


def item(text: str) -> Deployment:
    entry = Entry("ostree-1.conf", bls.parse(text))
    return Deployment("os", "a" * 64, 0, "b" * 64, options=entry.options, entry=entry)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            f'{BOTH}options root=UUID=x a="b c" ostree=/ostree/boot.1/os/b/0\n',
            kexec.Load(
                "ostree/a/vmlinuz", ("ostree/a/one.img", "two.img"),
                'root=UUID=x a="b c" ostree=/ostree/boot.1/os/b/0',
            ),
        ),
        ("linux /ostree/a/vmlinuz\n", kexec.Load("ostree/a/vmlinuz", (), "")),
    ],
)  # fmt: skip
def test_plan(text, wanted):
    assert kexec.plan(item(text)) == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("options a\n", "its boot entry names no kernel"),
        (
            f"{BOTH}options a $kernelopts b\n",
            "only its boot loader knows the argument $kernelopts",
        ),
    ],
)
def test_no_plan(text, reason):
    with pytest.raises(BootentriesError, match=r"^load kernel: a{64}\.0: ") as caught:
        kexec.plan(item(text))
    assert caught.value.reason == reason
    assert caught.value.hint


def test_describe():
    assert kexec.plan(item(f"{BOTH}options a b\n")).describe() == [
        "load kernel boot/ostree/a/vmlinuz",
        "load initrd boot/ostree/a/one.img",
        "load initrd boot/two.img",
        "with arguments a b",
    ]


@pytest.mark.parametrize(
    ("code", "disabled", "lockdown", "reason"),
    [
        (errno.EPERM, "1\n", "", "kernel.kexec_load_disabled is set: it stays so until a reboot"),
        (
            errno.EPERM, "0\n", "none [integrity] confidentiality\n",
            "kernel lockdown (integrity) takes none that it cannot verify",
        ),
        (errno.EPERM, "0\n", "[none] integrity confidentiality\n", "Operation not permitted"),
        (errno.EPERM, "", "", "Operation not permitted"),
        (
            errno.ENOSYS, "", "",
            "the kernel that runs has no kexec_file_load (CONFIG_KEXEC_FILE)",
        ),
        (
            errno.EKEYREJECTED, "0", "",
            "the kernel that runs does not accept its signature: Key was rejected by service",
        ),
        (errno.ENOEXEC, "0", "", "not an image that the kernel that runs can load"),
        (errno.ENOMEM, "0", "", "Cannot allocate memory"),
    ],
)  # fmt: skip
def test_refusals(code, disabled, lockdown, reason):
    error = OSError(code, os.strerror(code))
    assert kexec.explain(error, disabled, lockdown)[0] == reason


@pytest.mark.parametrize(
    ("files", "content"),
    [
        ({}, None),
        ({"one": b"abcde"}, b"abcde"),
        # The kernel looks for the second at a multiple of four bytes.
        ({"one": b"abcde", "two": b"xy", "three": b"1234"}, b"abcde\0\0\0xy\0\x001234"),
    ],
)
def test_initrds_are_one_file(tmp_path, files, content):
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    boot = os.open(tmp_path, os.O_RDONLY)
    try:
        with kexec._one_initrd(boot, tuple(files)) as fd:
            found = None if fd < 0 else os.pread(fd, 100, 0)
    finally:
        os.close(boot)
    assert found == content


def test_missing_file_is_named(fake):
    todo = kexec.Load("ostree/none", (), "")
    with open_root(str(fake.path)) as root, pytest.raises(BootentriesError) as caught:
        kexec.load(root, todo)
    assert str(caught.value) == "read kernel: ostree/none: No such file or directory"


@pytest.mark.parametrize(("text", "loaded"), [("1\n", True), ("0\n", False), (None, False)])
def test_is_loaded(tmp_path, text, loaded):
    if text is not None:
        (tmp_path / "sys/kernel").mkdir(parents=True)
        (tmp_path / "sys/kernel/kexec_loaded").write_text(text)
    assert kexec.is_loaded(f"{tmp_path}/") is loaded


def test_forgotten_before_its_links_move(fake, run, monkeypatch):
    """What was loaded from this sysroot, and nothing else."""
    unloaded, said = [], []
    monkeypatch.setattr(kexec, "is_loaded", lambda: True)
    monkeypatch.setattr(kexec, "unload", lambda: unloaded.append(True))
    record = Path(run) / kexec.RECORD
    with open_root(str(fake.path)) as root:
        kexec.forget(root, said.append, run)
        assert (unloaded, said) == ([], [])
        record.parent.mkdir()
        for identity, count in (("1:2\n", 0), (kexec._identity(root), 1)):
            record.write_text(identity)
            kexec.forget(root, said.append, run)
            assert len(unloaded) == len(said) == count
    assert not record.exists()
    assert said == [
        "the kernel that was loaded for kexec is given up: its bootlink is of this list"
    ]
