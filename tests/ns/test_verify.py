"""`verify` on sysroots that the real `ostree` wrote, and on those that it shares with us.

Sound ones give nothing, whoever wrote last; the damages of `damages` each give their code.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from chroots import CHECKOUT, Machine, machine
from damages import DAMAGES
from richtrees import rich
from sidebyside import OURS, THEIRS, Pair, pair
from test_interop import deployed
from trees import PLAIN, TREES, Tree, build
from victims import EXTENSIONS, Victim, state, with_grub

from bootentries.check.verify import verify
from bootentries.root import open_root
from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import Variant, encode

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
AGAIN = Tree("again", PLAIN.modules, pretty="Test OS 1.1")


@pytest.fixture(scope="module", params=SUITES)
def suite(request):
    return request.param


@pytest.fixture(scope="module")
def written(suite, tmp_path_factory):
    """A copy of a sysroot with two deployments of one kernel, written by libostree."""
    work = tmp_path_factory.mktemp(f"written-{suite}")
    with machine(suite, work) as box:
        deployed(box, work, PLAIN, AGAIN)
        copy(box.view, work / "copy")
    return work / "copy"


def copy(source: Path, target: Path) -> Path:
    """Copy a sysroot with modes, times and hard links."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def findings(top: Path) -> list[str]:
    with open_root(str(top)) as root:
        return [
            f"{found.code.name} {found.place}: {found.reason}" for found in verify(root).findings
        ]


def test_from_the_first_file_system_on(suite, tmp_path):
    with machine(suite, tmp_path) as box:
        box.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")
        assert findings(box.view) == []
        box.admin("os-init", "testos")
        assert findings(box.view) == []
        box.commit(build(tmp_path / "trees", PLAIN), "plain", "1.0")
        box.admin("deploy", "--os=testos", "--karg=root=UUID=a", "plain")
        assert findings(box.view) == []
        box.admin("undeploy", "0")
        assert findings(box.view) == []


@pytest.mark.parametrize("own_boot", [False, True])
def test_sound_whoever_wrote_last(suite, tmp_path, own_boot):
    """Every kernel layout, two stateroots, and a change of hands after each write."""
    with machine(suite, tmp_path, own_boot=own_boot) as box:
        deployed(box, tmp_path, *TREES)
        assert findings(box.view) == []
        box.bootentries("instutil", "set-kargs", "--merge", "--append=ours=1")
        assert findings(box.view) == []
        box.admin("instutil set-kargs", "--merge", "--append=theirs=1")
        assert findings(box.view) == []
        box.admin("os-init", "otheros")
        box.admin("deploy", "--os=otheros", "--retain", "--karg=root=UUID=b", "plain")
        assert findings(box.view) == []
        box.bootentries("instutil", "set-kargs", "--merge", "--append=ours=2")
        assert findings(box.view) == []
        # Equal configurations: only the links change.
        box.admin("deploy", "--os=otheros", "--retain", "plain")
        box.admin("undeploy", "1")
        assert findings(box.view) == []
        box.admin("pin", "2")
        box.admin("undeploy", "0")
        assert findings(box.view) == []
        said = box.bootentries("verify")
        assert said == f"sound: {len(TREES)} deployments, boot.{bootversion(box)} is active\n"


def test_sound_after_each_verb(suite, tmp_path):
    """Both programs do the same steps; `cleanup` is by the other one, each time."""
    other = Tree("other", {"vmlinuz": "kernel 2", "initramfs.img": "i 2"})
    with pair(suite, tmp_path) as both:
        both.commit(rich(tmp_path / "trees"), "one", "1.0")
        both.commit(rich(tmp_path / "trees", other), "two", "2.0")
        for step in (
            ["deploy", "--os=testos", "--karg=root=UUID=a", "one"],
            ["deploy", "--os=testos", "--retain", "--karg=quiet", "two"],
            ["pin", "1"],
            ["deploy", "--os=testos", "--not-as-default", "--retain", "one"],
            ["set-default", "1"],
            ["cleanup"],
            ["undeploy", "0"],
            ["instutil set-kargs", "--merge", "--append=x"],
            ["os-init", "second"],
            ["deploy", "--os=second", "--karg=root=UUID=b", "two"],
            ["undeploy", "0"],
        ):
            both.both(*step)
            for who in (THEIRS, OURS):
                assert findings(both.view(who)) == [], f"{who}: {step}"
            both.swapped = not both.swapped


@pytest.mark.parametrize("loader", ["uboot", "syslinux"])
def test_menus_of_libostree_and_of_ours(suite, tmp_path, loader):
    name = {"uboot": "uEnv.txt", "syslinux": "syslinux.cfg"}[loader]
    with pair(suite, tmp_path) as both:
        views = {who: both.view(who) for who in (THEIRS, OURS)}
        for view in views.values():
            (view / "boot/loader.0").mkdir()
            (view / "boot/loader").symlink_to("loader.0")
            (view / f"boot/loader.0/{name}").write_text("")
            if loader == "syslinux":
                (view / "boot/syslinux").mkdir()
                (view / "boot/syslinux/syslinux.cfg").symlink_to("../loader/syslinux.cfg")
        both.commit(rich(tmp_path / "trees"), "one", "1.0")
        both.by_theirs("deploy", "--os=testos", "--karg=root=UUID=a", "one")
        assert_menus(both, [])
        both.theirs("instutil set-kargs", "--merge", "--append=b")
        both.ours("instutil set-kargs", "--merge", "--append=b")
        assert_menus(both, [])
        for view in views.values():
            path = view / f"boot/loader/{name}"
            path.write_text(path.read_text().replace(" b", " c"))
        assert_menus(both, ["menu-differs"])
        for view in views.values():
            (view / f"boot/loader/{name}").unlink()
        # Without it U-Boot is not recognised any more, and syslinux' link leads nowhere.
        assert_menus(both, [] if loader == "uboot" else ["loader-backend"])


def assert_menus(both: Pair, codes: list[str]) -> None:
    for who in (THEIRS, OURS):
        assert [line.split()[0] for line in findings(both.view(who))] == codes, who


def bootversion(box: Machine) -> str:
    return str((box.view / "boot/loader").readlink())[-1]


def test_bootprefix_and_counting(suite, tmp_path):
    with machine(suite, tmp_path, own_boot=True) as box:
        box.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")
        for key, value in (("bootprefix", "true"), ("boot-counting-tries", "3")):
            box.ostree("config", "--repo=/tmp/sysroot/ostree/repo", "set", f"sysroot.{key}", value)
        box.admin("os-init", "testos")
        for number, tree in enumerate((PLAIN, TREES[1])):
            box.commit(build(tmp_path / "trees", tree), tree.name, f"1.{number}")
            box.admin("deploy", "--os=testos", "--retain", "--karg=root=UUID=a", tree.name)
            assert findings(box.view) == []
        box.bootentries("instutil", "set-kargs", "--merge", "--append=ours=1")
        assert findings(box.view) == []


def test_grub_in_step(suite, tmp_path):
    with machine(suite, tmp_path) as box:
        deployed(box, tmp_path, PLAIN, AGAIN)
        with_grub(Victim(box.view))
        assert findings(box.view) == []
        box.bootentries("instutil", "set-kargs", "--merge", "--append=ours=1")
        assert findings(box.view) == []
        # libostree without our program: its built-in or the system's generator is not there.
        box.ostree("config", "--repo=/tmp/sysroot/ostree/repo", "set", "sysroot.bootloader", "none")
        box.admin("instutil set-kargs", "--merge", "--append=theirs=1")
        box.ostree(
            "config", "--repo=/tmp/sysroot/ostree/repo", "set", "sysroot.bootloader", "grub2"
        )
        found = [line.split()[0] for line in findings(box.view)]
        assert found == ["menu-missing", "last-good-stale"]


def test_grub_when_libostree_writes_by_our_program(suite, tmp_path):
    with machine(suite, tmp_path) as box:
        deployed(box, tmp_path, PLAIN)
        with_grub(Victim(box.view))
        box.run(["mkdir", str(box.root / "tmp/checkout")])
        box.run(["mount", "--bind", str(CHECKOUT), str(box.root / "tmp/checkout")])
        program = "#!/bin/sh\nPYTHONPATH=/tmp/checkout PYTHONDONTWRITEBYTECODE=1 "
        program += 'exec python3 -m bootentries.cli.grub2_exec "$@"\n'
        path = Path(f"/proc/{box.pid}/root{box.root}/tmp/grub2-exec")
        path.write_text(program)
        path.chmod(0o755)
        env = {"OSTREE_GRUB2_EXEC": "/tmp/grub2-exec"}
        box.admin("instutil set-kargs", "--merge", "--append=theirs=1", env=env)
        # The last good menu is ours alone to keep.
        assert [line.split()[0] for line in findings(box.view)] == ["last-good-stale"]
        box.bootentries("instutil", "set-kargs", "--merge", "--append=ours=1")
        assert findings(box.view) == []


@pytest.mark.parametrize("extend", EXTENSIONS)
def test_a_sound_extension_gives_nothing(written, tmp_path, extend):
    victim = Victim(copy(written, tmp_path / "sysroot"))
    extend(victim)
    assert findings(victim.top) == []


@pytest.mark.parametrize(
    ("code", "damage"), [pytest.param(*pair, id=pair[1].__name__) for pair in DAMAGES]
)
def test_a_damage_gives_its_code(written, tmp_path, code, damage):
    victim = Victim(copy(written, tmp_path / "sysroot"))
    damage(victim)
    before = state(victim.top)
    found = findings(victim.top)
    assert {line.split()[0] for line in found} == {code}, found
    assert state(victim.top) == before
    shutil.rmtree(victim.top)


def test_it_needs_no_writable_filesystem(suite, tmp_path):
    with machine(suite, tmp_path, own_boot=True) as box:
        deployed(box, tmp_path, PLAIN, AGAIN)
        for point in (box.sysroot / "boot", box.sysroot):
            box.run(["mount", "-o", "remount,ro", str(point)])
        before = state(box.view)
        assert json.loads(box.bootentries("verify", "--json"))["findings"] == []
        assert state(box.view) == before
        box.run(["mount", "-o", "remount,rw", str(box.sysroot / "boot")])
        kernel = next((box.view / "boot/ostree").glob("*/vmlinuz*"))
        kernel.write_text("KERNEL")
        box.run(["mount", "-o", "remount,ro", str(box.sysroot / "boot")])
        done = box.attempt(box.command("verify"))
        assert done.returncode == 1
        assert done.stdout.startswith("fault: payload-differs: boot/ostree/testos-")
        assert done.stderr.splitlines()[0] == (
            f"bootentries: verify: {box.sysroot}: not sound: 1 fault"
        )


def boot_without_booting(box: Machine) -> Path:
    """Make a root as prepare-root leaves it, with the chroot's programs; returns its path."""
    root = box.sysroot.parent / "booted"
    script = f"""
        mkdir {root} && mount -t tmpfs -o mode=0755 tmpfs {root} && cd {root}
        mkdir usr etc ostree boot proc run run/ostree tmp tmp/checkout
        ln -s usr/lib lib; ln -s usr/lib64 lib64
        for name in usr etc; do mount --bind {box.root}/$name $name; done
        for name in ostree boot; do mount --bind {box.sysroot}/$name $name; done
        mount --bind {CHECKOUT} tmp/checkout
    """
    box.run(["sh", "-ec", script])
    return root


def test_a_booted_system(suite, tmp_path):
    """What /run says is held against the list: booted, staged, or /boot not mounted."""
    with machine(suite, tmp_path) as box:
        deployed(box, tmp_path, PLAIN, AGAIN)
        root = boot_without_booting(box)
        run = Path(f"/proc/{box.pid}/root{root}/run")
        here = Victim(box.view).deployment(1).stat()

        def found() -> list[str]:
            program = ["env", "PYTHONPATH=/tmp/checkout", "PYTHONDONTWRITEBYTECODE=1"]
            program += ["python3", "-P", "-m", "bootentries", "verify", "--json"]
            done = box.attempt(["chroot", str(root), *program])
            report = json.loads(done.stdout)
            assert done.returncode == (0 if report["sound"] else 1), done.stderr
            return [f"{item['code']} {item['place']}" for item in report["findings"]]

        def booted(inode: int) -> None:
            data = BootedMetadata(device=here.st_dev, inode=inode).encode()
            (run / "ostree-booted").write_bytes(data)

        booted(here.st_ino)
        assert found() == []
        # The premise: `/` counts as booted there.
        status = ["env", "PYTHONPATH=/tmp/checkout", "PYTHONDONTWRITEBYTECODE=1"]
        status += ["python3", "-P", "-m", "bootentries", "status", "--json"]
        listed = json.loads(box.run(["chroot", str(root), *status]))["deployments"]
        assert [item["booted"] for item in listed] == [False, True]
        booted(1)
        assert found() == ["booted-not-listed ostree/deploy"]
        (run / "ostree-booted").write_bytes(b"\xff")
        assert found() == ["run-state /run/ostree-booted"]
        booted(here.st_ino)
        (run / "ostree/staged-deployment").write_bytes(b"\xff")
        assert found() == ["run-state /run/ostree/staged-deployment"]
        (run / "ostree/staged-deployment").write_bytes(staged("testos", f"{'c' * 64}.0"))
        assert found()[0] == f"deployment-missing ostree/deploy/testos/deploy/{'c' * 64}.0"
        (run / "ostree/staged-deployment").unlink()
        box.run(["umount", str(root / "boot")])
        assert found() == ["loader-missing boot/loader"]


def staged(stateroot: str, name: str) -> bytes:
    """What libostree keeps about a staged deployment."""
    target = {
        "name": Variant("s", name),
        "osname": Variant("s", stateroot),
        "bootcsum": Variant("s", "d" * 64),
    }
    return encode("a{sv}", {"target": Variant("a{sv}", target)})
