"""`esp` and `loader set sdboot` as they are typed."""

import json

import pytest

from bootentries.cli import run
from bootentries.esp.names import ENTRIES

SYSTEMD_BOOT = "MZ #### LoaderInfo: systemd-boot 257 ####"


@pytest.fixture
def act(fake, partition, monkeypatch, capsys):
    """Run the program on the sysroot written by hand; returns (status, output, errors)."""
    # The namespace of the test run is not ours to change.
    monkeypatch.setattr("bootentries.txn.namespace.enter_private_namespace", lambda: None)
    monkeypatch.setenv("OSTREE_SYSROOT_DEBUG", "mutable-deployments")
    fake.config(f"[core]\nrepo_version=1\nmode=bare\n[bootchain]\nesp={partition}\n")
    place = fake.deployment() / "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
    place.parent.mkdir(parents=True)
    place.write_text(SYSTEMD_BOOT)

    def command(*argv):
        status = run(["--sysroot", str(fake.path), *argv])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


def test_sync_says_what_became_of_each(act, partition):
    status, out, err = act("esp", "sync", "--dry-run")
    assert (status, err) == (0, "")
    assert out.startswith(f"{partition}: out of step\n    create directory bootchain\n")
    assert list(partition.iterdir()) == []
    assert act("esp", "sync") == (0, f"{partition}: updated\n", "")
    assert act("esp", "sync") == (0, f"{partition}: in step\n", "")
    status, out, _ = act("esp", "sync", "--json")
    assert (status, json.loads(out)) == (
        0,
        [{"esp": str(partition), "state": "in step", "error": None, "hint": None,
          "operations": []}],
    )  # fmt: skip


def test_a_failure_is_the_exit_status(act, partition):
    (partition / "loader").touch()
    status, out, err = act("esp", "sync", "--esp", str(partition), "--esp", "/nowhere")
    assert (status, out) == (1, f"{partition}: failed\n/nowhere: missing\n")
    assert err == (
        f"bootentries: read ESP: {partition}: loader: it is in the way: not a directory\n"
        "bootentries: hint: move it away; no loader reads entries there as it is\n"
        "bootentries: open ESP: /nowhere: No such file or directory\n"
    )


def test_units_do_nothing_where_it_is_not_set(act, partition):
    assert act("esp", "sync", "--if-enabled") == (0, "", "")
    assert list(partition.iterdir()) == []
    assert act("loader", "set", "sdboot")[0] == 0
    assert act("esp", "sync", "--if-enabled") == (0, f"{partition}: updated\n", "")


def test_status(act, partition):
    act("esp", "install")
    (partition / ENTRIES / "a.conf").write_text("title Other\nsort-key a\nlinux /x\n")
    entries = partition / ENTRIES
    (entries / "bootchain-000001-01.conf").rename(entries / "bootchain-000001-01+1-2.conf")
    status, out, err = act("esp", "status")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    # Counted, though counting is off: the next sync takes that off.
    assert lines[0] == f"{partition}: out of step"
    assert lines[1].startswith("  room        ")
    assert lines[2:] == [
        "  program     EFI/systemd/systemd-bootx64.efi: ours, systemd-boot 257",
        "  program     EFI/BOOT/BOOTX64.EFI: ours, systemd-boot 257",
        "  loader.conf ours",
        "  a.conf  Other",
        "* bootchain-000001-02.conf  Test OS 1.0 (ostree:0)",
        "  bootchain-000001-01+1-2.conf  Test OS 1.0 (ostree:1)  (1 tries left, 2 done)",
    ]  # fmt: skip
    report = json.loads(act("esp", "status", "--json")[1])[0]
    shown = [(item["file"], item["default"], item["deployment"]) for item in report["entries"]]
    assert shown[:2] == [
        ("a.conf", False, None), ("bootchain-000001-02.conf", True, f"testos/{'a' * 64}.0"),
    ]  # fmt: skip
    assert report["entries"][2]["tries-left"] == 1
    assert report["operations"] != []
    assert report["entries-srel"] == "type1\n"


def test_status_of_nothing(act, partition):
    status, out, _ = act("esp", "status")
    assert status == 0
    assert out.splitlines()[-1] == "  no entries: systemd-boot would boot nothing from here"
    status, out, _ = act("esp", "status", "--esp", "/nowhere")
    assert (status, out) == (
        0, "/nowhere: missing\n  problem     open ESP: /nowhere: No such file or directory\n",
    )  # fmt: skip


def test_remove_is_refused_while_writes_follow(act, partition):
    act("esp", "install")
    act("loader", "set", "sdboot")
    status, _, err = act("esp", "remove")
    assert status == 1
    assert "remove from ESP: ostree/repo/config: systemd-boot is in force\nhint: " in err
    assert act("loader", "set", "auto", "--only")[0] == 0
    assert act("esp", "remove")[:2] == (0, f"{partition}: updated\n")
    assert list(partition.iterdir()) == []


def test_set_says_how_to_go_back(fake, act, partition):
    before = (fake.path / "ostree/repo/config").read_text()
    status, out, err = act("loader", "set", "sdboot", "--dry-run")
    assert (status, out) == (0, "write ostree/repo/config: [bootchain] bootloader=sdboot\n")
    assert (fake.path / "ostree/repo/config").read_text() == before
    status, out, err = act("loader", "set", "sdboot")
    assert (status, out) == (0, "bootchain.bootloader: not set -> sdboot\n")
    assert err == (
        "bootentries: to go back: bootentries loader set auto --only\n"
        "bootentries: next: bootentries esp install\n"
    )
    after = before.replace("[bootchain]\n", "[bootchain]\nbootloader=sdboot\n")
    assert (fake.path / "ostree/repo/config").read_text() == after
    assert act("loader", "set", "sdboot") == (0, "bootchain.bootloader: sdboot already\n", "")


def test_only_is_refused_before_the_other_can_boot(act, partition):
    act("loader", "set", "sdboot")
    status, _, err = act("loader", "set", "sdboot", "--only")
    assert status == 1
    assert err.startswith(
        "bootentries: set bootloader: sdboot: no partition is in step with systemd-boot on it "
        f"({partition} is out of step)\nhint: bootentries loader set sdboot; then bootentries esp "
    )
    assert act("esp", "sync")[0] == 0
    assert act("loader", "set", "sdboot", "--only")[0] == 1
    assert act("esp", "install")[0] == 0
    status, out, err = act("loader", "set", "sdboot", "--only")
    assert (status, out) == (0, "sysroot.bootloader: not set -> none\n")
    assert err == "bootentries: to go back: bootentries loader set auto\n"
    # GRUB has nothing yet that would show the list.
    status, _, err = act("loader", "set", "grub2", "--only")
    assert status == 1
    assert "set bootloader: grub2: boot/grub/grub.cfg: no such file" in err


def test_loader_shows_what_each_partition_boots(act, partition):
    act("loader", "set", "sdboot")
    assert act("loader")[1].splitlines()[-1] == f"esp         {partition}: out of step"
    act("esp", "install")
    assert act("loader")[1].splitlines()[-1] == (
        f"esp         {partition}: in step, boots bootchain-000001-02.conf: Test OS 1.0 (ostree:0)"
    )
    (report,) = json.loads(act("loader", "--json")[1])["esp"]
    assert report == {
        "esp": str(partition), "state": "in step", "default": "bootchain-000001-02.conf",
        "title": "Test OS 1.0 (ostree:0)",
    }  # fmt: skip


def test_order_asks_each_partition_too(act, partition):
    before = act("loader", "order")[1]
    act("loader", "set", "sdboot")
    act("esp", "install")
    lines = act("loader", "order")[1].splitlines()
    assert len(lines) == len(before.splitlines()) + 1
    reader = f"systemd-boot on {partition}"
    assert lines[-1] == f"  {reader}  bootchain-000001-02.conf bootchain-000001-01.conf"
    (partition / ENTRIES / "a.conf").write_text("title Other\nsort-key a\nlinux /x\n")
    (partition / "loader/loader.conf").write_text("timeout 3\n")
    assert act("loader", "order")[1].splitlines()[-1].startswith(f"! {reader}  a.conf ")
    assert json.loads(act("loader", "order", "--json")[1])[-1] == {
        "reader": reader, "default": "a.conf", "agrees": False,
        "entries": ["a.conf", "bootchain-000001-02.conf", "bootchain-000001-01.conf"],
    }  # fmt: skip
