"""The verbs of the sweep, and the sysroots that they begin with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from richtrees import rich
from trees import PLAIN, Tree

from callfaults.lab import Lab, State

_RUNNING = ("running", "staged", "restarted")
_PLAIN = "deploy, new kernel"
_KARGS = ("--karg=root=UUID=abc", "--karg=rw")
_OTHER = Tree("other", {"vmlinuz": "kernel 2", "initramfs.img": "initramfs 2"})
_DTB = Tree("dtb", {"vmlinuz": "k 3", "initramfs.img": "i 3", "dtb/a/z.dtb": "z", "dtb/b.dtb": "b"})
_DEPLOY = "ostree/deploy/testos/deploy"


@dataclass(frozen=True, slots=True)
class Case:
    """One command line, and the sysroot that it begins with.

    `again` is what it says when it was done already, if it fails then; `by_item` lets each
    deployment change by itself; what a case does as the case `like` does is tried there;
    `begins` says that there is no sysroot before, and so none to be whole after a fault;
    `leaves` matches what may be left over, and is told of or harmless;
    `loose` says that the case has steps which are whole each: a list between old and new is sound.
    """

    name: str
    base: str
    argv: tuple[str, ...]
    again: str | None = None
    by_item: bool = False
    like: str | None = None
    begins: bool = False
    loose: bool = False
    leaves: str = "$."


CASES = (
    Case("init-fs", "empty", ("init-fs", "--modern", "/tmp/sysroot"), begins=True),
    Case("os-init", "made", ("os-init", "another"), "it exists"),
    Case("deploy, first", "commits", ("deploy", "--os=testos", *_KARGS, "one"), like=_PLAIN),
    Case("deploy, new kernel", "one", ("deploy", "--os=testos", "--karg-append=a=b", "two")),
    Case("deploy, same kernel", "one", ("deploy", "--os=testos", "same"), like=_PLAIN),
    Case("deploy, device trees", "one", ("deploy", "--os=testos", "dtb"), like=_PLAIN),
    Case("deploy, GRUB", "grub", ("deploy", "--os=testos", "two"), like=_PLAIN),
    Case("deploy, overlay initrd", "one",
         ("deploy", "--os=testos", "--overlay-initrd=/tmp/overlay.img", "same"),
         like=_PLAIN),
    Case("set-kargs", "three", ("instutil", "set-kargs", "--merge", "--append=quiet")),
    Case("set-default, swap", "three", ("set-default", "1"), like="set-kargs"),
    Case("set-default, links", "alike", ("set-default", "1")),
    Case("undeploy", "three", ("undeploy", "2"), "out of range", like="set-kargs"),
    Case("pin", "three", ("pin", "1")),
    Case("cleanup", "untidy", ("cleanup",)),
    Case("set-origin", "three",
         ("set-origin", "-s", "gpg-verify=false", "--index=0", "far", "file:///x", "stable")),
    Case("kargs edit-in-place", "three", ("kargs", "edit-in-place", "--append-if-missing=quiet"),
         by_item=True),
    Case("upgrade", "behind", ("upgrade", "--os=testos"), like=_PLAIN),
    Case("switch", "behind", ("switch", "--os=testos", "far:two"), "follows it already",
         like="upgrade", leaves="refs/remotes/far/one$"),
    Case("loader set", "three", ("loader", "set", "none")),
    Case("install-units", "units",
         ("install-units", "--root=/tmp/sysroot/tree", "--import-path=/usr/lib/python3")),
    Case("rollback", "three", ("rollback",), like="set-kargs"),
    Case("label", "three", ("label", "1", "before it all"), like="set-kargs"),
    Case("deploy --stage", "running", ("deploy", "--stage", "two"), like=_PLAIN),
    Case("finalize-staged", "staged", ("finalize-staged",), like=_PLAIN),
    Case("lock-finalization", "staged", ("lock-finalization",)),
    Case("boot-complete", "restarted", ("boot-complete",)),
    Case("unlock", "running", ("unlock",), "unlocked already", like=_PLAIN, loose=True),
    Case("unlock --hotfix", "running", ("unlock", "--hotfix"), "unlocked already", like=_PLAIN,
         loose=True),
)  # fmt: skip


def case(name: str) -> Case:
    """Return the case of this name."""
    return next(item for item in CASES if item.name == name)


class Bases:
    """The sysroots that cases begin with, each made on first use by the real `ostree`."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._made: dict[str, State] = {}
        self._makers: dict[str, Callable[[], None]] = {
            "empty": lambda: None,
            "made": lambda: self._then("empty", self._init_fs),
            "commits": lambda: self._then("made", self._commit_all),
            "one": lambda: self._then("commits", self._deploy_one),
            "three": lambda: self._then("one", self._deploy_more),
            "alike": lambda: self._then("one", lambda: self._deploy("--retain", "one")),
            "grub": lambda: self._then("one", self._use_grub),
            "untidy": lambda: self._then("three", self._leave_much),
            "behind": lambda: self._then("commits", self._follow_remote),
            "running": lambda: self._then("one", lambda: None),
            "staged": lambda: self._then("running", self._stage),
            "restarted": lambda: self._then("running", self._restart),
            "units": lambda: self._then("made", self._make_units),
        }

    def get(self, name: str) -> State:
        """Return the state of this name."""
        if name not in self._made:
            if name == "empty":
                self.lab.make_image()
            self._makers[name]()
            booted = f"{_DEPLOY}/{self._first}" if name in _RUNNING else None
            self._made[name] = self.lab.save(name, booted)
        return self._made[name]

    def _then(self, base: str, change: Callable[[], object]) -> None:
        state = self.get(base)
        self.lab.restore(state)
        change()

    def _stage(self) -> None:
        done = self.lab.ours(("deploy", "--stage", "two"))
        if done.status != 0:
            raise RuntimeError(done.stderr)

    def _restart(self) -> None:
        """A soft reboot was prepared, and done."""
        assert self.lab.running is not None
        booted = (self.lab.running.run / "ostree-booted").read_bytes()
        (self.lab.running.run / "ostree").mkdir()
        (self.lab.running.run / "ostree/nextroot-booted").write_bytes(booted)

    @property
    def _first(self) -> str:
        """The name of the only deployment that a running system has."""
        places = [path for path in self.lab.view.glob(f"{_DEPLOY}/*.0") if path.is_dir()]
        return next(path.name for path in places if self._is_listed(path.name))

    def _is_listed(self, name: str) -> bool:
        links = self.lab.view.glob("ostree/boot.[01]/testos/*/*")
        return any(link.readlink().name == name for link in links)

    def _init_fs(self) -> None:
        self.lab.ostree("admin", "init-fs", "--modern", self.lab.path)

    def _commit_all(self) -> None:
        lab = self.lab
        lab.ostree("admin", "os-init", f"--sysroot={lab.path}", "testos")
        same = Tree("same", PLAIN.modules, pretty="Another OS")
        for branch, tree in (("one", PLAIN), ("same", same), ("two", _OTHER), ("dtb", _DTB)):
            self._commit(tree, branch, "1.0")

    def _commit(self, tree: Tree, branch: str, version: str) -> None:
        """Commit a tree with something in every place that a deployment is made of."""
        (self.lab.root / "tmp/overlay.img").write_text("more initramfs\n")
        place = self.lab.root / "tmp/trees"
        root = rich(place / f"{branch}-{version}", replace(tree, name=branch))
        (root / "usr/share/version").write_text(version)
        self.lab.ostree(
            "commit", f"--repo={self.lab.path}/ostree/repo", f"--branch={branch}",
            "--timestamp=2026-01-01 00:00:00 +0000", f"--add-metadata-string=version={version}",
            f"/tmp/trees/{root.parent.name}/{branch}",
        )  # fmt: skip

    def _deploy(self, *args: str) -> None:
        self.lab.ostree("admin", "deploy", f"--sysroot={self.lab.path}", "--os=testos", *args)

    def _deploy_one(self) -> None:
        self._deploy(*_KARGS, "one")
        for etc in self.lab.view.glob(f"{_DEPLOY}/*.0/etc"):
            edit(etc)

    def _deploy_more(self) -> None:
        self._deploy("--retain", "same")
        self._deploy("--retain", "--karg-append=x", "two")

    def _use_grub(self) -> None:
        self.lab.ostree(
            "config", f"--repo={self.lab.path}/ostree/repo", "set", "sysroot.bootloader", "grub2"
        )
        grub = self.lab.view / "boot/grub"
        grub.mkdir()
        done = self.lab.ours(
            ("instutil", "grub2-stub", "-o", f"{self.lab.path}/boot/grub/grub.cfg")
        )
        if done.status != 0:
            raise RuntimeError(done.stderr)
        # The first menu.
        self.lab.ours(("instutil", "set-kargs", "--merge", "--append=grub"))

    def _leave_much(self) -> None:
        """What killed writers leave, and what a list does not need any more."""
        self.lab.ostree("admin", "undeploy", f"--sysroot={self.lab.path}", "0")
        self._deploy("--retain", "--no-prune", "dtb")
        self.lab.ostree("refs", f"--repo={self.lab.path}/ostree/repo", "--delete", "two")
        boot = self.lab.view / "boot"
        payload = boot / f"ostree/testos-{'0' * 64}"
        payload.mkdir()
        (payload / "vmlinuz").write_text("old")
        overlays = boot / "ostree/initramfs-overlays"
        overlays.mkdir()
        (overlays / f"{'0' * 64}.img").write_text("old")
        deployment = self.lab.view / f"{_DEPLOY}/{'0' * 64}.0"
        (deployment / "usr/bin").mkdir(parents=True)
        (deployment / "usr/bin/tool").write_text("old")
        deployment.with_name(f"{deployment.name}.origin").write_text("[origin]\n")

    def _follow_remote(self) -> None:
        """A remote with a newer commit of `one`, and another branch; `one` is deployed."""
        repo = f"--repo={self.lab.path}/ostree/repo"
        remote = "/tmp/sysroot/remote"
        self.lab.ostree("init", f"--repo={remote}", "--mode=archive")
        self.lab.ostree("pull-local", f"--repo={remote}", f"{self.lab.path}/ostree/repo")
        url = f"file://{remote}"
        self.lab.ostree("remote", "add", repo, "--no-gpg-verify", "far", url)
        self.lab.ostree("pull", repo, "far", "one")
        self._deploy(*_KARGS, "far:one")
        for etc in self.lab.view.glob(f"{_DEPLOY}/*.0/etc"):
            edit(etc)
        self._commit(PLAIN, "one", "1.1")
        self.lab.ostree("pull-local", f"--repo={remote}", f"{self.lab.path}/ostree/repo", "one")
        self.lab.ostree("refs", repo, "--delete", "one", "two", "same", "dtb")
        self.lab.ostree("prune", repo, "--refs-only", "--depth=0")

    def _make_units(self) -> None:
        tree = self.lab.view / "tree"
        for name in ("usr/bin", "usr/lib/systemd/system"):
            (tree / name).mkdir(parents=True)
        (tree / "usr/bin/python3").touch()
        for name in ("bootentries", "prepare_root", "click"):
            (tree / "usr/lib/python3" / name).mkdir(parents=True)
        for unit in ("finalize-staged", "finalize-staged-hold", "boot-complete"):
            (tree / f"usr/lib/systemd/system/ostree-{unit}.service").touch()


def edit(etc: Path) -> None:
    """Local changes of every kind."""
    (etc / "example.conf").write_text("a=2\n")
    (etc / "empty").unlink()
    (etc / "new/below").mkdir(parents=True)
    (etc / "new/below/file").write_text("new\n")
    (etc / "link").unlink()
    (etc / "link").symlink_to("example.conf")
