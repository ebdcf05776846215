"""composefs and transient roots beside libostree's `ostree-prepare-root` 2026.4 of Debian sid.

The matrix is the product of all that both programs read: every value of every key of
prepare-root.conf that libostree has, the kernel argument, the repository's `readonly`, and
what the deployment looks like.  BOOTCHAIN_MATRIX=all runs all of it, and a number so many
points of it, other ones at each run (`make differential`); otherwise a sample with a fixed
seed runs, which has every value of every dimension in it.

Equal are the whole mount table, /run and /run/ostree-booted to the byte (but for the random
letters of a transient /etc), and the verdict.  The differences that are permitted, and there
are no others:

1. fs-verity that the kernel, or the filesystem, does not have: libostree's program mounts a
   root of which no file can be read, and says that it succeeded; ours refuses.
2. `ostree.prepare-root.composefs=verity`: refused there, read here.
3. `maybe` without an image: there the empty mount point of the image stays in /run.
4. After a refusal libostree's program leaves what it had done until then; ours nothing.
5. The text of messages.
6. The physical root's place in the order of the mount table, which is that of age: ours moves
   its mount, where libostree's program makes a new one.

Debian's libostree is built without Ed25519, so that its program refuses every signed root.
"""

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cfsimages
import namespace
import pytest
import sysroots
from chroots import debian_chroot
from namespace import Outcome, Run
from sysroots import COMMIT, OSTREE_KARG, Layout
from test_prepare_root_differential import (
    PEER,
    Case,
    Disk,
    Peer,
    altered,
    disk,
    in_order,
    run_peer,
    try_altered,
)

from prepare_root.image import binary

pytestmark = pytest.mark.ns

SAMPLE = 160
SEED = 20264
KARG = "ostree.prepare-root.composefs="
REPO = "[core]\nrepo_version=1\nmode=bare\n"

# Every dimension: its name, and what each of its values adds.
ENABLED = ("", "no", "yes", "maybe", "verity", "signed", "on")
ARGUMENT = ("", "no", "yes", "maybe", "signed", "verity", "on")
ROOT = ("", "transient=true", "transient-ro=true", "transient=true\ntransient-ro=true")
ETC = ("", "transient=true")
READONLY = ("", "true", "false")
IMAGE = (True, False)
HOTFIX = (False, True)
REPO_READONLY = (False, True)
FILESYSTEM_RO = (False, True)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the matrix."""

    enabled: str
    argument: str
    root: str
    etc: str
    readonly: str
    image: bool
    hotfix: bool
    repo_readonly: bool
    filesystem_ro: bool

    @property
    def config(self) -> str:
        """prepare-root.conf, without what is ours alone."""
        text = f"[composefs]\nenabled={self.enabled}\n" if self.enabled else ""
        text += f"[root]\n{self.root}\n" if self.root else ""
        text += f"[etc]\n{self.etc}\n" if self.etc else ""
        text += f"[sysroot]\nreadonly={self.readonly}\n" if self.readonly else ""
        return text

    @property
    def cmdline(self) -> str:
        """The kernel command line."""
        return f"quiet {OSTREE_KARG}" + (f" {KARG}{self.argument}" if self.argument else "")

    @property
    def layout(self) -> tuple[bool, bool, bool]:
        """What decides about the filesystem image."""
        return self.image, self.hotfix, self.repo_readonly


DIMENSIONS: dict[str, tuple[object, ...]] = dict(
    zip(
        Point.__slots__,
        (ENABLED, ARGUMENT, ROOT, ETC, READONLY, IMAGE, HOTFIX, REPO_READONLY, FILESYSTEM_RO),
        strict=True,
    )
)
MATRIX = [Point(*values) for values in product(*DIMENSIONS.values())]


def promising(point: Point) -> bool:
    """Nothing in it is wrong by itself: most of the whole matrix is refused for one reason."""
    words = {point.enabled, point.argument}
    return not words & {"on", "signed", "verity"} and "\n" not in point.root


def sample() -> list[Point]:
    """The same points at each run: most of them promising."""
    chance = random.Random(SEED)
    some = chance.sample(MATRIX, SAMPLE // 4)
    return some + chance.sample([point for point in MATRIX if promising(point)], SAMPLE - len(some))


def chosen() -> list[Point]:
    """All points, a number of them, or the sample."""
    wanted = os.environ.get("BOOTCHAIN_MATRIX", "")
    if wanted == "all":
        return MATRIX
    return random.sample(MATRIX, int(wanted)) if wanted else sample()


def images(work: Path) -> dict[tuple[bool, bool, bool], str]:
    """A filesystem image for each layout; the commits are signed."""
    key = cfsimages.new_key(work / "key.pem")
    found = {}
    for number, (image, hotfix, readonly) in enumerate(product(IMAGE, HOTFIX, REPO_READONLY)):
        text = REPO + ("[sysroot]\nreadonly=true\n" if readonly else "")
        tree = work / f"tree-{number}"
        tree.mkdir(mode=0o755)
        sysroots.build(tree, Layout(hotfix=hotfix, composefs=image, repo_config=text))
        if image:
            commit = cfsimages.object_file(tree, COMMIT, "commit").read_bytes()
            meta = cfsimages.detached(key.sign(commit))
            cfsimages.object_file(tree, COMMIT, "commitmeta").write_bytes(meta)
        found[image, hotfix, readonly] = str(sysroots.pack(tree, work / f"{number}.img"))
    (work / "keys").write_text(key.line)
    return found


@dataclass(frozen=True, slots=True)
class Left:
    """What a program left behind."""

    status: int
    stderr: str
    mounts: tuple[namespace.Mount, ...]
    run: dict[str, str]

    @property
    def requires_verity(self) -> bool:
        return any(
            mount.source == "composefs" and "verity=require" in mount.super_options
            for mount in self.mounts
        )


NAME = re.compile(r"transient-etc\.[A-Za-z0-9]{6}")
NAME_HEX = re.compile(b"transient-etc.".hex() + "[0-9a-f]{12}")


def left(answer: dict[str, object]) -> Left:
    """An answer of matrix.py, with the random letters taken out."""
    text = json.dumps([answer["mounts"], answer["run"]])
    text = NAME.sub("transient-etc.XXXXXX", text)
    # The kernel shows it for an upper layer that nothing was mounted from before.
    text = text.replace(",uuid=on", "")
    text = NAME_HEX.sub((b"transient-etc." + b"XXXXXX").hex(), text)
    mounts, run = json.loads(text)
    assert isinstance(answer["status"], int)
    table = tuple(namespace.parse_mount(line) for line in mounts)
    return Left(answer["status"], str(answer["stderr"]), table, run)


def compare(point: Point, theirs: Left, ours: Left, *, verity: bool = False) -> str:
    """Raise AssertionError for a difference that is not permitted; say what the verdict was.

    `verity` says that the files have fs-verity.
    """
    if theirs.status != 0 or (theirs.requires_verity and not verity):
        check_refused(ours)
        if theirs.status == 0:
            (line,) = re.findall(r"^prepare-root: mount root: .*$", ours.stderr, re.MULTILINE)
            assert "no fs-verity" in line
            return "without fs-verity"
        return "refused"
    assert ours.status == 0, ours.stderr
    assert set(ours.mounts) ^ set(theirs.mounts) == set()
    assert in_order(ours.mounts) == in_order(theirs.mounts)
    run = dict(theirs.run)
    if not point.image:
        run.pop("ostree/.private/cfsroot-lower", None)
    assert set(ours.run.items()) ^ set(run.items()) == set()
    return (
        "composefs"
        if ours.mounts and any(m.source == "composefs" for m in ours.mounts)
        else "plain"
    )


def check_refused(ours: Left) -> None:
    """One clear line, the physical root as it was, and no word of a booted deployment."""
    assert ours.status == 1
    first = ours.stderr.split("\n")[0]
    assert first.startswith("prepare-root: ")
    assert "Traceback" not in ours.stderr
    assert [(m.point, m.root) for m in ours.mounts if "sysroot" in m.point] == [("/sysroot", "/")]
    assert ours.run == {}


def answers(work: Path, points: list[Point]) -> Iterator[tuple[Point, Left, Left]]:
    """Both programs on every point."""
    files = images(work)
    (work / "mnt").mkdir()
    ours = "[links]\nenabled=no\n[boot]\nmount=no\n"
    spec = {
        "lower": str(debian_chroot("sid", ("ostree-boot",))),
        "work": str(work / "mnt"),
        "programs": {
            "theirs": ["/usr/lib/ostree/ostree-prepare-root", "/sysroot"],
            "ours": ["/prepare-root", "/sysroot"],
        },
        "executable": str(binary.cached()),
        "key": (work / "keys").read_text(),
        "cases": [
            {
                "image": files[point.layout],
                "config": point.config + ours,
                "cmdline": point.cmdline,
                "readonly": point.filesystem_ro,
            }
            for point in points
        ],
    }
    words = ["unshare", "--mount", sys.executable, "-B", namespace.HERE / "matrix.py"]
    with (work / "spec.json").open("w") as file:
        json.dump(spec, file)
    with (
        (work / "spec.json").open() as file,
        subprocess.Popen(words, stdin=file, stdout=subprocess.PIPE, text=True) as program,
    ):
        assert program.stdout is not None
        for point in points:
            answer = json.loads(program.stdout.readline())
            yield point, left(answer["theirs"]), left(answer["ours"])
    assert program.returncode == 0


def test_same_over_the_matrix(tmp_path: Path) -> None:
    points = chosen()
    verdicts: dict[str, int] = {}
    different = []
    for point, theirs, ours in answers(tmp_path, points):
        try:
            verdict = compare(point, theirs, ours)
        except AssertionError as error:
            different.append(f"{point}: {error}")
            continue
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
    assert not different, f"{len(different)} differ:\n" + "\n".join(different[:5])
    assert sum(verdicts.values()) == len(points)
    assert {"composefs", "plain", "refused", "without fs-verity"} == set(verdicts)


# ---- the comparison notices ---------------------------------------------------------------------

EVERYTHING = Run(
    PEER, config="[composefs]\nenabled=yes\n[root]\ntransient=true\n[sysroot]\nreadonly=true\n"
)
ALTERATIONS = [
    ("root", "mode", "0o711"),
    ("root", "modes", "(0o755, 0o755, 0o755)"),
    ("volatile root", "text", "b'/dev/null'"),
    ("etc", "readonly", "True"),
    ("etc", "source", "b'/sysroot/ostree'"),
    ("sysroot", "source", "b'/sysroot/ostree'"),
    ("stateroot var", "readonly", "True"),
    ("booted", "data", "b''"),
]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Disk, Outcome]]:
    """A disk with an image, and what libostree's program makes of it."""
    work = tmp_path_factory.mktemp("reference")
    with disk(work, Case("image", Layout(composefs=True), EVERYTHING)) as one:
        yield one, run_peer(work, one, sid(), EVERYTHING)


def sid() -> Peer:
    return Peer("sid", debian_chroot("sid", ("ostree-boot",)))


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=" ".join)
def test_an_altered_step_is_noticed(
    tmp_path: Path, reference: tuple[Disk, Outcome], alteration: tuple[str, str, str]
) -> None:
    with pytest.raises(AssertionError) as caught:
        try_altered(tmp_path, sid(), reference, altered(*alteration), EVERYTHING)
    assert "altered: " not in str(caught.value)


def test_nothing_altered_is_the_same(tmp_path: Path, reference: tuple[Disk, Outcome]) -> None:
    """The same way with an alteration that cannot be seen from outside: the control."""
    how = altered("booted", "step", "'written'")
    try_altered(tmp_path, sid(), reference, how, EVERYTHING)


def test_the_sample_has_every_value() -> None:
    points = sample()
    for name, values in DIMENSIONS.items():
        assert {getattr(point, name) for point in points} == set(values)
