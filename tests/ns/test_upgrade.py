"""`upgrade` and `switch` beside `ostree admin`: the same pulls, origins, refs and lines."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from richtrees import rich
from sidebyside import OURS, THEIRS, Facts, Pair, facts, pair

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")


@pytest.fixture(params=SUITES)
def suite(request):
    return request.param


@dataclass(slots=True)
class Far:
    """A repository that both sysroots pull from, as the remotes `far` and `two`."""

    both: Pair
    tree: Path
    content: int = 0

    def commit(self, branch: str, minutes: int, version: str) -> str:
        """Make a commit of another content, as old as `minutes` say."""
        self.content += 1
        (self.tree / "usr/share/content").write_text(f"{self.content}\n")
        inside = self.both.box.root / "tmp/tree"
        self.both.box.run(["mkdir", "-p", str(inside)])
        self.both.box.run(["mount", "--bind", str(self.tree), str(inside)])
        time = f"--timestamp=2026-01-01 00:{minutes:02}:00 +0000"
        try:
            return self.both.ostree(
                "commit", "--repo=/tmp/far", f"--branch={branch}", time,
                f"--add-metadata-string=version={version}", "/tmp/tree",
            ).strip()  # fmt: skip
        finally:
            self.both.box.run(["umount", str(inside)])

    def local(self, name: str, checksum: str) -> None:
        """Give both sysroots a ref of their own."""
        for who in (THEIRS, OURS):
            repo = f"--repo={self.both.sysroot(who)}/ostree/repo"
            self.both.ostree("refs", repo, f"--create={name}", checksum)


@pytest.fixture
def far(suite, tmp_path):
    with pair(suite, tmp_path) as both:
        both.ostree("init", "--repo=/tmp/far", "--mode=archive")
        found = Far(both, rich(tmp_path / "trees"))
        found.commit("main", 10, "1.0")
        for who in (THEIRS, OURS):
            repo = f"--repo={both.sysroot(who)}/ostree/repo"
            for name in ("far", "two"):
                both.ostree("remote", "add", repo, "--no-gpg-verify", name, "file:///tmp/far")
            both.ostree("pull", repo, "far", "main")
        both.both("deploy", "--os=testos", "--karg=root=UUID=abc", "--karg=quiet", "far:main")
        yield found


def upgrade(far: Far, *args: str) -> str:
    return far.both.both("upgrade", "--os=testos", *args)


def fails(far: Far, text: str, verb: str, *args: str) -> None:
    """A verb fails with both, ours with `text` and without a change but to the refs."""
    assert far.both.theirs(verb, *args).returncode == 1, args
    before = facts(far.both.view(OURS))
    done = far.both.ours(verb, *args)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert _kept(facts(far.both.view(OURS))) == _kept(before)


def _kept(found: Facts) -> Facts:
    """What a pull that fails later leaves as it was: all but objects."""
    pulled = ("ostree/repo/objects", "ostree/repo/state")
    return {name: value for name, value in found.items() if not name.startswith(pulled)}


def test_upgrades(far):
    assert upgrade(far) == "No update available.\n"
    first = far.commit("main", 20, "2.0")
    assert upgrade(far, "--pull-only") == ""
    assert upgrade(far, "--deploy-only").startswith("Copying /etc changes: 0 modified")
    assert upgrade(far, "--pull-only") == "No update available.\n"
    far.both.edit("echo edited >> etc/secret")
    far.commit("main", 30, "3.0")
    assert upgrade(far).startswith("Copying /etc changes: 1 modified, 0 removed, 0 added\n")
    far.commit("main", 15, "4.0")
    fails(far, "chronologically older", "upgrade", "--os=testos")
    far.both.compare()
    upgrade(far, "--allow-downgrade")
    upgrade(far, f"--override-commit={first}")
    assert upgrade(far, f"--override-commit={first}") == "No update available.\n"
    # The ref was set to that commit, too.
    assert upgrade(far, "--deploy-only") == "No update available.\n"
    upgrade(far, "--allow-downgrade")


ORIGIN = """#c
[origin]
refspec=far:main
extra=1
unlocked=hotfix
override-commit={commit}
[libostree-transient]
pinned=true
[more]
z=1
"""


def test_what_becomes_of_the_origin(far):
    commit = far.commit("main", 20, "2.0")
    upgrade(far)
    origin = far.both.box.root / "tmp/origin"
    text = ORIGIN.format(commit=commit)
    far.both.box.run(["sh", "-c", f"printf '%s' \"$0\" > {origin}", text])
    far.both.both("deploy", "--os=testos", "--origin-file=/tmp/origin", "far:main")
    other = far.commit("main", 30, "3.0")
    far.commit("main", 40, "4.0")
    upgrade(far, f"--override-commit={other}")
    upgrade(far)
    found = [
        path.read_text() for path in far.both.view(OURS).glob("ostree/deploy/*/deploy/*.origin")
    ]
    assert "[origin]\nrefspec=far:main\nextra=1\n\n[more]\nz=1\n" in found


def test_switches(far):
    far.commit("other", 5, "0.5")
    said = far.both.both("switch", "--os=testos", "other")
    assert said.endswith("deployment count change: 1\nDeleting ref 'far:main'\n")
    far.both.both("switch", "--os=testos", "two:")
    far.both.both("switch", "--os=testos", "two:main")
    commit = far.commit("main", 50, "5.0")
    far.both.both("upgrade", "--os=testos")
    # A ref of this repository has no remote.
    far.local("local", commit)
    far.local("local2", commit)
    far.both.both("deploy", "--os=testos", "local")
    far.both.both("switch", "--os=testos", "local2")
    assert far.both.both("upgrade", "--os=testos") == "No update available.\n"
    far.both.both("switch", "--os=testos", "far:main")
    for who in (THEIRS, OURS):
        repo = f"--repo={far.both.sysroot(who)}/ostree/repo"
        assert "local" not in far.both.ostree("refs", repo)


BAD_CALLS = (
    ("upgrade", (), "not booted into an OSTree system, and no --os given"),
    ("upgrade", ("--os=nosuch",), "no such stateroot"),
    ("upgrade", ("--os=empty",), "upgrade: empty: no deployment in this stateroot"),
    ("upgrade", ("--os=testos", "--pull-only", "--deploy-only"), "exclude each other"),
    ("upgrade", ("--os=testos", "--override-commit=zzz"), "zzz: not a whole checksum"),
    ("upgrade", ("--os=testos", f"--override-commit={'0' * 64}"), "pull: far:main: ostree failed"),
    ("switch", ("--os=testos",), "usage: REFSPEC must be specified"),
    ("switch", ("--os=testos", "main"), "far:main: the deployment follows it already"),
    ("switch", ("--os=testos", "bad ref"), "switch: bad ref: not a refspec"),
    ("switch", ("--os=testos", "a:b:c"), "switch: a:b:c: not a refspec"),
    ("switch", ("--os=testos", ":main"), "switch: :main: not a refspec"),
    ("switch", ("--os=testos", "nosuch:main"), 'Remote "nosuch" not found'),
    ("switch", ("--os=testos", "nosuch"), "pull: far:nosuch: ostree failed"),
)


def test_bad_calls_fail_alike(far):
    for who in (THEIRS, OURS):
        far.both.ostree("admin", "os-init", f"--sysroot={far.both.sysroot(who)}", "empty")
    for verb, args, text in BAD_CALLS:
        fails(far, text, verb, *args)
    far.commit("main", 20, "2.0")
    for verb, args, text in (
        ("upgrade", ("--stage",), "not booted into an OSTree system"),
        ("upgrade", ("--kexec",), "--kexec: loading a kernel for kexec is not supported"),
    ):
        done = far.both.ours(verb, "--os=testos", *args)
        assert done.returncode == 1
        assert text in done.stderr
    done = far.both.ours("upgrade", "--os=testos", "--dry-run")
    assert done.stdout == (
        "pull its newest commit of far:main\ndeploy its newest commit of far:main\n"
    )
    far.both.compare()


ORIGINS = (
    ("[x]\nrefspec=far:main\n", "its origin names no refspec"),
    ("[origin]\nrefspec=far:main\nunconfigured-state=Register first\n", "Register first"),
    ("[origin]\nrefspec=a b\n", "invalid refspec 'a b'"),
)


def test_origins_that_lead_nowhere(far):
    origin = next(far.both.view(OURS).glob("ostree/deploy/testos/deploy/*.origin"))
    theirs = next(far.both.view(THEIRS).glob("ostree/deploy/testos/deploy/*.origin"))
    for text, reason in ORIGINS:
        for path in (origin, theirs):
            path.write_text(text)
        fails(far, reason, "upgrade", "--os=testos")
        if "unconfigured" not in text:
            # A switch is the way out of such a state.
            fails(far, reason, "switch", "--os=testos", "two:main")
    for path in (origin, theirs):
        path.unlink()
    fails(far, "it has no origin", "upgrade", "--os=testos")
