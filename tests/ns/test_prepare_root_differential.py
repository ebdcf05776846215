"""The same sysroot, configuration and command line, given to libostree's C program and to ours.

The peers are `ostree-prepare-root` 2025.2 of Debian trixie, in the tree that guests are made
of, and with `sid` in BOOTCHAIN_SUITES 2026.4 of Debian sid, in a chroot.  Both programs run
on equal images by way of one loop device, one after the other, so that what they leave
behind can be compared to the last byte; ours runs with convenience links off.

The differences that are permitted, and there are no others:

1. /boot: 2025.2 binds it as ours does; 2026.4 leaves it to its generator, so that ours runs
   with `[boot] mount=no` beside it.
2. `root.transient-ro` in /run/ostree-booted: 2025.2 does not write it yet.  Beside 2026.4
   the file is the same bytes.
3. Order in the mount table, which is that of age: 2025.2 and ours move the physical root's
   own mount to /sysroot/sysroot, 2026.4 makes a new one.  Beside 2026.4 the order is the same
   for all others.
4. /run/ostree/initramfs-mount-var: the peers fail where it exists (they cannot make
   /run/ostree a second time); ours mounts /var.
5. `[composefs] enabled=maybe` without an image: 2026.4 leaves the empty mount point that it
   tried, /run/ostree/.private/cfsroot-lower.
6. After a refusal the peers leave what they had done until then.
7. Mounts below the physical root: 2025.2 takes them along to /sysroot/sysroot; 2026.4 and
   ours leave them behind.
8. `[root] transient` that is no boolean (2025.2), and `[etc] transient` that is none, pass
   unread on a plain root; ours refuses them.
9. Blanks behind `signed` and `verity`: refused there; here they do not count.
10. A bootlink that cannot be followed: the peers stop; ours looks for another deployment of
    the stateroot, and says so (docs/fallback.md).
11. The text of messages.

Roots with images are in test_composefs_differential.py.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path

import namespace
import pytest
import sysroots
from chroots import debian_chroot, package_version
from namespace import CHECKOUT, Mount, Outcome, Run
from sysroots import DEFAULT_LINKS, DEPLOYMENT, Layout

from guest import tree
from prepare_root.formats import gvariant
from prepare_root.image import binary

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
VERSIONS = {"trixie": "2025.2", "sid": "2026."}
PEER = ("/usr/lib/ostree/ostree-prepare-root", "/sysroot")
ARGUMENTS = ("/sysroot", "/cmdline")
NO_LINKS = "[links]\nenabled=no\n"
NO_BOOT = "[boot]\nmount=no\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A sysroot, the filesystem it is on, and what the programs are given with it."""

    name: str
    layout: Layout
    run: Run
    filesystem: str = "ext4"


@dataclass(frozen=True, slots=True)
class Peer:
    """libostree's program: the tree it is in, and from which suite that is."""

    suite: str
    root: Path

    @property
    def mounts_boot(self) -> bool:
        return self.suite == "trixie"


@pytest.fixture(scope="module", params=SUITES)
def peer(request: pytest.FixtureRequest) -> Peer:
    root = tree.get().path
    if request.param == "sid":
        root = debian_chroot("sid", ("ostree-boot",))
    assert package_version(root, "ostree-boot").startswith(VERSIONS[request.param])
    return Peer(request.param, root)


@cache
def executable() -> Path:
    return binary.cached()


def by_executable(peer: Peer, run: Run) -> Run:
    """Ours as the static executable, in the peer's own tree."""
    programs = {"prepare-root": executable()}
    start = ("/run/prepare-root", *ARGUMENTS)
    return replace(run, program=start, lower=str(peer.root), programs=programs)


def by_interpreter(_peer: Peer, run: Run) -> Run:
    """Ours by the host's Python, in the host's tree."""
    start = (sys.executable, "-B", "-m", "prepare_root", *ARGUMENTS)
    return replace(run, program=start, environ={"PYTHONPATH": str(CHECKOUT)})


def altered(*alteration: str) -> Callable[[Peer, Run], Run]:
    """Ours with one operation altered; see `altered.py`."""
    start = (sys.executable, "-B", str(Path(__file__).with_name("altered.py")))
    return lambda _, run: replace(run, program=(*start, *alteration, "--", *ARGUMENTS))


@dataclass(frozen=True, slots=True)
class Disk:
    """An image behind a loop device of its own: each run finds it as it was made."""

    pristine: Path
    file: Path
    node: Path

    def reset(self) -> None:
        """Write the image again, once the last run's mounts are gone, and forget the rest."""
        deadline = time.monotonic() + 10
        while True:
            try:
                os.close(os.open(self.node, os.O_RDONLY | os.O_EXCL))
                break
            except OSError:
                assert time.monotonic() < deadline, f"{self.node} stays mounted"
                time.sleep(0.01)
        copy(self.pristine, self.file)
        subprocess.run(["blockdev", "--flushbufs", str(self.node)], check=True)


def copy(source: Path, target: Path) -> None:
    """A copy in place, with its holes."""
    subprocess.run(["cp", "--sparse=always", str(source), str(target)], check=True)


FILL = """
set -e
mkdir "$2"
mount -o loop "$1" "$2"
test -z "$4" || btrfs -q subvolume create "$2/$4"
cp -a "$3/." "$2/$4"
umount "$2"
"""


def make_image(work: Path, case: Case) -> Path:
    """An image of the case's layout on its filesystem, in the subvolume that it mounts."""
    if case.filesystem == "ext4":
        return sysroots.image(work, case.layout)
    top = work / "tree"
    top.mkdir(parents=True)
    top.chmod(0o755)
    sysroots.build(top, case.layout)
    image = work / "sysroot.img"
    with image.open("wb") as file:
        file.truncate(320 << 20)
    subprocess.run([f"mkfs.{case.filesystem}", "-q", str(image)], check=True)
    subvolume = "".join(option.removeprefix("subvol=") for option in case.run.options)
    words = [str(image), str(work / "mnt"), str(top), subvolume]
    subprocess.run(["unshare", "--mount", "sh", "-c", FILL, "sh", *words], check=True)
    return image


@contextmanager
def disk(work: Path, case: Case) -> Iterator[Disk]:
    """A disk with the case's image."""
    pristine = make_image(work, case)
    file = pristine.with_name("disk.img")
    copy(pristine, file)
    words = ["losetup", "--find", "--show", str(file)]
    node = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield Disk(pristine, file, Path(node))
    finally:
        subprocess.run(["losetup", "--detach", node], check=True)


def run_peer(work: Path, disk: Disk, peer: Peer, run: Run) -> Outcome:
    disk.reset()
    wanted = replace(run, program=PEER, lower=str(peer.root))
    return namespace.execute(work / "peer", disk.node, wanted)


def run_ours(
    work: Path, disk: Disk, peer: Peer, run: Run, how: Callable[[Peer, Run], Run]
) -> Outcome:
    """Ours on the configuration of `run`, with permitted differences switched off."""
    disk.reset()
    config = (run.config or "") + "\n" + NO_LINKS + ("" if peer.mounts_boot else NO_BOOT)
    return namespace.execute(work / "ours", disk.node, how(peer, replace(run, config=config)))


def both(
    work: Path, peer: Peer, case: Case, how: Callable[[Peer, Run], Run] = by_executable
) -> tuple[Outcome, Outcome]:
    """The outcomes of the peer and of ours."""
    with disk(work / "image", case) as one:
        return run_peer(work, one, peer, case.run), run_ours(work, one, peer, case.run, how)


# ---- the comparison ---------------------------------------------------------------------------


def table(outcome: Outcome) -> list[Mount]:
    """The whole mount table, in the order of making; the initramfs is the test's own overlay."""
    return [
        replace(mount, super_options="") if mount.source == "initramfs" else mount
        for mount in outcome.mounts
    ]


def in_order(mounts: Iterable[Mount]) -> list[Mount]:
    """The mounts one after another, but for the physical root's, which ours moves.

    Once the root was switched, that is at /sysroot.
    """
    switched = ("/sysroot", "/", "ext4")
    return [
        mount
        for mount in mounts
        if mount.point != "/sysroot/sysroot" and (mount.point, mount.root, mount.fstype) != switched
    ]


NOT_COMPARED = ("prepare-root", "ostree-booted", "ostree/.private/cfsroot-lower")


def run_tree(outcome: Outcome) -> dict[str, str]:
    """/run without our own program, the file compared by itself, and the peer's leftover."""
    return {name: what for name, what in outcome.run.items() if name not in NOT_COMPARED}


def compare_booted(suite: str, theirs: bytes, ours: bytes) -> None:
    """The bytes of /run/ostree-booted, from equal devices and inodes."""
    if suite == "sid":
        assert ours == theirs
        return
    mine, yours = gvariant.decode("a{sv}", ours), gvariant.decode("a{sv}", theirs)
    assert isinstance(mine, dict)
    assert isinstance(yours, dict)
    assert mine.pop("root.transient-ro", None) == gvariant.Variant("b", False)
    assert list(mine.items()) == list(yours.items())
    assert theirs == gvariant.encode("a{sv}", yours)


def compare(suite: str, peer: Outcome, ours: Outcome) -> None:
    """Raise AssertionError for every difference that the list above does not permit."""
    assert (ours.status, peer.status) == (0, 0), (peer.stderr, ours.stderr)
    assert ours.inode == peer.inode
    if suite == "sid":
        assert in_order(table(ours)) == in_order(table(peer))
    assert sorted(table(ours)) == sorted(table(peer))
    assert ours.sysroot == peer.sysroot
    assert ours.flags == peer.flags
    assert run_tree(ours) == run_tree(peer)
    place = "ostree/.private/cfsroot-lower"
    if any(mount.source == "composefs" for mount in peer.mounts):
        assert ours.run[place] == peer.run[place]
    else:
        assert place not in ours.run
    name = "ostree-booted"
    assert ours.run[name].split(" ")[0] == peer.run[name].split(" ")[0]
    assert peer.booted is not None
    assert ours.booted is not None
    theirs = peer.booted
    if ours.device != peer.device:
        # btrfs takes a number of its own at every mount.
        assert [mount.fstype for mount in ours.mounts if mount.point == "/sysroot"] == ["btrfs"]
        theirs = theirs.replace(number(peer), number(ours), 1)
    assert number(ours) in theirs
    compare_booted(suite, theirs, ours.booted)


def number(outcome: Outcome) -> bytes:
    """The device number as /run/ostree-booted has it."""
    return outcome.device.to_bytes(8, sys.byteorder)


# ---- prepared -----------------------------------------------------------------------------------

READONLY = {
    "no-conf": None,
    "conf-silent": "",
    "conf-true": "[sysroot]\nreadonly=true\n",
    "conf-false": "[sysroot]\nreadonly=false\n",
}
REPO_BASE = "[core]\nrepo_version=1\nmode=bare\n"
REPO = {
    "repo-silent": REPO_BASE,
    "repo-true": REPO_BASE + "[sysroot]\nreadonly=true\n",
    "repo-false": REPO_BASE + "[sysroot]\nreadonly=false\n",
}
NO_BOOT_DIRECTORY = Layout(remove=(f"{DEPLOYMENT}/boot",))


CASES = [
    Case(
        "-".join(
            (readonly, repo, "boot" if boot else "no-loader", "hotfix" if hotfix else "locked")
        ),
        Layout(repo_config=REPO[repo], boot_loader=boot, hotfix=hotfix),
        Run(PEER, config=READONLY[readonly]),
    )
    for readonly, repo, boot, hotfix in product(READONLY, REPO, (True, False), (True, False))
]
CASES += [
    Case(
        f"filesystem-ro-{readonly}-{repo}",
        Layout(repo_config=REPO[repo]),
        Run(PEER, config=READONLY[readonly], filesystem_ro=True),
    )
    for readonly, repo in product(READONLY, ("repo-silent", "repo-true"))
]
CASES += [
    Case(f"no-boot-directory-{readonly}", NO_BOOT_DIRECTORY, Run(PEER, config=READONLY[readonly]))
    for readonly in ("conf-true", "conf-silent")
]
CASES += [
    Case(f"composefs-{word}", Layout(), Run(PEER, config=f"[composefs]\nenabled={word}\n"))
    for word in ("no", "maybe", "false", "0")
]
CASES += [
    Case("repo-without-config", Layout(remove=("ostree/repo/config",)), Run(PEER)),
    Case("repo-missing", Layout(remove=("ostree/repo",)), Run(PEER)),
    Case("repo-number", Layout(repo_config=REPO_BASE + "[sysroot]\nreadonly=1\n"), Run(PEER)),
    Case("conf-number", Layout(), Run(PEER, config="[sysroot]\nreadonly=1\n")),
    Case("conf-blanks", Layout(), Run(PEER, config="[sysroot]\n readonly = true \n")),
    Case("conf-unknown", Layout(), Run(PEER, config="[other]\na=b\n[sysroot]\nc=d\n")),
    Case("not-immutable", Layout(), Run(PEER, immutable=False)),
    Case("no-generator", Layout(generator=False), Run(PEER, config="[var]\nmount=no\n")),
    Case("links-missing", Layout(links=dict.fromkeys(DEFAULT_LINKS, "missing")), Run(PEER)),
    Case(
        "two-ostree-arguments",
        Layout(),
        Run(PEER, cmdline=f"{sysroots.OSTREE_KARG} ostree=/nowhere"),
    ),
    Case("android-slot", Layout(symlinks={"ostree/root.b": f"../{DEPLOYMENT}"}),
         Run(PEER, cmdline="androidboot.slot_suffix=_b")),
]  # fmt: skip


SUBVOLUME = ("subvol=root",)
CASES += [
    Case("xfs", Layout(), Run(PEER, config=READONLY["conf-true"]), "xfs"),
    Case("btrfs", Layout(), Run(PEER, config=READONLY["conf-true"]), "btrfs"),
    Case("btrfs-ro", Layout(), Run(PEER, config="", filesystem_ro=True), "btrfs"),
    Case(
        "btrfs-subvolume",
        Layout(),
        Run(PEER, config=READONLY["conf-true"], options=SUBVOLUME),
        "btrfs",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_as_the_peer(tmp_path: Path, peer: Peer, case: Case) -> None:
    theirs, ours = both(tmp_path, peer, case)
    compare(peer.suite, theirs, ours)


INTERPRETED = [
    case
    for case in CASES
    if case.name
    in (
        "no-conf-repo-true-boot-locked",
        "conf-true-repo-false-boot-hotfix",
        "conf-false-repo-true-no-loader-locked",
        "filesystem-ro-conf-true-repo-silent",
        "no-boot-directory-conf-true",
        "composefs-maybe",
    )
]


@pytest.mark.parametrize("case", INTERPRETED, ids=lambda case: case.name)
def test_same_by_the_hosts_interpreter(tmp_path: Path, peer: Peer, case: Case) -> None:
    theirs, ours = both(tmp_path, peer, case, by_interpreter)
    compare(peer.suite, theirs, ours)


def test_there_are_six_interpreted_cases() -> None:
    assert len(INTERPRETED) == 6


def test_same_without_any_configuration(tmp_path: Path, peer: Peer) -> None:
    """Not even links off: they are right, and a labelled tree's targets are not ours to make."""
    with disk(tmp_path / "image", Case("labelled", Layout(selinux=True), Run(PEER))) as one:
        theirs = run_peer(tmp_path, one, peer, Run(PEER))
        one.reset()
        ours = namespace.execute(tmp_path / "ours", one.node, by_executable(peer, Run(PEER)))
    if not peer.mounts_boot:
        assert "boot" in ours.below("/sysroot")
        ours = without(ours, "/sysroot/boot", "boot")
        theirs = without(theirs, "", "boot")
    compare(peer.suite, theirs, ours)


def without(outcome: Outcome, point: str, directory: str) -> Outcome:
    """`outcome` without the mount at `point`, and without `directory` and what it has in it."""
    return replace(
        outcome,
        mounts=tuple(mount for mount in outcome.mounts if mount.point != point),
        sysroot={
            name: what
            for name, what in outcome.sysroot.items()
            if not f"{name}/".startswith(f"{directory}/")
        },
    )


def test_a_boot_partition_that_is_mounted_already(tmp_path: Path, peer: Peer) -> None:
    """It is bound at /boot; what it hides is seen again at /sysroot/boot, but beside 2025.2."""
    make_loader = "mkdir sysroot/boot/loader.1; ln -s loader.1 sysroot/boot/loader"
    run = Run(
        PEER,
        config=READONLY["conf-true"],
        setup=("mount -t tmpfs partition sysroot/boot", make_loader),
    )
    theirs, ours = both(tmp_path, peer, Case("boot", Layout(boot_loader=False), run))
    if peer.mounts_boot:
        assert ours.below("/sysroot")["boot"].source == "partition"
        (carried,) = (mount for mount in theirs.mounts if mount.point == "/sysroot/sysroot/boot")
        assert carried.source == "partition"
        theirs = without(theirs, carried.point, "sysroot/boot")
        ours = without(ours, "", "sysroot/boot")
    compare(peer.suite, theirs, ours)


@pytest.mark.parametrize("readonly", ["true", "false"])
def test_the_marker_that_the_peers_fail_at(tmp_path: Path, peer: Peer, readonly: str) -> None:
    run = Run(PEER, config=f"[sysroot]\nreadonly={readonly}\n")
    marked = replace(run, run_files=("ostree/initramfs-mount-var",))
    theirs, ours = both(tmp_path, peer, Case("marked", Layout(), marked))
    assert theirs.status != 0
    assert ours.status == 0
    assert ours.below("/sysroot")["var"].propagation == "shared"


# ---- refused ------------------------------------------------------------------------------------

REFUSED = [
    Case("no-ostree", Layout(), Run(PEER, cmdline="quiet")),
    Case("nowhere", Layout(), Run(PEER, cmdline="ostree=/nowhere")),
    Case("no-link", Layout(), Run(PEER, cmdline="ostree=/" + DEPLOYMENT)),
    Case("dangling", Layout(remove=(DEPLOYMENT,)), Run(PEER, immutable=False)),
    Case(
        "first-counts",
        Layout(),
        Run(PEER, cmdline=f"ostree=/nowhere {sysroots.OSTREE_KARG}"),
    ),
    Case(
        "only-whole-words",
        Layout(),
        Run(PEER, cmdline=f"xostree=/nowhere x{sysroots.OSTREE_KARG} ostree=/nowhere"),
    ),
    Case("boolean", Layout(), Run(PEER, config="[sysroot]\nreadonly=yes\n")),
    Case("syntax", Layout(), Run(PEER, config="[sysroot\n")),
    Case("composefs", Layout(), Run(PEER, config="[composefs]\nenabled=on\n")),
    Case(
        "both-transient",
        Layout(),
        Run(PEER, config="[root]\ntransient=true\ntransient-ro=true\n"),
    ),
    # The kernel wants to write to the upper layer.
    Case("filesystem-ro-hotfix", Layout(hotfix=True), Run(PEER, filesystem_ro=True)),
    Case("no-sysroot", Layout(remove=(f"{DEPLOYMENT}/sysroot",)), Run(PEER)),
    Case("no-usr", Layout(remove=(f"{DEPLOYMENT}/usr",)), Run(PEER)),
    Case(
        "a-file",
        Layout(remove=(DEPLOYMENT,)),
        Run(PEER, immutable=False, setup=(f"echo text >sysroot/{DEPLOYMENT}",)),
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_same_refusal(tmp_path: Path, peer: Peer, case: Case) -> None:
    theirs, ours = both(tmp_path, peer, case)
    assert theirs.status != 0
    assert ours.status == 1
    assert ours.booted is None
    assert not ours.below("/sysroot.tmp")
    assert [mount.root for mount in ours.below("/sysroot").values()] == ["/"]


# ---- read alike ---------------------------------------------------------------------------------

TRUE = "[sysroot]\nreadonly=true\n"
CONFIGS = {
    "empty": "",
    "no newline at the end": "[sysroot]\nreadonly=true",
    "carriage returns": "[sysroot]\r\nreadonly=true\r\n",
    "trailing blanks": "[sysroot]\nreadonly=true  \t\n",
    "blanks around": "  [sysroot]\n\treadonly \t=  true\n",
    "blanks after a group": "[sysroot]  \nreadonly=true\n",
    "text after a group": "[sysroot] x\nreadonly=true\n",
    "blanks in a group": "[ sysroot ]\nreadonly=true\n",
    "capitals": "[sysroot]\nreadonly=TRUE\n",
    "capital group": "[Sysroot]\nreadonly=true\n",
    "number 2": "[sysroot]\nreadonly=2\n",
    "quoted": '[sysroot]\nreadonly="true"\n',
    "no value": "[sysroot]\nreadonly=\n",
    "no equals sign": "[sysroot]\nreadonly\n",
    "no key": "[sysroot]\n=true\n",
    "twice, the last counts": "[sysroot]\nreadonly=false\nreadonly=true\n",
    "group again": "[sysroot]\nreadonly=false\n[a]\nb=c\n[sysroot]\nreadonly=true\n",
    "comment": "# a\n[sysroot]\n# readonly=false\nreadonly=true\n",
    "comment after blanks": "[sysroot]\n  # a\nreadonly=true\n",
    "comment behind a value": "[sysroot]\nreadonly=true # yes\n",
    "semicolon": "; a\n[sysroot]\nreadonly=true\n",
    "locale": "[sysroot]\nreadonly[de]=false\nreadonly=true\n",
    "bad locale": "[sysroot]\nreadonly[d/e]=false\n",
    "escape": "[sysroot]\nreadonly=tr\\x75e\n",
    "escape elsewhere": "[a]\nb=\\q\n" + TRUE,
    "bad boolean elsewhere": "[a]\nreadonly=perhaps\n" + TRUE,
    "empty group name": "[]\na=b\n",
    "brackets in a group": "[a[b]]\nc=d\n" + TRUE,
    "key before a group": "readonly=true\n",
    "form feed": "[sysroot]\n\x0creadonly=true\n",
    "byte order mark": "\ufeff" + TRUE,
    "umlaut": "[ü]\nä=ö\n" + TRUE,
    "long line": "# " + 9000 * "x" + "\n" + TRUE,
    "etc transient false": "[etc]\ntransient=false\n",
    "etc transient true": "[etc]\ntransient=true\n",
    **{
        f"composefs {word!r}": f"[composefs]\nenabled={word}\n"
        for word in ("no ", "0\t", "false  ", "maybe ", "yes ", "signed ", "verity ", "no x")
    },
    "composefs capital": "[composefs]\nenabled=No\n",
    "composefs empty": "[composefs]\nenabled=\n",
    "keypath alone": "[composefs]\nkeypath=/nowhere\n",
}
REPOS = {
    "syntax": "[sysroot\n",
    "boolean": REPO_BASE + "[sysroot]\nreadonly=yes\n",
    "empty": "",
    "twice": REPO_BASE + "[sysroot]\nreadonly=false\nreadonly=true\n",
    "trailing blanks": REPO_BASE + "[sysroot]\nreadonly=true \n",
}
TARGET = sysroots.OSTREE_KARG
CMDLINES = {
    "alone": TARGET,
    "tabs": f"quiet\t{TARGET}",
    "leading blanks": f"   {TARGET}   ",
    "quoted word": f'"{TARGET}"',
    "quoted value": TARGET.replace("=", '="') + '"',
    "inside quotes": f'a="b {TARGET} c"',
    "trailing slash": f"{TARGET}/",
    "double slashes": TARGET.replace("/ostree/", "//ostree//"),
    "dots": TARGET.replace("/ostree/", "/ostree/../ostree/./"),
    "relative": TARGET.replace("=/", "="),
    "empty": "ostree=",
    "empty, then one": f"ostree= {TARGET}",
    "bare word": "ostree",
    "bare word, then one": f"ostree {TARGET}",
    "capitals": TARGET.replace("ostree=", "OSTREE="),
    "dash": TARGET.replace("ostree=", "os-tree="),
    "two lines": f"quiet\n{TARGET}",
    "empty line at the end": f"{TARGET}\n",
    "android, no slot": f"{TARGET} androidboot.mode=normal",
    "android, unknown slot": f"{TARGET} androidboot.slot_suffix=_c",
    "android, empty slot": f"{TARGET} androidboot.slot_suffix=",
    "root": "ostree=/",
    "long": f"{'x' * 3000} {TARGET}",
    "umlaut": f"a=ü {TARGET}",
}
LAYOUT = Layout(symlinks={"ostree/root.a": f"../{DEPLOYMENT}"})
READINGS = [
    *(Case(f"conf: {name}", LAYOUT, Run(PEER, config=text)) for name, text in CONFIGS.items()),
    *(
        Case(f"repo: {name}", replace(LAYOUT, repo_config=text), Run(PEER))
        for name, text in REPOS.items()
    ),
    *(Case(f"cmdline: {name}", LAYOUT, Run(PEER, cmdline=text)) for name, text in CMDLINES.items()),
]


# A directory stands there for whoever asks for what is behind the slash.
FALLBACK = ("cmdline: trailing slash",)


@pytest.mark.parametrize("case", READINGS, ids=lambda case: case.name)
def test_same_reading(tmp_path: Path, peer: Peer, case: Case) -> None:
    """Prepared alike, or refused by both."""
    theirs, ours = both(tmp_path, peer, case)
    assert ours.status in (0, 1)
    if "fallback: booting" in ours.stderr:
        assert case.name in FALLBACK
        assert theirs.status != 0
        assert ours.below("/sysroot")["."].root == "/" + DEPLOYMENT
    elif theirs.status != 0:
        assert ours.status == 1, theirs.stderr
    else:
        compare(peer.suite, theirs, ours)


@pytest.mark.parametrize(
    ("config", "passed_by"),
    [
        ("[root]\ntransient=yes\n", ("trixie",)),
        ("[root]\ntransient-ro=yes\n", ("trixie",)),
        ("[etc]\ntransient=yes\n", ("trixie", "sid")),
    ],
)
def test_transient_that_the_peers_let_pass(
    tmp_path: Path, peer: Peer, config: str, passed_by: tuple[str, ...]
) -> None:
    theirs, ours = both(tmp_path, peer, Case("transient", Layout(), Run(PEER, config=config)))
    assert (theirs.status == 0) is (peer.suite in passed_by), theirs.stderr
    assert ours.status == 1
    assert ours.error.startswith("read configuration: ")


# ---- the comparison notices ---------------------------------------------------------------------

ALTERATIONS = [
    ("run", "mode", "0o700"),
    ("private", "recursive", "False"),
    ("private", "flag", "1 << 19"),
    ("boot", "source", "b'/sysroot/usr'"),
    ("etc", "readonly", "True"),
    ("usr", "readonly", "False"),
    ("stateroot var", "readonly", "True"),
    ("sysroot", "source", "b'/sysroot/ostree'"),
    ("sysroot read-only", "readonly", "False"),
    ("booted", "mode", "0o600"),
    ("booted", "data", "b''"),
]
EVERYTHING = Run(PEER, config="[sysroot]\nreadonly=true\n")
"""A run in which the plan has each of these steps."""


Reference = dict[bool, tuple[Disk, Outcome]]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, peer: Peer) -> Iterator[Reference]:
    """The peer's outcome with and without a hotfix, and the disk it was on."""
    work = tmp_path_factory.mktemp("reference")
    plain, hotfix = work / "plain", work / "hotfix"
    cases = [Case("", Layout(hotfix=value), EVERYTHING) for value in (False, True)]
    with disk(plain, cases[0]) as one, disk(hotfix, cases[1]) as two:
        yield {
            False: (one, run_peer(plain, one, peer, EVERYTHING)),
            True: (two, run_peer(hotfix, two, peer, EVERYTHING)),
        }


def try_altered(
    work: Path,
    peer: Peer,
    reference: tuple[Disk, Outcome],
    how: Callable[[Peer, Run], Run],
    run: Run = EVERYTHING,
) -> None:
    one, theirs = reference
    ours = run_ours(work, one, peer, run, how)
    assert ours.status == 0, ours.stderr
    compare(peer.suite, theirs, ours)


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=" ".join)
def test_an_altered_step_is_noticed(
    tmp_path: Path, peer: Peer, reference: Reference, alteration: tuple[str, str, str]
) -> None:
    with pytest.raises(AssertionError) as caught:
        try_altered(tmp_path, peer, reference[False], altered(*alteration))
    altered_nothing = "altered: the plan has no step 'boot'" in str(caught.value)
    assert altered_nothing is (alteration[0] == "boot" and not peer.mounts_boot)
    assert altered_nothing or "altered: " not in str(caught.value)


@pytest.mark.parametrize(
    "alteration", [("usr", "readonly", "True"), ("usr", "data", "b'lowerdir=/sysroot/usr:/run'")]
)
def test_an_altered_hotfix_is_noticed(
    tmp_path: Path, peer: Peer, reference: Reference, alteration: tuple[str, str, str]
) -> None:
    with pytest.raises(AssertionError) as caught:
        try_altered(tmp_path, peer, reference[True], altered(*alteration))
    assert "altered: " not in str(caught.value)


@pytest.mark.parametrize("hotfix", [True, False])
def test_nothing_altered_is_the_same(
    tmp_path: Path, peer: Peer, reference: Reference, hotfix: bool
) -> None:
    """The same way with an alteration that cannot be seen from outside: the control."""
    try_altered(tmp_path, peer, reference[hotfix], altered("booted", "step", "'written'"))


def test_an_alteration_that_alters_nothing_is_an_error(
    tmp_path: Path, peer: Peer, reference: Reference
) -> None:
    with pytest.raises(AssertionError, match="altered: the plan has no step 'none'"):
        try_altered(tmp_path, peer, reference[False], altered("none", "mode", "1"))


@pytest.mark.parametrize(("at", "bit"), [(0, 1), (60, 1), (-8, 1)])
def test_one_changed_byte_of_the_metadata_is_noticed(
    peer: Peer, reference: Reference, at: int, bit: int
) -> None:
    """By the comparison of bytes and, beside 2025.2, of values."""
    theirs = reference[False][1].booted
    assert theirs is not None
    changed = bytearray(theirs)
    changed[at] ^= bit
    with pytest.raises((AssertionError, gvariant.GVariantError, KeyError)):
        compare_booted(peer.suite, theirs, bytes(changed))
