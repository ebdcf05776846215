"""EFI partitions that follow a list, whoever writes it: libostree or we.

The host's kernel has no FAT, so a tmpfs stands in for a partition here; tests/vm has real ones.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chroots import CHECKOUT, Machine, machine
from trees import Tree, build

from bootentries.deployment import Entry
from bootentries.entries import bls
from bootentries.order import sdboot

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
SDBOOT = "MZ #### LoaderInfo: systemd-boot 257.3 ####"


def tree(number: int, size: int = 10) -> Tree:
    """A tree with a kernel of its own."""
    kernel = f"kernel {number} ".ljust(size, "k")
    return Tree(f"tree{number}", {"vmlinuz": kernel, "initramfs.img": f"initramfs {number}"})


class Esp:
    """A machine with a sysroot, and what is on its partitions."""

    def __init__(self, box: Machine, work: Path) -> None:
        self.box = box
        self.work = work
        self.commits = 0
        for name, size in (("esp", "16m"), ("other", "16m")):
            place = f"{box.root}/tmp/{name}"
            box.run(["mkdir", place])
            box.run(["mount", "-t", "tmpfs", "-o", f"size={size}", name, place])
        box.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "run", f"{box.root}/run"])
        box.run(["mkdir", f"{box.root}/tmp/checkout"])
        box.run(["mount", "--bind", str(CHECKOUT), f"{box.root}/tmp/checkout"])
        box.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")
        box.ostree("admin", "os-init", "--sysroot=/tmp/sysroot", "testos")

    def configure(self, places: str = "/tmp/esp", **keys: str) -> None:
        self.put("bootchain.esp", places)
        for key, value in keys.items():
            self.put(f"sysroot.{key.replace('_', '-')}", value)
        assert self.ours("loader", "set", "sdboot")[0] == 0

    def put(self, key: str, value: str) -> None:
        self.box.ostree("config", "--repo=/tmp/sysroot/ostree/repo", "set", key, value)

    def commit(self, size: int = 10) -> str:
        self.commits += 1
        place = build(self.work / "trees", tree(self.commits, size))
        program = place / "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
        program.parent.mkdir(parents=True)
        program.write_text(SDBOOT)
        self.box.commit(place, f"v{self.commits}", f"{self.commits}.0")
        return f"v{self.commits}"

    def theirs(self, verb: str, *args: str) -> str:
        return self.box.ostree("admin", verb, "--sysroot=/tmp/sysroot", *args)

    def ours(self, *args: str) -> tuple[int, str, str]:
        program = ["env", "PYTHONPATH=/tmp/checkout", "PYTHONPYCACHEPREFIX=/tmp/pycache"]
        program += ["SYSTEMD_RELAX_ESP_CHECKS=1"]
        program += ["python3", "-P", "-m", "bootentries", "--sysroot", "/tmp/sysroot"]
        done = self.box.attempt(["chroot", str(self.box.root), *program, *args])
        return done.returncode, done.stdout, done.stderr

    def path(self, name: str) -> Path:
        return Path(f"/proc/{self.box.pid}/root{self.box.root}/tmp/{name}")

    def live(self, name: str = "esp") -> list[dict[str, str]]:
        """Return what systemd-boot shows, in its order; all that each loads has to be there."""
        found = []
        for path in sorted((self.path(name) / "loader/entries").iterdir()):
            found.append(Entry(path.name, bls.parse(path.read_text())))
        keys = [dict(entry.bls.pairs()) for entry in sdboot.order(found)]
        for item in keys:
            for key in ("linux", "initrd"):
                data = (self.path(name) / item[key].lstrip("/")).read_bytes()
                assert hashlib.sha256(data).hexdigest().startswith(item[key][-32:])
        return keys

    def boots(self, name: str = "esp") -> list[str]:
        """Return the deployments in the order of the menu, found through their links."""
        top = self.path("sysroot")
        result = []
        for item in self.live(name):
            (link,) = re.findall(r"ostree=/(\S+)", item["options"])
            # libostree's own pattern for the argument
            assert re.fullmatch(r"ostree/boot.([01])/([^/]+)/([^/]+)/([0-9]+)", link)
            assert (top / link).is_symlink()
            text = (top / link).readlink()
            assert (top / link).parent.joinpath(text, "usr").is_dir()
            result.append(text.name)
        return result

    def listed(self) -> list[str]:
        """Return the deployments that libostree lists, in its order."""
        return re.findall(r"testos ([0-9a-f]{64}\.[0-9]+)", self.theirs("status"))

    def codes(self) -> set[str]:
        _, out, _ = self.ours("verify", "--json")
        return {finding["code"] for finding in json.loads(out)["findings"]}


@pytest.fixture(params=SUITES)
def esp(request, tmp_path) -> Iterator[Esp]:
    with machine(request.param, tmp_path) as box:
        yield Esp(box, tmp_path)


def test_whoever_writes_the_list_the_partition_follows(esp):
    esp.theirs("deploy", "--os=testos", "--karg=root=UUID=a", esp.commit())
    esp.configure()
    status, out, err = esp.ours("esp", "install")
    assert (status, out) == (0, "/tmp/esp: updated\n/tmp/esp: updated\n"), err
    assert esp.boots() == esp.listed()
    assert esp.codes() == set()
    for name in ("EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"):
        assert (esp.path("esp") / name).read_text() == SDBOOT

    # libostree takes the boot links of the list before away; entries here keep theirs.
    before = esp.boots()
    for _ in range(2):
        esp.theirs("deploy", "--os=testos", "--retain", esp.commit())
        assert esp.boots() == before
        assert "esp-entry-missing" in esp.codes()
    assert len(esp.listed()) == 3
    status, out, err = esp.ours("esp", "sync", "--if-enabled")
    assert (status, out) == (0, "/tmp/esp: updated\n"), err
    assert esp.boots() == esp.listed()
    assert esp.codes() == set()

    # And what we write: every verb that changes the list.
    for verb in (
        ("set-default", "1"), ("undeploy", "2"),
        ("deploy", "--os=testos", "--retain", esp.commit()),
        ("instutil", "set-kargs", "--append=quiet"), ("set-default", "2"),
        ("kargs", "edit-in-place", "--append-if-missing=loud"),
    ):  # fmt: skip
        status, _, err = esp.ours(*verb)
        assert status == 0, (verb, err)
        assert "left for later" not in err
        assert esp.boots() == esp.listed(), verb
        assert esp.codes() == set(), verb
    assert all("loud" in item["options"] for item in esp.live())
    # Nothing is left of what was before.
    used = {item[key] for item in esp.live() for key in ("linux", "initrd")}
    kernels = {f"/bootchain/{path.name}" for path in (esp.path("esp") / "bootchain").iterdir()}
    assert {name for name in kernels if "owned" not in name} == used
    links = list(esp.path("sysroot").glob("ostree/boot-0/*/*/*"))
    assert len(links) == len(esp.listed())
    assert esp.ours("esp", "sync")[1] == "/tmp/esp: in step\n"


def test_libostree_goes_on_where_systemd_boot_is_set(esp):
    esp.configure()
    esp.theirs("deploy", "--os=testos", esp.commit())
    status, out, _ = esp.ours("loader", "--json")
    report = json.loads(out)
    assert (status, report["configured"]) == (0, "auto")
    assert [item["state"] for item in report["esp"]] == ["out of step"]
    esp.theirs("cleanup")
    assert len(esp.listed()) == 1


def test_counters_come_from_the_list_and_stay_with_the_loader(esp):
    esp.configure(boot_counting_tries="3")
    assert esp.ours("deploy", "--os=testos", esp.commit())[0] == 0
    assert esp.ours("deploy", "--os=testos", "--retain", esp.commit())[0] == 0
    entries = esp.path("esp") / "loader/entries"
    assert sorted(path.name for path in entries.iterdir()) == [
        "bootchain-000002-01+3-0.conf", "bootchain-000002-02+3-0.conf",
    ]  # fmt: skip
    (entries / "bootchain-000002-02+3-0.conf").rename(entries / "bootchain-000002-02+0-3.conf")
    (entries / "bootchain-000002-01+3-0.conf").rename(entries / "bootchain-000002-01.conf")
    default, second = esp.listed()
    # The one without tries is shown last.
    assert esp.boots() == [second, default]
    assert esp.codes() == {"esp-counters", "esp-default", "esp-program"}
    _, out, _ = esp.ours("esp", "status", "--json")
    (report,) = json.loads(out)
    assert [(item["tries-left"], item["tries-done"]) for item in report["entries"]] == [
        (None, None), (0, 3),
    ]  # fmt: skip
    # What was counted stays, and what is new begins.
    assert esp.ours("deploy", "--os=testos", "--retain", esp.commit())[0] == 0
    assert sorted(path.name for path in entries.iterdir()) == [
        "bootchain-000003-01.conf", "bootchain-000003-02+0-3.conf", "bootchain-000003-03+3-0.conf",
    ]  # fmt: skip


def test_one_of_two_partitions_fails(esp):
    esp.configure("/tmp/other;/tmp/esp")
    esp.theirs("deploy", "--os=testos", esp.commit())
    esp.theirs("deploy", "--os=testos", "--retain", esp.commit())
    assert esp.ours("esp", "sync")[1] == "/tmp/other: updated\n/tmp/esp: updated\n"
    assert esp.boots() == esp.boots("other") == esp.listed()
    esp.box.run(["mount", "-o", "remount,ro", f"{esp.box.root}/tmp/other"])
    before = esp.boots("other")
    # The write itself succeeds; what the partition boots is not cleaned up.
    status, out, err = esp.ours("undeploy", "1")
    assert status == 0
    assert "Transaction complete" in out or "Bootloader updated" in out
    assert "left for later: sync ESP: /tmp/other: it is read-only" in err
    assert "bootentries esp sync" in err
    assert esp.boots() == esp.listed()
    assert esp.boots("other") == before
    assert {"esp-read-only", "esp-entry-extra", "esp-pending"} <= esp.codes()
    status, out, err = esp.ours("esp", "sync")
    assert (status, out) == (1, "/tmp/other: failed\n/tmp/esp: in step\n")
    assert err.startswith("bootentries: sync ESP: /tmp/other: it is read-only\nhint: ")
    esp.box.run(["mount", "-o", "remount,rw", f"{esp.box.root}/tmp/other"])
    status, out, err = esp.ours("esp", "sync")
    assert (status, out, err) == (0, "/tmp/other: updated\n/tmp/esp: in step\n", "")
    assert esp.boots() == esp.boots("other") == esp.listed()
    assert esp.ours("cleanup")[0] == 0
    assert esp.codes() == {"esp-program"}


def test_a_partition_that_is_gone_hinders_nobody(esp):
    esp.configure("/tmp/esp;/tmp/other")
    esp.theirs("deploy", "--os=testos", esp.commit())
    esp.ours("esp", "sync")
    esp.box.run(["umount", f"{esp.box.root}/tmp/other"])
    esp.box.run(["rmdir", f"{esp.box.root}/tmp/other"])
    status, _, err = esp.ours("deploy", "--os=testos", "--retain", esp.commit())
    assert status == 0
    assert "open ESP: /tmp/other: No such file or directory" in err
    assert esp.boots() == esp.listed()
    assert esp.codes() == {"esp-missing", "esp-pending", "esp-program"}


def test_a_partition_that_is_too_small(esp):
    esp.configure()
    size = 6 << 20
    for _ in range(2):
        esp.theirs("deploy", "--os=testos", "--retain", esp.commit(size))
    assert esp.ours("esp", "sync")[0] == 0
    before = esp.boots()
    # What we would write is refused before anything is changed.
    third = esp.commit(size)
    status, _, err = esp.ours("deploy", "--os=testos", "--retain", third)
    assert status == 1
    text = r"write deployments: /tmp/esp: 6\.\d MiB are needed, [34]\.\d MiB are free\nhint: "
    assert re.search(text, err), err
    assert esp.boots() == before == esp.listed()
    assert esp.codes() == {"esp-program"}
    # libostree does not ask; then the partition boots the list before.
    esp.theirs("deploy", "--os=testos", "--retain", third)
    status, _, err = esp.ours("esp", "sync")
    assert status == 1
    assert re.search(r"sync ESP: /tmp/esp: 6\.\d MiB are needed, [34]\.\d MiB are free", err), err
    assert esp.boots() == before
    assert {"esp-full", "esp-entry-missing"} <= esp.codes()
    # Undeployed, the oldest makes room, in two steps: the default stays until the new one is.
    status, _, err = esp.ours("undeploy", "2")
    assert status == 0
    assert "/tmp/esp: no room for old and new kernels at once: two steps" in err
    assert esp.boots() == esp.listed()
    assert esp.codes() == {"esp-program"}


def test_from_grub_and_back(esp):
    """Each step leaves a machine that boots by what it booted by before."""
    esp.theirs("deploy", "--os=testos", esp.commit())
    stub = esp.path("sysroot") / "boot/grub/grub.cfg"
    stub.parent.mkdir()
    assert esp.ours("instutil", "grub2-stub", "-o", "/tmp/sysroot/boot/grub/grub.cfg")[0] == 0
    esp.ours("loader", "set", "grub2")
    assert esp.ours("instutil", "set-kargs", "--append=a")[0] == 0
    assert esp.codes() == set()
    esp.put("bootchain.esp", "/tmp/esp")

    status, _, err = esp.ours("loader", "set", "sdboot", "--only")
    assert status == 1
    assert "no partition is in step with systemd-boot on it (/tmp/esp is out of step)" in err

    status, out, err = esp.ours("loader", "set", "sdboot")
    assert (status, out) == (0, "bootchain.bootloader: not set -> sdboot\n")
    assert "to go back: bootentries loader set grub2 --only" in err
    assert "next: bootentries esp install" in err
    assert esp.ours("esp", "install")[0] == 0
    assert esp.ours("instutil", "set-kargs", "--append=b")[0] == 0
    assert esp.codes() == set()

    status, out, err = esp.ours("loader", "set", "sdboot", "--only")
    assert (status, out) == (0, "sysroot.bootloader: grub2 -> none\n"), err
    assert "to go back: bootentries loader set grub2\n" in err
    assert esp.ours("instutil", "set-kargs", "--append=c")[0] == 0
    assert esp.codes() == set()

    # Back: GRUB has no menu for this list yet, so systemd-boot is not taken away.
    status, _, err = esp.ours("loader", "set", "grub2", "--only")
    assert status == 1
    assert re.search(r"set bootloader: grub2: boot/loader\.[01]/grub\.cfg: no such file", err)
    status, out, err = esp.ours("loader", "set", "grub2")
    assert (status, out) == (0, "sysroot.bootloader: none -> grub2\n")
    assert "grub.cfg: no such file; next: GRUB: run `bootentries instutil grub2-generate" in err
    assert esp.ours("instutil", "set-kargs", "--append=d")[0] == 0
    assert esp.codes() == set()
    status, out, err = esp.ours("loader", "set", "grub2", "--only")
    assert (status, out) == (0, "bootchain.bootloader: sdboot -> none\n"), err
    status, out, _ = esp.ours("esp", "remove")
    assert (status, out) == (0, "/tmp/esp: updated\n")
    assert list(esp.path("esp").iterdir()) == []
    assert not (esp.path("sysroot") / "ostree/boot-0").exists()
    assert esp.codes() == set()


def test_removing_is_refused_while_writes_follow(esp):
    esp.configure()
    status, _, err = esp.ours("esp", "remove")
    assert status == 1
    assert "remove from ESP: ostree/repo/config: systemd-boot is in force" in err
