"""Random sequences of verbs on two equal sysroots, after each of which both must be equal.

What may differ is written in `sidebyside`: the program's own lock files and temporary
directory, empty directories of refs, and two peculiarities of 2025.2's entries.  Nothing
else, and nothing at all in names, link texts, `options`, refs or /etc.
"""

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from richtrees import rich
from sidebyside import OURS, THEIRS, pair
from trees import TREES, Tree

from bootentries.root import open_root
from bootentries.sysroot import load

STATEROOTS = ("testos", "other")
# Two commits of one kernel, another one, one without an initramfs, one with device trees.
BRANCHES = {
    "plain": TREES[0],
    "same": Tree("same", TREES[0].modules, pretty="Another OS"),
    "initramfs": TREES[1],
    "bare": TREES[2],
    "dtb": TREES[4],
}
KEEP = ("--retain", "--retain-pending", "--retain-rollback", "--not-as-default", "--no-prune")
KARGS = (
    "--karg=root=UUID=a b",
    "--karg=quiet",
    "--karg-append=console=ttyS0",
    "--karg-append=console=tty0 quiet",
    '--karg-append=x="1 2"',
    "--karg-delete=quiet",
    "--karg-delete=console=ttyS0",
    "--karg-none",
    "--no-merge",
)
SET_KARGS = (
    "--merge",
    "--append=quiet",
    "--append=a=1 b",
    "--replace=root=LABEL=r",
    "--replace=console=tty1",
    "rw",
)
SET_XATTR = (
    f"{sys.executable} -c 'import os, sys; os.setxattr(*sys.argv[1:3], sys.argv[3].encode())'"
)
CHANGES = (
    "echo $RANDOM_TEXT >> etc/example.conf",
    "rm -f etc/example.conf",
    "chmod 640 etc/example.conf || :",
    "mkdir -p etc/new/below; echo $RANDOM_TEXT > etc/new/below/file; chmod 700 etc/new",
    "ln -sfn /usr/$RANDOM_TEXT etc/link",
    "rm -rf etc/sub",
    "chown 3:4 etc/secret || :",
    f"[ ! -e etc/secret ] || {SET_XATTR} etc/secret user.local $RANDOM_TEXT",
    "rm -rf etc/empty; mkdir -p etc/empty; touch etc/empty/child",
    "mkfifo etc/pipe || :",
)
CONFIG = ({}, {"bootprefix": "true"}, {"boot-counting-tries": "3"})


class Sequence(RuleBasedStateMachine):
    """`suite` is the Debian suite of the real one; `mixed` changes tools now and then."""

    suite = "sid"
    mixed = False

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.work = Path(tempfile.mkdtemp(prefix="sequence-"))
        self.stack.callback(shutil.rmtree, self.work, ignore_errors=True)
        self.pair = self.stack.enter_context(pair(self.suite, self.work, *STATEROOTS))
        self.numbers: dict[str, int] = {}
        self.steps = 0

    def teardown(self) -> None:
        try:
            self.check()
        finally:
            self.stack.close()

    def check(self) -> None:
        """Each tool's own checker finds nothing in what both have made."""
        for who in (THEIRS, OURS):
            top = self.pair.sysroot(who)
            self.pair.ostree("fsck", "--quiet", f"--repo={top}/ostree/repo")
        done = self.pair.ours("verify")
        assert done.returncode == 0, done.stdout + done.stderr

    def step(self, verb: str, *args: str) -> None:
        """Run a verb with both: both succeed or both fail, and both do the same."""
        self.steps += 1
        theirs, ours = self.pair.theirs(verb, *args), self.pair.ours(verb, *args)
        said = f"theirs: {theirs.stdout}{theirs.stderr}\nours: {ours.stdout}{ours.stderr}"
        assert (theirs.returncode == 0) == (ours.returncode == 0), said
        if theirs.returncode == 0:
            assert ours.stdout == theirs.stdout, said
        self.pair.compare()

    def commit_branch(self, branch: str) -> None:
        """Commit a branch's tree to both, other content each time."""
        number = self.numbers.get(branch, 0)
        self.numbers[branch] = number + 1
        root = rich(self.work / f"trees/{branch}-{number}", BRANCHES[branch])
        (root / "usr/share/number").write_text(f"{number}\n")
        (root / "usr/etc/example.conf").write_text(f"default {number}\n")
        self.pair.commit(root, branch, f"1.{number}")

    def never_none(self) -> list[str]:
        """2025.2 writes a blank for no arguments, and then takes the blank for an argument."""
        return ["--karg-append=always"] if self.suite == "trixie" else []

    @property
    def deployed(self) -> list[str]:
        """The stateroot of each deployment, in list order."""
        with open_root(str(self.pair.view(OURS))) as root:
            return [item.stateroot for item in load(root).deployments]

    @property
    def count(self) -> int:
        return len(self.deployed)

    @initialize(config=st.sampled_from(CONFIG))
    def begin(self, config: dict[str, str]) -> None:
        for who in (THEIRS, OURS):
            repo = f"--repo={self.pair.sysroot(who)}/ostree/repo"
            for key, value in config.items():
                if key == "boot-counting-tries" and self.suite == "trixie":
                    continue  # 2025.2 does not know it
                self.pair.ostree("config", repo, "set", f"sysroot.{key}", value)
        for branch in BRANCHES:
            self.commit_branch(branch)
        self.step("deploy", "--os=testos", "--karg=root=UUID=a", "plain")

    @rule()
    @precondition(lambda self: self.mixed)
    def change_tools(self) -> None:
        self.pair.swapped = not self.pair.swapped

    @rule(branch=st.sampled_from(sorted(BRANCHES)))
    def commit(self, branch: str) -> None:
        self.commit_branch(branch)

    @rule(
        branch=st.sampled_from(sorted(BRANCHES)),
        stateroot=st.sampled_from(STATEROOTS),
        keep=st.lists(st.sampled_from(KEEP), max_size=2, unique=True),
        kargs=st.lists(st.sampled_from(KARGS), max_size=3),
    )
    def deploy(self, branch: str, stateroot: str, keep: list[str], kargs: list[str]) -> None:
        if stateroot not in self.deployed:
            # libostree crashes: it has no arguments then that it could delete from.
            kargs = [word for word in kargs if not word.startswith("--karg-delete")]
        self.step("deploy", f"--os={stateroot}", *keep, *kargs, *self.never_none(), branch)

    @rule(data=st.data())
    def undeploy(self, data: st.DataObject) -> None:
        self.step("undeploy", str(data.draw(st.integers(0, self.count))))

    @rule(data=st.data())
    def set_default(self, data: st.DataObject) -> None:
        self.step("set-default", str(data.draw(st.integers(0, self.count))))

    @rule(data=st.data(), unpin=st.booleans())
    def pin(self, data: st.DataObject, unpin: bool) -> None:
        options = ["-u"] if unpin else []
        self.step("pin", *options, str(data.draw(st.integers(0, self.count))))

    @rule()
    def cleanup(self) -> None:
        self.step("cleanup")

    @precondition(lambda self: self.count > 0)
    @rule(args=st.lists(st.sampled_from(SET_KARGS), max_size=4, unique=True))
    def set_kargs(self, args: list[str]) -> None:
        self.step(
            "instutil set-kargs",
            *args,
            *[word.removeprefix("--karg-append=") for word in self.never_none()],
        )

    @rule(change=st.sampled_from(CHANGES))
    def edit(self, change: str) -> None:
        os.environ["RANDOM_TEXT"] = f"text{self.steps}"
        self.pair.edit(change)
