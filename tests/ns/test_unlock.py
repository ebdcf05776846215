"""`unlock` and `post-copy` beside `ostree admin`, in a chroot that looks booted."""

import os
import subprocess

import pytest
from bootedchroot import run_booted
from richtrees import rich
from sidebyside import OURS, THEIRS, Facts, Pair, facts, pair

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")


@pytest.fixture(params=SUITES)
def suite(request):
    return request.param


@pytest.fixture
def both(suite, tmp_path):
    root = rich(tmp_path / "trees")
    (root / "usr").chmod(0o711)
    with pair(suite, tmp_path) as found:
        found.commit(root, "one", "1.0")
        found.by_theirs("deploy", "--os=testos", "--karg=root=UUID=abc", "one")
        found.by_theirs("deploy", "--os=testos", "--karg=quiet", "one")
        for who in (THEIRS, OURS):
            # 2025.2 keeps its overlay there.
            (found.view(who) / "ostree/deploy/testos/var/tmp").mkdir(mode=0o1777)
        yield found


def alike(theirs: Facts, ours: Facts, both: Pair) -> None:
    """Compare two sysroots, but for what the kernel's overlay put there by itself."""

    def own(found: Facts) -> Facts:
        return {
            name: tuple({} if isinstance(part, dict) else part for part in value)
            for name, value in found.items()
            if "/usr-transient" not in name and "/var/tmp" not in name
        }

    assert sorted(own(ours)) == sorted(own(theirs))
    for name, value in own(theirs).items():
        assert both._normal(name, own(ours)[name]) == both._normal(name, value), name


@pytest.mark.parametrize(
    ("args", "usr", "flag"),
    [
        ((), "writable", "unlocked-development"),
        (("--transient",), "read-only", "unlocked-transient"),
    ],
)
def test_until_the_next_boot(both, args, usr, flag):
    verb = " ".join(("unlock", *args))
    theirs, ours = run_booted(both, THEIRS, verb), run_booted(both, OURS, verb)
    assert ours.output == theirs.output
    assert ours.output[-1] == "status 0"
    assert ours.usr == theirs.usr == [usr, "tree"]
    assert ours.run == theirs.run
    assert flag in ours.run
    alike(theirs.sysroot, ours.sysroot, both)
    layers = [
        name for name in ours.sysroot if name.endswith(("-transient/upper", "-transient/work"))
    ]
    modes = {ours.sysroot[name][0] for name in layers if "usr-transient" in name}
    assert modes == {"drwx--x--x"}
    if both.suite == "sid":
        assert sorted(layers) == sorted(
            name
            for name in theirs.sysroot
            if name.endswith(("-transient/upper", "-transient/work"))
        )


def test_what_an_older_libostree_deployed(both):
    backing = both.view(OURS) / "ostree/deploy/testos/backing"
    subprocess.run(["rm", "-r", backing], check=True)
    ours = run_booted(both, OURS, "unlock")
    assert ours.output[-1] == "status 0", ours.errors
    assert ours.usr == ["writable", "tree"]
    assert backing.stat().st_mode & 0o7777 == 0o700


def test_a_hotfix_stays(both):
    theirs, ours = (run_booted(both, who, "unlock --hotfix") for who in (THEIRS, OURS))
    assert ours.output == theirs.output, ours.errors
    assert ours.output[0] == "Copying /etc changes: 0 modified, 0 removed, 0 added"
    assert ours.usr == theirs.usr == ["writable", "tree"]
    assert not [name for name in ours.run if "unlock" in name]
    alike(theirs.sysroot, ours.sysroot, both)
    origins = [value[-1] for name, value in ours.sysroot.items() if name.endswith(".origin")]
    assert b"[origin]\nrefspec=one\nunlocked=hotfix\n" in origins
    assert b"[origin]\nrefspec=one\n" in origins


BAD_CALLS = (
    (("unlock", "--hotfix", "--transient"), "--hotfix and --transient exclude each other"),
    (("unlock", "more"), "usage: Got unexpected extra argument"),
)


def test_bad_calls(both):
    done = both.ours("unlock")
    assert (done.returncode, both.theirs("unlock").returncode) == (1, 1)
    assert "unlock: /: not booted into an OSTree system" in done.stderr
    for args, text in BAD_CALLS:
        found = both.ours(*args)
        assert found.returncode == 1
        assert text in found.stderr
    before = facts(both.view(OURS))
    origin = next(both.view(OURS).glob("ostree/deploy/testos/deploy/*.1.origin"))
    origin.write_text("[origin]\nrefspec=one\nunlocked=hotfix\n")
    ours = run_booted(both, OURS, "unlock")
    assert "it is unlocked already: hotfix" in ours.errors
    assert ours.usr == ["writable", "system"]
    origin.write_text("[origin]\nrefspec=one\n")
    assert facts(both.view(OURS)) == before


def test_a_dry_run_only_says_so(both):
    before = facts(both.view(OURS))
    ours = run_booted(both, OURS, "unlock --dry-run", "unlock --hotfix --dry-run")
    assert ours.output.count("status 0") == 2, ours.errors
    assert "mount a writable overlay on /usr, kept there" in ours.output
    assert ours.usr == ["writable", "system"]
    assert ours.run == []
    done = both.ours("post-copy", "--dry-run")
    assert done.stdout == "restore fs-verity of the repository's objects and of composefs images\n"
    assert facts(both.view(OURS)) == before


def test_post_copy(both):
    assert both.both("post-copy") == ""
    assert both.ours("post-copy", "more").returncode == 1
    (both.view(OURS) / "boot/loader/entries/ostree-1.conf").write_text("options x\n")
    done = both.ours("post-copy")
    assert done.returncode == 1
    assert "no ostree= kernel argument" in done.stderr
