"""Loader backends beside libostree's: the same files, programs and choices.

The places where ours differ on purpose are `DEVIATIONS`; there are no others.
"""

import difflib
import hashlib
import os
import random
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chroots import CHECKOUT, machine
from sidebyside import OURS, THEIRS, Pair, facts, pair
from trees import PLAIN, TREES, Tree, build

from bootentries.loaders.detect import detect
from bootentries.loaders.stamp import STAMP
from bootentries.root import open_root

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
BY_NAME = {tree.name: tree for tree in TREES}
ABOOT = Tree(
    "aboot",
    {"vmlinuz": "k", "initramfs.img": "i", "aboot.img": "android"},
    {"aboot.cfg": "cfg"},
)

# What tests put below /boot, beside the files of a list.
FILES = (
    "syslinux", "grub", "grub2", "efi", "bootupd-state.json", STAMP.removeprefix("boot/"),
    "loader/syslinux.cfg", "loader/uEnv.txt", "loader/grub.cfg",
)  # fmt: skip
SYSLINUX_LINK, SYSLINUX_FILE = "boot/syslinux/syslinux.cfg", "boot/loader/syslinux.cfg"

# What stands in the active syslinux.cfg before a write.
SEEDS = {
    "empty": "",
    "blank lines": "\n\n# top\n\n\nPROMPT 0\n\nTIMEOUT 10\n",
    "no last line feed": "TIMEOUT 10",
    "foreign blocks": "LABEL memtest\n\tMENU LABEL Mem\n\tKERNEL /memtest\n\n# after\n"
    "LABEL b\n\tKERNEL /boot/vm\n\tAPPEND a  b\n",
    "blocks of ours": "DEFAULT ostree:old\nLABEL ostree:old\n\tKERNEL /ostree/x/vmlinuz\n"
    "LABEL b\n\tKERNEL /boot/ostree/y\nLABEL c\n\tKERNEL /boot/vm\n",
    "a default of ours": "DEFAULT Foo (ostree:0)\nUI menu.c32\n",
    "lower case": "default lower\nlabel x\n\tkernel /k\n",
    "several kernels": "LABEL a\n\tKERNEL /vm\n\tKERNEL /ostree/z\n\tAPPEND x\n# c\n",
    "indented default": "LABEL a\n\tKERNEL /vm\n\tDEFAULT x\nDEFAULT\n",
    "default elsewhere": "DEFAULT linux\nTIMEOUT 50\nLABEL linux\n\tKERNEL /vmlinuz\n",
    "default menu": "DEFAULT menu.c32\nPROMPT 0\n",
    "carriage returns": "DEFAULT linux\r\nLABEL linux\r\n\tKERNEL /vm\r\n\r\n",
    "two defaults": "DEFAULT a\nDEFAULT Foo (ostree 0)\n# c\n",
    "default by our label": "DEFAULT mine\nLABEL mine\n\tKERNEL /ostree/z\n",
    "no kernel after ours": "LABEL a\n\tKERNEL /ostree/z\nLABEL disk\n\tLOCALBOOT 0x80\n# c\n",
    "spaces after ours": "LABEL a\n\tKERNEL /ostree/z\nLABEL b\n  KERNEL /vm\n",
}

# Lines that libostree's file has and ours has not ("-"), or the other way round ("+").
DEVIATIONS = {
    # A default that is not ours stays.
    "default elsewhere": ["+ DEFAULT linux"],
    "default menu": ["+ DEFAULT menu.c32"],
    "carriage returns": ["+ DEFAULT linux\r"],
    "two defaults": ["+ DEFAULT a"],
    # A default that named a block of ours is ours; libostree leaves the file without one.
    "default by our label": ["+ DEFAULT Test OS 1.0 (ostree:0)"],
    # A block without KERNEL is not taken for ours because the one before it was.  It goes
    # behind our blocks: libostree would refuse a file that begins with it.
    "no kernel after ours": ["- # c", "- ", "+ LABEL disk", "+ \tLOCALBOOT 0x80", "+ # c", "+ "],
    "spaces after ours": ["-   KERNEL /vm", "- ", "+ LABEL b", "+   KERNEL /vm", "+ "],
}


@pytest.fixture(scope="module", params=SUITES)
def suite(request):
    return request.param


@pytest.fixture
def both(suite, tmp_path) -> Iterator[Pair]:
    with pair(suite, tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared(suite, tmp_path_factory) -> Iterator[Pair]:
    """Two sysroots with a deployment each, for tests that only change what lies in /boot."""
    work = tmp_path_factory.mktemp("shared")
    with pair(suite, work) as found:
        deploy(found, work, PLAIN)
        yield found


@pytest.fixture
def bare(shared) -> Pair:
    """The shared pair, without a bootloader's files."""
    for view in views(shared):
        for name in FILES:
            path = view / "boot" / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    shared.swapped = False
    return shared


def views(both: Pair) -> list[Path]:
    return [both.view(who) for who in (THEIRS, OURS)]


def configure(both: Pair, **keys: str) -> None:
    for who in (THEIRS, OURS):
        for key, value in keys.items():
            repo = f"--repo={both.sysroot(who)}/ostree/repo"
            both.ostree("config", repo, "set", f"sysroot.{key.replace('_', '-')}", value)


def deploy(both: Pair, work: Path, *trees: Tree, env: dict[str, str] | None = None) -> None:
    """Let libostree deploy the trees in both sysroots, the last one as default."""
    for number, tree in enumerate(trees):
        place = work / "trees" / tree.name
        both.commit(
            place if place.exists() else build(work / "trees", tree), tree.name, f"1.{number}"
        )
        both.by_theirs("deploy", "--os=testos", "--retain", "--karg=root=UUID=a", tree.name)


def set_args(both: Pair, arg: str) -> None:
    """Let each program write its list with one argument more."""
    for done in (
        both.theirs("instutil set-kargs", "--merge", f"--append={arg}"),
        both.ours("instutil set-kargs", "--merge", f"--append={arg}"),
    ):
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Transaction complete; bootconfig swap: yes; ")


def syslinux(both: Pair, text: str = "") -> None:
    """Make both boot by syslinux."""
    for view in views(both):
        first_loader(view)
        (view / "boot/syslinux").mkdir()
        (view / SYSLINUX_FILE).write_bytes(text.encode())
        (view / SYSLINUX_LINK).symlink_to("../loader/syslinux.cfg")


def first_loader(view: Path) -> None:
    """Make the directory that a loader's file has to lie in before a first deployment."""
    if not (view / "boot/loader").is_symlink():
        (view / "boot/loader.0").mkdir()
        (view / "boot/loader").symlink_to("loader.0")


def differences(both: Pair, name: str) -> list[str]:
    theirs, ours = (view / name for view in views(both))
    with theirs.open(newline="") as a, ours.open(newline="") as b:
        lines = [file.read().split("\n")[:-1] for file in (a, b)]
    return [line for line in difflib.ndiff(*lines) if not line.startswith(("  ", "? "))]


@pytest.mark.parametrize("seed", SEEDS)
def test_syslinux_configuration(bare, seed):
    syslinux(bare, SEEDS[seed])
    set_args(bare, "b")
    assert differences(bare, SYSLINUX_FILE) == DEVIATIONS.get(seed, [])
    if seed not in DEVIATIONS:
        bare.compare()
    # Each goes on with what the other one wrote.
    bare.swapped = True
    set_args(bare, "c")
    for view in views(bare):
        text = (view / SYSLINUX_FILE).read_text()
        assert text.count("KERNEL /boot/ostree/") == 1
        assert text.count(" b c\n") == 1


@pytest.mark.parametrize("name", ["syslinux", "uboot"])
def test_overlay_initrds(both, tmp_path, name):
    """The one deviation that entries make: syslinux loads them all, not the first alone."""
    {"syslinux": syslinux, "uboot": uboot}[name](both)
    overlay = Path(f"/proc/{both.box.pid}/root{both.box.root}/tmp/overlay")
    overlay.write_text("overlay")
    both.commit(build(tmp_path / "trees", PLAIN), "plain", "1.0")
    both.by_theirs("deploy", "--os=testos", "--overlay-initrd=/tmp/overlay", "plain")
    checksum = hashlib.sha256(b"overlay").hexdigest()
    file = {"syslinux": SYSLINUX_FILE, "uboot": "boot/loader/uEnv.txt"}[name]
    set_args(both, "b")
    entry = (both.view(OURS) / "boot/loader/entries/ostree-1.conf").read_text()
    assert f"\ninitrd /ostree/initramfs-overlays/{checksum}.img\n" in entry
    if name == "syslinux":
        old, new = differences(both, file)
        assert old.startswith("- \tINITRD /boot/ostree/testos-")
        assert new == f"+{old[1:]},/boot/ostree/initramfs-overlays/{checksum}.img"
        (both.view(OURS) / file).write_text((both.view(THEIRS) / file).read_text())
    both.compare()


def test_every_deviation_has_its_seed():
    assert set(DEVIATIONS) <= set(SEEDS)


def random_configuration(chance: random.Random) -> str:
    """Lines and blocks of every kind in any order, but those of `DEVIATIONS`."""
    lines = []
    for _ in range(chance.randrange(12)):
        kind = chance.randrange(4)
        if kind == 0:
            lines += [""] * chance.randrange(3)
        elif kind == 1:
            lines.append(chance.choice(LINES))
        else:
            block = [f"\tKERNEL {chance.choice(KERNELS)}"]
            block += chance.choices(BELOW, k=chance.randrange(3))
            chance.shuffle(block)
            lines += [f"LABEL {chance.choice('ab c')}", *block]
    return "\n".join(lines) + chance.choice(("", "\n", "\n\n"))


LINES = [
    "# c",
    "TIMEOUT 5",
    " ",
    "\t",
    "\tKERNEL /orphan",
    "DEFAULT X (ostree:1)",
    "label x",
    "DEFAULT",
]
KERNELS = ["/vm", "/ostree/k", "/boot/ostree/k", "/boot/vm", "ostree/k", " /ostree/k", ""]
BELOW = [
    "\tAPPEND a=b",
    "\t",
    "\tDEFAULT x",
    "\tLABEL y",
    "\tkernel /ostree/k",
    "\t\tKERNEL /ostree",
]


@pytest.mark.parametrize("number", range(int(os.environ.get("BOOTCHAIN_RANDOM_CONFIGS", "6"))))
def test_any_syslinux_configuration(bare, number):
    text = random_configuration(random.Random(number))
    syslinux(bare, text)
    set_args(bare, "b")
    assert differences(bare, SYSLINUX_FILE) == [], text
    bare.swapped = True
    set_args(bare, "c")
    bare.compare()


def test_uboot_environment(both, tmp_path):
    uboot(both)
    deploy(both, tmp_path, BY_NAME["bare"], BY_NAME["devicetree"], BY_NAME["dtb"])
    for number, text in enumerate((None, "", "x=1", "a=1\n\nb=2\n")):
        if text is not None:
            shell = f"mkdir -p usr/lib/ostree-boot; printf {text!r} > usr/lib/ostree-boot/uEnv.txt"
            both.edit(shell)
        set_args(both, f"b{number}")
        both.compare()
        found = (both.view(OURS) / "boot/loader/uEnv.txt").read_text()
        assert found.startswith("kernel_image=/boot/ostree/testos-")
        assert [f"kernel_image{n}=" in found for n in ("", 2, 3, 4)] == [True, True, True, False]
        assert found.count(text or "nothing") == (1 if text else 0)
        both.swapped = not both.swapped


def uboot(both: Pair) -> None:
    for view in views(both):
        first_loader(view)
        (view / "boot/loader/uEnv.txt").write_text("")


# Prefixes, counters and keys of the repository's configuration, in every backend's output.
KEYS = {
    "bootprefix": "true",
    "bls_append_except_default": "x-example=a b",
    "boot_counting_tries": "3",
}


@pytest.mark.parametrize("loader", ["none", "syslinux", "uboot", "grub2"])
def test_keys_of_the_configuration(both, tmp_path, loader):
    {"syslinux": syslinux, "uboot": uboot, "grub2": grub, "none": id}[loader](both)
    configure(both, bootloader=loader, **KEYS)
    deploy(both, tmp_path, PLAIN, BY_NAME["devicetree"])
    both.compare()
    theirs = both.theirs("instutil set-kargs", "--merge", "--append=b")
    ours = both.ours("instutil set-kargs", "--merge", "--append=b")
    assert theirs.returncode == ours.returncode == 0, theirs.stderr + ours.stderr
    assert ours.stdout == theirs.stdout
    if loader == "grub2":
        # Beside GRUB itself: the last menu that was whole, kept by us alone.
        kept = both.view(OURS) / "boot/grub/bootchain-last-good.cfg"
        assert kept.read_text() == (both.view(OURS) / "boot/loader/grub.cfg").read_text()
        kept.unlink()
    both.compare()
    entries = sorted((both.view(OURS) / "boot/loader/entries").iterdir())
    texts = [path.read_text() for path in entries]
    assert all("\nlinux /boot/ostree/testos-" in text for text in texts)
    assert ["x-example a b\n" in text for text in texts] == [True, False]
    if both.suite == "sid":
        # 2025.2 does not count boots yet.
        assert [path.name for path in entries] == ["ostree-1+3-0.conf", "ostree-2.conf"]


def grub(both: Pair) -> None:
    """GRUB, with our program as the one that libostree runs."""
    for view in views(both):
        (view / "boot/grub").mkdir()
        (view / "boot/grub/grub.cfg").write_text("# stub\n")
    script = (
        "#!/bin/sh\nexport PYTHONPATH=/tmp/checkout PYTHONDONTWRITEBYTECODE=1\n"
        'exec python3 -P -m bootentries.cli.grub2_exec "$@"\n'
    )
    both.box.environ["OSTREE_GRUB2_EXEC"] = program(both, "grub2-exec", script)


def program(both: Pair, name: str, script: str) -> str:
    """Put a program into the chroot's own /tmp; returns its path there."""
    path = Path(f"/proc/{both.box.pid}/root{both.box.root}/tmp/bin") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return f"/tmp/bin/{name}"


def stand_in(both: Pair, name: str) -> None:
    """A program that records how it is called; it fails while /tmp/fail is there."""
    program(
        both, name,
        f'#!/bin/sh\n{{ echo {name}; pwd; for a; do echo "[$a]"; done; }} >> /tmp/log\n'
        "if [ -e /tmp/fail ]; then echo no device >&2; exit 4; fi\n",
    )  # fmt: skip
    both.box.environ["PATH"] = f"/tmp/bin:{os.environ['PATH']}"


def calls(both: Pair) -> list[str]:
    """What was recorded since the last call; the two sysroots by one name."""
    path = Path(f"/proc/{both.box.pid}/root{both.box.root}/tmp/log")
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    for who in (THEIRS, OURS):
        text = text.replace(both.sysroot(who), "SYSROOT")
    return text.splitlines()


def fail(both: Pair, failing: bool) -> None:
    path = Path(f"/proc/{both.box.pid}/root{both.box.root}/tmp/fail")
    if failing:
        path.touch()
    else:
        path.unlink()


def test_aboot_is_called_in_the_same_way(both, tmp_path):
    stand_in(both, "aboot-deploy")
    configure(both, bootloader="aboot", bootprefix="true")
    deploy(both, tmp_path, PLAIN if both.suite == "trixie" else ABOOT, ABOOT)
    calls(both)
    theirs = both.theirs("instutil set-kargs", "--merge", "--append=b c")
    their_calls = calls(both)
    ours = both.ours("instutil set-kargs", "--merge", "--append=b c")
    our_calls = calls(both)
    assert theirs.returncode == ours.returncode == 0, theirs.stderr + ours.stderr
    assert ours.stderr == ""
    assert ours.stdout == theirs.stdout
    assert their_calls[-3] == "[-o]"
    if both.suite == "trixie":
        # 2025.2 names the sysroot's path where later versions run the program in it.
        assert their_calls[:4] == ["aboot-deploy", "/", "[-r]", "[SYSROOT]"]
        their_calls[1:4] = ["SYSROOT", "[-r]", "[.]"]
    assert our_calls == their_calls
    both.compare()


def test_a_failing_program_keeps_the_list_before_bootable(both, tmp_path):
    stand_in(both, "aboot-deploy")
    configure(both, bootloader="aboot")
    deploy(both, tmp_path, ABOOT)
    before = facts(both.view(OURS))
    fail(both, True)
    ours = both.ours("instutil set-kargs", "--merge", "--append=b")
    assert ours.returncode == 0
    assert (
        "left for later: update bootloader: aboot-deploy: aboot-deploy failed (4): no device"
        in (ours.stderr)
    )
    assert "bootentries loader run-pending" in ours.stderr
    after = facts(both.view(OURS))
    assert (both.view(OURS) / STAMP).exists()
    lost = {name for name in before if after.get(name) != before[name]}
    assert lost == {"boot/loader"}
    # The next write changes nothing as long as it fails ...
    again = both.ours("instutil set-kargs", "--merge", "--append=c")
    assert again.returncode == 1
    assert again.stderr.startswith(
        "bootentries: update bootloader: aboot-deploy: aboot-deploy failed (4): no device\nhint: "
    )
    assert facts(both.view(OURS)) == after
    # ... and runs it for the active list before it writes the new one.
    fail(both, False)
    calls(both)
    done = both.ours("instutil set-kargs", "--merge", "--append=c")
    assert done.returncode == 0, done.stderr
    options = [line for line in calls(both) if line.startswith("[root=UUID=a")]
    assert len(options) == 2
    assert options[0].endswith(" b]")
    assert options[1].endswith(" b c]")
    assert not (both.view(OURS) / STAMP).exists()
    # A stamp that we leave is libostree's own: it runs the program, too.
    fail(both, True)
    both.ours("instutil set-kargs", "--merge", "--append=d")
    fail(both, False)
    both.swapped = True
    done = both.theirs("instutil set-kargs", "--merge", "--append=e")
    assert done.returncode == 0, done.stderr
    assert not (both.view(THEIRS) / STAMP).exists()


def test_a_small_boot_does_not_lose_what_still_boots(suite, tmp_path):
    """Two steps are needed, and the program fails after the first one."""
    with machine(suite, tmp_path, own_boot=True, root_mib=512) as box:
        box.run(["mkdir", str(box.root / "tmp/checkout")])
        box.run(["mount", "--bind", str(CHECKOUT), str(box.root / "tmp/checkout")])
        box.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")
        box.admin("os-init", "testos")
        for name in ("one", "two", "three"):
            root = build(tmp_path / "trees", replace(ABOOT, name=name, pretty=name))
            (root / "usr/lib/modules/6.1.0-test/vmlinuz").write_bytes(os.urandom(20 << 20))
            box.commit(root, name, "1")
        box.admin("deploy", "--os=testos", "one")
        box.admin("deploy", "--os=testos", "--retain", "two")
        repo = "--repo=/tmp/sysroot/ostree/repo"
        box.ostree("config", repo, "set", "sysroot.bootloader", "aboot")
        both = Pair(box, suite)
        stand_in(both, "aboot-deploy")
        fail(both, True)
        before = boot_files(box.view)
        program = ["env", "PYTHONPATH=/tmp/checkout", "PYTHONPYCACHEPREFIX=/tmp/pycache"]
        program += ["python3", "-P", "-m", "bootentries", "--sysroot=/tmp/sysroot"]
        done = box.attempt(["chroot", str(box.root), *program, "deploy", "--os=testos", "three"])
        assert done.returncode == 1
        assert "updating it in two steps" in done.stderr
        assert done.stderr.splitlines()[-2] == (
            "bootentries: update bootloader: aboot-deploy: aboot-deploy failed (4): no device"
        )
        # Once after the first step, once before the second one would change anything.
        assert calls(both).count("aboot-deploy") == 2
        after = boot_files(box.view)
        lost = {name for name in before if after.get(name) != before[name]}
        assert lost == {"boot/loader"}


def boot_files(view: Path) -> dict[str, bytes]:
    """What the machine boots from: /boot and the links to the deployments."""
    paths = [*(view / "boot").rglob("*"), *(view / "ostree").glob("boot.*")]
    for link in (view / "ostree").glob("boot.[01].[01]"):
        paths += link.rglob("*")
    return {
        str(path.relative_to(view)): os.fsencode(path.readlink()) if path.is_symlink()
        else path.read_bytes() if path.is_file() else b""
        for path in paths
    }  # fmt: skip


def test_zipl_is_called_in_the_same_way(both, tmp_path):
    for name in ("zipl", "bwrap"):
        stand_in(both, name)
    # libostree asks the kernel's log for Secure Boot where sysfs does not know.
    both.box.run(["mount", "-t", "tmpfs", "tmpfs", str(both.box.root / "dev")])
    both.box.run(["mknod", "-m", "666", str(both.box.root / "dev/null"), "c", "1", "3"])
    both.box.run(["sh", "-c", f"yes | head -20 > {both.box.root}/dev/kmsg"])
    configure(both, bootloader="zipl")
    deploy(both, tmp_path, PLAIN)
    called = ["zipl", "/", "[--secure]", "[auto]", "[-V]"]
    assert calls(both) == called * 2
    both.compare()
    # Theirs would need a real /usr/bin/bwrap from here on; it starts zipl in the tree, too.
    ours = both.ours("instutil set-kargs", "--merge", "--append=b")
    assert ours.returncode == 0, ours.stderr
    found = calls(both)
    (deployment,) = both.view(OURS).glob("ostree/deploy/testos/deploy/*.0")
    assert found[:9] == [
        "bwrap", "SYSROOT",
        "[--bind]", f"[SYSROOT/ostree/deploy/testos/deploy/{deployment.name}]", "[/]",
        "[--bind]", "[SYSROOT/boot]", "[/boot]", "[--dev-bind]",
    ]  # fmt: skip
    assert found[found.index("[--]") + 1 :] == ["[zipl]", *called[2:]]
    assert not (both.view(OURS) / STAMP).exists()


# What lies in /boot, and the backend that libostree takes then.
FOUND = [
    ([], "none"),
    (["syslinux/syslinux.cfg"], "syslinux"),
    (["grub/grub.cfg"], "grub2"),
    (["grub2/grub.cfg"], "grub2"),
    (["efi/EFI/debian/grub.cfg"], "grub2"),
    (["efi/EFI/BOOT/grub.cfg"], "none"),
    (["loader/uEnv.txt"], "uboot"),
    (["syslinux/syslinux.cfg", "grub/grub.cfg", "loader/uEnv.txt"], "syslinux"),
    (["grub/grub.cfg", "loader/uEnv.txt"], "grub2"),
    (["grub/grub.cfg", 'bootupd-state.json={"static-configs":{"t":1}}'], "none"),
    (["grub/grub.cfg", 'bootupd-state.json={"static-configs":null}'], "grub2"),
    (["loader/uEnv.txt", "grub/grub.cfg", 'bootupd-state.json={"static-configs":1}'], "uboot"),
]


@pytest.mark.parametrize(("files", "loader"), FOUND)
def test_detection_finds_what_libostree_finds(bare, files, loader):
    view = bare.view(THEIRS)
    for file in files:
        name, _, text = file.partition("=")
        (view / "boot" / name).parent.mkdir(parents=True, exist_ok=True)
        (view / "boot" / name).write_text(text)
    bare.box.environ["OSTREE_GRUB2_EXEC"] = program(
        bare, "grub2-exec", '#!/bin/sh\necho menu > "$2"; echo grub2 >> /tmp/log\n'
    )
    with open_root(str(view)) as root:
        assert detect(root, "x86_64").loader == loader
    calls(bare)
    done = bare.theirs("instutil set-kargs", "--merge", "--append=b")
    assert done.returncode == 0, done.stderr
    used = set(calls(bare))
    used |= {"syslinux"} if (view / "boot/loader/syslinux.cfg").exists() else set()
    used |= {"uboot"} if (view / "boot/loader/uEnv.txt").exists() else set()
    assert used == ({loader} - {"none"})
    atomic = loader != "none" and files != ["efi/EFI/debian/grub.cfg"]
    assert done.stdout.startswith("Transaction complete" if atomic else "Bootloader updated")


def to_link(text: str):
    def make(path: Path) -> None:
        path.unlink()
        path.symlink_to(text)

    return make


def to_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


# What lies at a place, and the error about it; libostree refuses these, too.
BAD = [
    (SYSLINUX_FILE, b"LABEL a\n\tLINUX /vm\n", "line 1: LABEL without a KERNEL"),
    (SYSLINUX_FILE, b"# ok\n# caf\xe9\n", "line 2 is not UTF-8"),
    (SYSLINUX_FILE, b"TIMEOUT 5\0\n", "line 1 has a NUL byte"),
    (SYSLINUX_FILE, to_directory, "not a regular file"),
    (
        SYSLINUX_LINK,
        to_link("gone"),
        "it is a link to 'gone', and nothing is there",
    ),
    (SYSLINUX_LINK, to_link("syslinux.cfg"), "Too many levels of symbolic links"),
]


def content(view: Path) -> dict[str, object]:
    """Everything in a sysroot, times included."""
    found: dict[str, object] = {}
    for path in view.rglob("*"):
        status = path.lstat()
        value = b""
        if path.is_symlink():
            value = os.fsencode(path.readlink())
        elif stat.S_ISREG(status.st_mode):
            value = path.read_bytes()
        name = str(path.relative_to(view))
        # The lock's file comes and goes in there.
        changed = None if name == "ostree" else status.st_mtime_ns
        found[name] = (status.st_mode, status.st_ino, changed, value)
    return found


def refused(both: Pair, text: str) -> None:
    """Both programs refuse a write; ours with this text, and leaves all as it was."""
    before = content(both.view(OURS))
    ours = both.ours("instutil set-kargs", "--merge", "--append=b")
    assert ours.returncode == 1
    lines = ours.stderr.splitlines()
    assert lines[0] == f"bootentries: {text}"
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert content(both.view(OURS)) == before


@pytest.mark.parametrize(("place", "bad", "reason"), BAD, ids=[reason for *_, reason in BAD])
def test_malformed_configurations_change_nothing(bare, place, bad, reason):
    syslinux(bare)
    for view in views(bare):
        if callable(bad):
            bad(view / place)
        else:
            (view / place).write_bytes(bad)
    refused(bare, f"read bootloader configuration: {SYSLINUX_LINK}: {reason}")
    assert bare.theirs("instutil set-kargs", "--merge", "--append=b").returncode == 1


def test_a_link_out_of_the_boot_directory_is_not_followed(bare):
    syslinux(bare)
    outside = Path(f"/proc/{bare.box.pid}/root{bare.box.root}/tmp/secret")
    outside.write_text("# secret\n")
    to_link("/tmp/secret")(bare.view(OURS) / SYSLINUX_LINK)
    refused(
        bare,
        f"read bootloader configuration: {SYSLINUX_LINK}: "
        "it is a link to '/tmp/secret', and nothing is there",
    )


def test_a_malformed_environment_of_the_default_changes_nothing(both, tmp_path):
    uboot(both)
    deploy(both, tmp_path, PLAIN)
    for view in views(both):
        (deployment,) = view.glob("ostree/deploy/testos/deploy/*.0")
        path = deployment / "usr/lib/ostree-boot/uEnv.txt"
        path.parent.mkdir()
        path.write_bytes(b"a=1\nb=\xff\n")
    name = f"{path.relative_to(both.view(OURS))}"
    refused(both, f"read bootloader configuration: {name}: line 2 is not UTF-8")
    assert both.theirs("instutil set-kargs", "--merge", "--append=b").returncode == 1


def test_a_default_that_aboot_cannot_boot_changes_nothing(both, tmp_path):
    # Written for no loader; libostree 2025.2 writes the keys for every tree.
    deploy(both, tmp_path, PLAIN)
    configure(both, bootloader="aboot")
    (entry,) = both.view(OURS).glob("boot/loader/entries/*.conf")
    lines = entry.read_text().splitlines(keepends=True)
    entry.write_text("".join(line for line in lines if not line.startswith("aboot")))
    refused(both, "prepare aboot: ostree-1.conf: the entry has no 'aboot'")
