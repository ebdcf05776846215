"""`loader`: the report, the setting, and what a program has still to do."""

import json

import pytest

from bootentries import run as programs
from bootentries.cli import run
from bootentries.loaders.grub_stub import StubOptions, grub_stub
from bootentries.loaders.stamp import STAMP

NAMES = "auto, none, grub2, syslinux, uboot, zipl, aboot"


@pytest.fixture
def act(fake, monkeypatch, capsys):
    """Run the verb on the sysroot written by hand; returns (status, output, errors)."""
    # The namespace of the test run is not ours to change.
    monkeypatch.setattr("bootentries.txn.namespace.enter_private_namespace", lambda: None)
    monkeypatch.setenv("OSTREE_SYSROOT_DEBUG", "mutable-deployments")

    def command(*argv):
        status = run(["--sysroot", str(fake.path), "loader", *argv])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


def place(fake, name, text=""):
    path = fake.path / "boot" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(autouse=True)
def on_x86(monkeypatch):
    class Uname:
        machine = "x86_64"

    monkeypatch.setattr("bootentries.loaders.detect.os.uname", Uname)


def test_the_report(fake, act):
    place(fake, "grub/grub.cfg", grub_stub(StubOptions()))
    place(fake, "loader/uEnv.txt")
    status, out, err = act()
    assert (status, err) == (0, "")
    assert out == (
        "configured  auto\n"
        "detected    grub2\n"
        "in force    grub2\n"
        "\n"
        "evidence, in the order in which it counts:\n"
        "  zipl      machine                     not found: x86_64\n"
        "  syslinux  boot/syslinux/syslinux.cfg  not found\n"
        "  grub2     boot/bootupd-state.json     not found\n"
        "+ grub2     boot/grub/grub.cfg          found: the stub of bootentries\n"
        "  grub2     boot/grub2/grub.cfg         not found\n"
        "  grub2     boot/efi/EFI/*/grub.cfg     not found\n"
        "+ uboot     boot/loader/uEnv.txt        found\n"
    )


def test_a_report_of_trouble(fake, act):
    fake.config("[sysroot]\nbootloader=syslinux\n")
    place(fake, "grub2/grub.cfg")
    place(fake, "bootupd-state.json", '{"static-configs":{}}')
    place(fake, STAMP.removeprefix("boot/"))
    status, out, _ = act()
    assert status == 0
    lines = out.splitlines()
    assert lines[:6] == [
        "configured  syslinux",
        "detected    none",
        "in force    syslinux",
        "note        none was detected; the configuration decides",
        f"pending     {STAMP}: its program has still to run",
        "problem     read bootloader configuration: boot/syslinux/syslinux.cfg: no such file",
    ]
    assert (
        "- grub2     boot/bootupd-state.json     found: bootupd has static configurations: "
        "GRUB reads the entries itself" in lines
    )


def test_the_report_for_programs(fake, act):
    fake.config("[sysroot]\nbootloader=none\n")
    place(fake, "syslinux/syslinux.cfg")
    status, out, _ = act("--json")
    assert status == 0
    found = json.loads(out)
    evidence = found.pop("evidence")
    assert found == {
        "configured": "none", "detected": "syslinux", "in-force": "none",
        "pending": False, "problem": None,
    }  # fmt: skip
    assert evidence[0] == {
        "loader": "zipl", "path": "machine", "found": False, "speaks": None, "remark": "x86_64",
    }  # fmt: skip
    assert evidence[1]["speaks"] == "for"
    assert evidence[2]["remark"] is None


def test_set(fake, act):
    config = fake.path / "ostree/repo/config"
    config.chmod(0o640)
    before = config.read_text()
    assert act("set", "grub2", "--dry-run") == (
        0, "write ostree/repo/config: [sysroot] bootloader=grub2\n", "",
    )  # fmt: skip
    assert config.read_text() == before
    assert act("set", "grub2") == (0, "sysroot.bootloader: not set -> grub2\n", "")
    assert config.read_text() == before + "\n[sysroot]\nbootloader=grub2\n"
    assert config.stat().st_mode & 0o7777 == 0o640
    assert act("set", "grub2") == (0, "sysroot.bootloader: grub2 already\n", "")
    assert act("set", "grub") == (0, "sysroot.bootloader: grub2 already\n", "")
    # What is no name is repaired, too; what cannot work yet is said.
    config.write_text(config.read_text().replace("grub2", "lilo"))
    status, out, err = act("set", "syslinux")
    assert (status, out) == (0, "sysroot.bootloader: lilo -> syslinux\n")
    assert err == (
        "bootentries: no list can be written yet: read bootloader configuration: "
        "boot/syslinux/syslinux.cfg: no such file\n"
    )
    assert not list(config.parent.glob(".*.tmp"))


@pytest.mark.parametrize(
    ("argv", "status", "error"),
    [
        (["set"], 2, "usage: Missing argument 'NAME'."),
        (["set", "lilo"], 2, "usage: Invalid value for 'NAME': 'lilo' is not one of "),
        (["nosuch"], 2, "usage: No such command 'nosuch'."),
        (["--bad"], 2, "usage: No such option"),
        (["run-pending", "--timeout=0"], 2, "usage: Invalid value for '--timeout'"),
    ],
)
def test_misuse(act, argv, status, error):
    found, out, err = act(*argv)
    assert (found, out) == (status, "")
    assert err.splitlines()[0].startswith(f"bootentries: {error}")


@pytest.mark.parametrize(
    ("config", "argv", "error"),
    [
        (b"nonsense\n", ["set", "none"],
         "set bootloader: ostree/repo/config: line 1: 'nonsense' is not a key, a group or a "
         "comment"),
        (b"[sysroot]\nbootloader=lilo\n", [],
         f"read repository: ostree/repo/config: [sysroot] bootloader: 'lilo' is not one of "
         f"{NAMES}"),
        (b"[sysroot]\nbootprefix=9\n", ["set", "none"],
         "set bootloader: ostree/repo/config: line 2: [sysroot] bootprefix: '9' is not true, 1, "
         "false or 0"),
    ],
)  # fmt: skip
def test_malformed_configurations(fake, act, config, argv, error):
    (fake.path / "ostree/repo/config").write_bytes(config)
    status, out, err = act(*argv)
    assert (status, out) == (1, "")
    assert err.splitlines()[0] == f"bootentries: {error}"
    assert (fake.path / "ostree/repo/config").read_bytes() == config


def test_without_a_configuration(fake, act):
    (fake.path / "ostree/repo/config").unlink()
    status, _, err = act("set", "none")
    assert status == 1
    assert err == "bootentries: set bootloader: ostree/repo/config: No such file or directory\n"


@pytest.fixture
def aboot(fake, tmp_path, monkeypatch):
    """A sysroot for aboot whose program has still to run, and a program that records it."""
    fake.config("[sysroot]\nbootloader=aboot\n")
    for index in (0, 1):
        with fake.entry(index).open("a") as file:
            file.write(f"aboot /a{index}.img\nabootcfg /a{index}.cfg\n")
    place(fake, STAMP.removeprefix("boot/"))
    (fake.path / "boot/loader.0").mkdir()
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/aboot-deploy"
    script.write_text(f'#!/bin/sh\necho "$7" >> {tmp_path}/log\n')
    script.chmod(0o755)
    # The fake repository has nothing that could be pruned, and no `ostree` is asked to.
    (tmp_path / "bin/ostree").write_text("#!/bin/sh\n")
    (tmp_path / "bin/ostree").chmod(0o755)
    monkeypatch.setattr(programs, "SEARCH", (str(tmp_path / "bin"), *programs.SEARCH))
    return script


def test_run_pending(fake, act, aboot, tmp_path):
    status, out, _ = act("run-pending", "--dry-run")
    assert status == 0
    assert out.startswith("run aboot-deploy -r . -c /a0.cfg -o ")
    assert not (tmp_path / "log").exists()
    assert act("run-pending") == (0, "the bootloader is up to date\n", "")
    assert (tmp_path / "log").read_text() == "/a0.img\n"
    assert not (fake.path / STAMP).exists()
    assert not (fake.path / "boot/loader.0").exists()
    assert act("run-pending") == (0, "nothing is pending\n", "")
    assert (tmp_path / "log").read_text() == "/a0.img\n"


def test_run_pending_that_fails(fake, act, aboot):
    aboot.write_text("#!/bin/sh\necho no device >&2\nexit 1\n")
    status, out, err = act("run-pending")
    assert (status, out) == (1, "")
    assert err == (
        "bootentries: update bootloader: aboot-deploy: aboot-deploy failed (1): no device\n"
        f"hint: {STAMP} stays; try again: bootentries loader run-pending\n"
    )
    assert (fake.path / STAMP).exists()
    assert (fake.path / "boot/loader.0").exists()


def test_run_pending_that_takes_too_long(fake, act, aboot):
    aboot.write_text("#!/bin/sh\nsleep 60\n")
    status, _, err = act("run-pending", "--timeout=0.5")
    assert status == 1
    assert err.startswith(
        "bootentries: update bootloader: aboot-deploy: not done after 0.5 s, killed\n"
    )
    assert (fake.path / STAMP).exists()


def test_a_stamp_that_nobody_waits_for(fake, act, aboot):
    fake.config("[sysroot]\nbootloader=none\n")
    status, _, err = act("run-pending")
    assert status == 1
    assert err.startswith(
        f"bootentries: run pending program: {STAMP}: none has none to run for the active list\n"
    )


@pytest.mark.parametrize("argv", [[], ["set"], ["run-pending"]])
def test_help_has_an_example(act, argv):
    status, out, _ = act(*argv, "--help")
    assert status == 0
    assert "Example: bootentries " in out


def test_the_orders(fake, act):
    status, out, err = act("order")
    assert (status, err) == (0, "")
    assert out == (
        "  libostree        ostree-2.conf ostree-1.conf\n"
        "  systemd-boot     ostree-2.conf ostree-1.conf\n"
        "  grub 2.14        ostree-2.conf ostree-1.conf\n"
        "  grub of fedora   ostree-2.conf ostree-1.conf\n"
        "  zipl, petitboot  ostree-2.conf ostree-1.conf\n"
    )


def test_a_reader_that_boots_another_entry_is_marked(fake, act):
    place(fake, "loader/entries/fedora.conf", "sort-key fedora\nlinux /k\n")
    out = act("order")[1].splitlines()
    assert out[0] == "  libostree        ostree-2.conf ostree-1.conf"
    assert out[1] == "! systemd-boot     fedora.conf ostree-2.conf ostree-1.conf"
    assert out[2] == "  grub 2.14        ostree-2.conf ostree-1.conf fedora.conf"
    found = json.loads(act("order", "--json")[1])
    assert [one["reader"] for one in found if not one["agrees"]] == ["systemd-boot"]
    assert found[1]["default"] == "fedora.conf"
    assert found[1]["entries"] == ["fedora.conf", "ostree-2.conf", "ostree-1.conf"]


def test_no_entries_are_no_order(fake, act):
    (fake.path / "boot/loader").unlink()
    assert {line.split()[-1] for line in act("order")[1].splitlines()} == {"-"}
