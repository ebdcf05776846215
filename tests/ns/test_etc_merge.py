"""Our merge of /etc beside that of the real `ostree`, on the same deployments.

`ostree admin deploy` merges the edited /etc of one deployment into the next.  What it
started from is still there then: the edited /etc, and the next tree's usr/etc.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chroots import Machine, machine
from etc_cases import CASES, Case
from etc_model import (
    LINK,
    Conflict,
    Node,
    Spec,
    d,
    edited,
    f,
    ln,
    merged,
    read,
    rooted,
    times,
    write,
)
from etc_trees import Trees
from trees import PLAIN, build

from bootentries.errors import BootentriesError

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
SEED = int(os.environ.get("BOOTCHAIN_SEED", "1"))
RANDOM = 80
FAILING = 5


@dataclass(slots=True)
class Stateroot:
    """A stateroot with the tree that is committed and deployed to it."""

    box: Machine
    name: str
    tree: Path
    work: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def deployments(self) -> set[Path]:
        place = self.box.view / f"ostree/deploy/{self.name}/deploy"
        return {path for path in place.glob("*") if path.is_dir()}

    def deploy(self, etc: Spec, *args: str) -> "tuple[subprocess.CompletedProcess[bytes], Path]":
        """Commit a tree with these defaults, and let `ostree` deploy it; returns where."""
        refill(self.tree / "usr/etc", etc)
        inside = self.box.root / "tmp/tree"
        self.box.run(["mkdir", "-p", str(inside)])
        self.box.run(["mount", "--bind", str(self.tree), str(inside)])
        self.box.ostree(
            "commit", "--repo=/tmp/sysroot/ostree/repo", f"--branch={self.name}", "/tmp/tree"
        )
        self.box.run(["umount", str(inside)])
        before = self.deployments
        done = ostree(
            self.box, "deploy", f"--os={self.name}", "--karg=root=a", "--no-prune", *args,
            self.name, environ=self.environ,
        )  # fmt: skip
        (new,) = self.deployments - before
        return done, new

    def merged_by_us(self, old: Path, new: Path) -> Trees:
        """Return the edited deployment, and what our merge is to start from."""
        ours = self.work / f"{self.name}-{new.name}"
        (ours / "usr").mkdir(parents=True)
        subprocess.run(["cp", "-a", new / "usr/etc", ours / "etc"], check=True)
        return Trees(old, ours)


def ostree(
    box: Machine, verb: str, *args: str, environ: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run `ostree admin`; its output may be any bytes."""
    return subprocess.run(
        ["nsenter", f"--mount=/proc/{box.pid}/ns/mnt", "--", "chroot", box.root,
         "ostree", "admin", verb, "--sysroot=/tmp/sysroot", *args],
        capture_output=True, timeout=300, check=False, env={**os.environ, **(environ or {})},
    )  # fmt: skip


def refill(top: Path, tree: Spec) -> None:
    """Replace what is in a directory; the directory stays."""
    for path in top.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    write(top, tree)


def below(trees: Mapping[str, Spec]) -> dict[str, Node]:
    """Return one tree with each of the trees in a directory."""
    found: dict[str, Node] = {}
    for name, tree in trees.items():
        found[name] = d()
        found.update({f"{name}/{path}": node for path, node in tree.items()})
    return found


def within(tree: Spec, name: str) -> dict[str, Node]:
    """Return one of the trees."""
    return {
        path.removeprefix(f"{name}/"): node
        for path, node in tree.items()
        if path.startswith(f"{name}/")
    }


def carried(tree: Spec) -> dict[str, int]:
    """The times of files that were carried over: `ostree` commits all with the time 0."""
    return {path: time for path, time in times(tree).items() if time == 1_000_000_000}


@pytest.fixture(scope="module", params=SUITES)
def box(request, tmp_path_factory):
    work = tmp_path_factory.mktemp("etc")
    with machine(request.param, work) as found:
        found.ostree("admin", "init-fs", "--modern", "/tmp/sysroot")
        yield found


@pytest.fixture(scope="module")
def stateroot(box, tmp_path_factory):
    """Make a stateroot of the given name."""

    def make(name: str) -> Stateroot:
        box.admin("os-init", name)
        work = tmp_path_factory.mktemp(name)
        return Stateroot(box, name, build(work, PLAIN), work)

    return make


@dataclass(frozen=True, slots=True)
class Both:
    """The result of each program; `said` is the line of counts, `modes` are those of /etc."""

    theirs: Spec
    ours: Spec
    said: tuple[str, str]
    modes: tuple[int, int]
    notes: list[str]


def merge_by_both(root: Stateroot, default: Spec, local: Spec, new: Spec) -> Both:
    """Let both merge one /etc without conflicts."""
    done, old = root.deploy(default)
    assert done.returncode == 0, done.stderr
    refill(old / "etc", local)
    (old / "etc").chmod(0o700)
    done, their = root.deploy(new)
    assert done.returncode == 0, done.stderr
    our = root.merged_by_us(old, their)
    counts = our.merge()
    line = done.stdout.split(b"\n")[0].decode()
    modes = ((their / "etc").stat().st_mode & 0o7777, our.merged.stat().st_mode & 0o7777)
    return Both(read(their / "etc"), read(our.merged), (line, str(counts)), modes, our.notes)


def renamed(tree: Spec, prefix: str) -> dict[str, Node]:
    return {f"{prefix}{path}": node for path, node in tree.items()}


WORKING = {f"c{n}": case for n, case in enumerate(CASES) if case.fails is None}
# At the top of /etc there is no parent to take care of.
TOP = {
    f"t{n}-": case for n, case in enumerate(CASES) if case.fails is None and "link" not in case.name
}


@pytest.fixture(scope="module")
def working(stateroot):
    """All cases that work, in a directory each, and once more at the top of /etc."""
    trees = []
    for part in ("default", "local", "new"):
        tree = below({name: getattr(case, part) for name, case in WORKING.items()})
        for prefix, case in TOP.items():
            tree |= renamed(getattr(case, part), prefix)
        trees.append(tree)
    return merge_by_both(stateroot("working"), *trees)


def test_the_line_of_counts_is_the_same(working):
    theirs, ours = working.said
    assert ours == theirs
    assert not ours.startswith("Copying /etc changes: 0")


@pytest.mark.parametrize("name", WORKING, ids=lambda name: WORKING[name].name)
def test_case(working, name):
    case = WORKING[name]
    theirs, ours = within(working.theirs, name), within(working.ours, name)
    assert theirs == dict(case.expect)
    assert ours == theirs
    assert carried(ours) == carried(theirs)
    assert working.theirs[name] == working.ours[name]
    for text in case.notes:
        assert text.format(f"{name}/") in working.notes


@pytest.mark.parametrize("prefix", TOP, ids=lambda prefix: TOP[prefix].name)
def test_case_at_the_top(working, prefix):
    def mine(tree: Spec) -> dict[str, Node]:
        return {path: node for path, node in tree.items() if path.startswith(prefix)}

    theirs, ours = mine(working.theirs), mine(working.ours)
    assert theirs == renamed(TOP[prefix].expect, prefix)
    assert ours == theirs
    assert carried(ours) == carried(theirs)


def test_nothing_else_is_in_the_merged_etc(working):
    assert working.ours == working.theirs


def test_the_mode_of_etc_itself_is_the_new_trees(working):
    assert working.modes == (0o755, 0o755)


@pytest.mark.parametrize("missing", ["etc", "usr/etc"])
def test_without_one_of_the_trees_both_fail(stateroot, missing):
    root = stateroot(f"without-{missing.replace('/', '-')}")
    done, old = root.deploy({"x": f("a")})
    assert done.returncode == 0, done.stderr
    subprocess.run(["chattr", "-i", old], check=True)
    (old / missing).rename(old / "elsewhere")
    done, their = root.deploy({"x": f("b")})
    assert done.returncode == 1
    assert b"/etc" in done.stderr
    assert b"No such file or directory" in done.stderr
    our = root.merged_by_us(old, their)
    with pytest.raises(BootentriesError) as caught:
        our.merge()
    assert str(caught.value) == f"merge /etc: {missing}: No such file or directory"


def test_without_a_merge_etc_is_as_usr_etc(stateroot):
    """That is why our merge may start from a copy of the new tree's usr/etc."""
    tree = {"a": d(0o700, (1, 2), one=b"1"), "a/b": f("b", 0o4755, (3, 4)), "l": ln("a/b")}
    done, new = stateroot("fresh").deploy(tree, "--no-merge")
    assert done.returncode == 0, done.stderr
    assert read(new / "etc") == read(new / "usr/etc") == tree


# What libostree says where we name the place in the new tree.
THEIR_WORDS = {
    "no directory": (
        "opendir({}x): Not a directory",
        "unlinkat({}x/y): Not a directory",
        "mkdirat: Not a directory",
    ),
    "a link to nothing": ("opendir({}x): No such file or directory",),
    "a link in a circle of links": ("opendir({}x): Too many levels of symbolic links",),
}
CONFLICTS = {f"c{n}": case for n, case in enumerate(CASES) if case.fails is not None}


def conflict_by_both(
    root: Stateroot, old: Path, case: Case, name: str, default: Spec
) -> tuple[str, BootentriesError]:
    """Let both fail to merge the one case; returns their words and our error."""
    refill(
        old / "etc", edited(default, {f"{name}/{path}": node for path, node in case.edits.items()})
    )
    done, their = root.deploy(below({name: case.new}))
    assert done.returncode == 1, case
    our = root.merged_by_us(old, their)
    with pytest.raises(BootentriesError) as caught:
        our.merge()
    assert read(our.merged) == read(their / "usr/etc")
    shutil.rmtree(their)
    return done.stderr.decode(), caught.value


@pytest.fixture(scope="module")
def failing(stateroot):
    """Return a function that runs one of the cases that fail; they begin in one deployment."""
    root = stateroot("failing")
    default = below({name: case.default for name, case in CONFLICTS.items()})
    done, old = root.deploy(default)
    assert done.returncode == 0, done.stderr
    return lambda name: conflict_by_both(root, old, CONFLICTS[name], name, default)


@pytest.mark.parametrize("name", CONFLICTS, ids=lambda name: CONFLICTS[name].name)
def test_conflict(failing, name):
    case = CONFLICTS[name]
    theirs, error = failing(name)
    fails = case.fails.format(f"{name}/")
    assert str(error) == f"merge /etc: {fails}"
    words = [text for why, texts in THEIR_WORDS.items() if f"is {why}," in fails for text in texts]
    words = words or [fails.partition(": ")[2]]
    assert any(text.format(f"{name}/") in theirs for text in words), theirs


def random_tree(chance: random.Random, count: int) -> dict[str, Node]:
    """A small tree with much of the same in it."""
    nodes = (
        d(), d(), d(0o700), d(0o755, (1, 2)), f("a"), f("b"), f("aa"), f("a", 0o600),
        f("a", mine=b"1"), f("a", owner=(3, 0)), ln("nowhere"), ln("elsewhere"),
    )  # fmt: skip
    found: dict[str, Node] = {}
    for _ in range(count):
        path = "/".join(chance.choice("ab") for _ in range(chance.randint(1, 3)))
        found[path] = chance.choice(nodes)
    return found


def random_case(chance: random.Random) -> Case:
    """A case whose local and new trees are the default one with edits."""
    default = rooted(random_tree(chance, 7))

    def edit() -> dict[str, Node | None]:
        found: dict[str, Node | None] = dict(random_tree(chance, 3))
        return found | {path: None for path in default if chance.random() < 0.15}

    local, new = (rooted(edited(default, edit())) for _ in range(2))
    edits: dict[str, Node | None] = {path: None for path in default if path not in local}
    return Case("random", default, edits | local, new)


def test_random_trees(stateroot):
    chance = random.Random(SEED)
    working: dict[str, Case] = {}
    failing: dict[str, Case] = {}
    expected: dict[str, Spec] = {}
    for number in range(RANDOM):
        case, name = random_case(chance), f"r{number}"
        try:
            expected[name] = merged(case.default, case.local, case.new)
            working[name] = case
        except Conflict:
            failing[name] = case
    assert len(working) > RANDOM / 4
    assert failing
    parts = (
        below({name: getattr(case, part) for name, case in working.items()})
        for part in ("default", "local", "new")
    )
    both = merge_by_both(stateroot("random"), *parts)
    assert both.said[0] == both.said[1]
    for name, tree in expected.items():
        theirs, ours = within(both.theirs, name), within(both.ours, name)
        assert ours == theirs, (SEED, working[name])
        assert theirs == tree, (SEED, working[name])
    root = stateroot("randomly-failing")
    default = below({name: case.default for name, case in failing.items()})
    done, old = root.deploy(default)
    assert done.returncode == 0, done.stderr
    for name in list(failing)[:FAILING]:
        conflict_by_both(root, old, failing[name], name, default)


def test_without_extended_attributes(stateroot):
    default = {"x": f("a"), "d": d(), "d/y": f("a")}
    local = {
        "x": f("b", one=b"1"), "d": d(0o700, two=b"2"), "d/y": f("b"), "n": d(three=b"3"),
        "l": Node(LINK, "x", 0o777, xattrs=(("trusted.four", b"4"),)),
    }  # fmt: skip
    root = stateroot("without-xattrs")
    root.environ["OSTREE_SYSROOT_DEBUG"] = "no-xattrs"
    done, old = root.deploy(default)
    assert done.returncode == 0, done.stderr
    refill(old / "etc", local)
    done, their = root.deploy(default)
    assert done.returncode == 0, done.stderr
    our = root.merged_by_us(old, their)
    our.merge(xattrs=False)
    assert read(our.merged) == read(their / "etc")
    assert read(our.merged) == {path: node.plain for path, node in local.items()}


def test_config_diff_prints_the_same(stateroot):
    root = stateroot("config-diff")
    default = below({name: case.default for name, case in WORKING.items()})
    done, old = root.deploy(default)
    assert done.returncode == 0, done.stderr
    refill(old / "etc", below({name: case.local for name, case in WORKING.items()}))

    def ours(*args: str) -> "subprocess.CompletedProcess[bytes]":
        command = ["nsenter", f"--mount=/proc/{root.box.pid}/ns/mnt", "--"]
        argv = root.box.command("config-diff", *args)
        return subprocess.run([*command, *argv], capture_output=True, check=False, cwd="/")

    for args in (["--os=config-diff"], ["--os=config-diff", "an argument"]):
        our, their = ours(*args), ostree(root.box, "config-diff", *args)
        assert (our.returncode, their.returncode) == (0, 0)
        # libostree lists each kind in the order of the directories on disk; one name has a
        # line break in it.
        assert sorted(our.stdout.split(b"\n")) == sorted(their.stdout.split(b"\n"))
        kinds = [line[:1] for line in our.stdout.split(b"\n") if line[1:5] == b"    "]
        assert kinds == sorted(kinds, key=b"MDA".index)
    for args in ([], ["--os=none"], ["--os=config-diff", "--nonsense"]):
        our, their = ours(*args), ostree(root.box, "config-diff", *args)
        assert our.returncode == their.returncode == 1
        assert our.stdout == their.stdout == b""


def test_a_full_disk(stateroot, tmp_path):
    root = stateroot("full")
    done, old = root.deploy({"x": f("a")})
    assert done.returncode == 0, done.stderr
    refill(old / "etc", {"x": f("b" * 200_000)})
    new = tmp_path / "new"
    new.mkdir()
    root.box.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(new)])
    view = Path(f"/proc/{root.box.pid}/root{new}")
    (view / "etc").mkdir()
    with pytest.raises(BootentriesError) as caught:
        Trees(old, view).merge()
    assert str(caught.value) == "merge /etc: etc/x: No space left on device"
