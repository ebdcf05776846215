"""The verbs that change the list, beside those of the real `ostree admin`."""

import os

import pytest
from sidebyside import OURS, THEIRS, Pair, pair
from trees import PLAIN, TREES, Tree, build

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")

# 0 is of another stateroot and has the kernel of 3; 1 and 2 have one kernel.
LIST = (
    ("testos", PLAIN),
    ("testos", TREES[1]),
    ("testos", Tree("again", TREES[1].modules, pretty="Again OS")),
    ("other", PLAIN),
)


@pytest.fixture(params=SUITES)
def suite(request):
    return request.param


@pytest.fixture
def four(suite, tmp_path):
    """Two equal sysroots with four deployments each, made by the real ostree."""
    with pair(suite, tmp_path, "testos", "other") as both:
        for number, (stateroot, tree) in enumerate(LIST):
            if stateroot == "testos":
                both.commit(build(tmp_path / "trees", tree), tree.name, f"1.{number}")
            options = [f"--os={stateroot}", "--retain", f"--karg=root={number}"]
            both.by_theirs("deploy", *options, tree.name)
        both.compare()
        yield both


STEPS = {
    "undeploy one": ("undeploy 2",),
    "undeploy the default": ("undeploy 0",),
    "undeploy all of a kernel": ("undeploy 1", "undeploy 1"),
    "undeploy all": ("undeploy 0", "undeploy 0", "undeploy 0", "undeploy 0"),
    "choose the second": ("set-default 1",),
    "choose the last": ("set-default 3", "set-default 3"),
    "choose the default again": ("set-default 0",),
    "swap equal kernels": ("set-default 1", "set-default 2"),
    "pin": ("pin 1", "pin 1", "pin 1 2", "pin -u 1", "pin -u 1", "pin --unpin 2", "pin 2"),
    "pinned may be undeployed": ("pin 1", "undeploy 1"),
    "new origin": ("set-origin --index=1 -s x=y up http://u/r stable",),
    "new origin, same branch": (
        "set-origin --index=1 up http://u/r",
        "set-origin up http://other --index=2",
    ),
    "arguments in place": (
        "kargs edit-in-place --append-if-missing=root=x --append-if-missing=n=1",
        "kargs edit-in-place --append-if-missing=n",
        "undeploy 0",
    ),
    "another stateroot": ("os-init third", "stateroot-init fourth"),
    "nothing to clean": ("cleanup",),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_both_do_the_same(four: Pair, steps):
    for step in steps:
        verb, *args = step.split()
        if verb == "kargs":
            verb = f"kargs {args.pop(0)}"
        four.both(verb, *args)
    # Each goes on with what the other one wrote.
    four.swapped = True
    four.both(*("cleanup",) if steps == STEPS["undeploy all"] else ("set-default", "1"))


def test_choosing_the_default_again_prunes(four: Pair, tmp_path):
    for number in range(2):
        tree = Tree(f"unused{number}", PLAIN.modules, pretty=f"Unused {number}")
        four.commit(build(tmp_path / "trees", tree), "unused", "1")
    objects = four.view(OURS) / "ostree/repo/objects"
    before = len(list(objects.glob("*/*.commit")))
    four.both("set-default", "0")
    assert len(list(objects.glob("*/*.commit"))) == before - 1


def test_cleanup_removes_what_nothing_needs(four: Pair):
    for who in (THEIRS, OURS):
        top = four.view(who)
        stateroot = top / "ostree/deploy/testos"
        (stateroot / f"deploy/{'e' * 64}.0/usr").mkdir(parents=True)
        (stateroot / f"deploy/{'e' * 64}.0.origin").write_text("[origin]\nrefspec=gone\n")
        (stateroot / f"backing/{'e' * 64}.0/root-transient").mkdir(parents=True)
        (top / f"boot/ostree/testos-{'f' * 64}").mkdir()
        (top / f"boot/ostree/testos-{'f' * 64}/vmlinuz-1").write_text("old")
        (top / "boot/ostree/mine").mkdir()
        (top / "boot/ostree/initramfs-overlays").mkdir()
        (top / f"boot/ostree/initramfs-overlays/{'d' * 64}.img").write_text("old")
        (top / "ostree/repo/refs/heads/ostree/0/0").mkdir(parents=True)
        (top / "boot/loader.1/entries").mkdir(parents=True)
        (top / "ostree/boot.1.0/testos").mkdir(parents=True)
        (top / "ostree/boot.1").symlink_to("boot.1.0")
    if four.suite == "trixie":
        # 2025.2 cleans /boot when it writes a list, but not when it is asked to.
        unused = four.view(THEIRS) / f"boot/ostree/testos-{'f' * 64}"
        (unused / "vmlinuz-1").unlink()
        unused.rmdir()
    four.both("cleanup")
    names = {path.name for path in (four.view(OURS) / "boot/ostree").iterdir()}
    assert "mine" in names
    assert f"testos-{'f' * 64}" not in names


FAILURES = {
    "undeploy 4": "choose deployment: 4: out of range: there are deployments 0 to 3",
    "undeploy x": (
        "usage: Invalid value for 'INDEX': 'x' is not a whole number of at most nine digits."
    ),
    "undeploy": "usage: Missing argument 'INDEX'.",
    "set-default 9": "choose deployment: 9: out of range: there are deployments 0 to 3",
    "set-default --": "usage: Missing argument 'INDEX'.",
    "pin": "usage: Missing argument 'INDEX...'.",
    "pin x": "pin: x: neither a number nor one of booted, pending, rollback",
    "pin booted": "pin: booted: there is no such deployment",
    "pin 1 7": "choose deployment: 7: out of range: there are deployments 0 to 3",
    "os-init testos": "make stateroot: ostree/deploy/testos: it exists",
    "os-init a/b": "make stateroot: 'a/b': no name for a stateroot",
    "os-init ..": "make stateroot: '..': no name for a stateroot",
    "os-init": "usage: Missing argument 'STATEROOT'.",
    "set-origin up": "usage: Missing argument 'URL'.",
    "set-origin up http://u": (
        "set origin: booted deployment: this sysroot is not the running system's"
    ),
    "set-origin --index=9 up http://u": (
        "choose deployment: 9: out of range: there are deployments 0 to 3"
    ),
    "init-fs": "usage: Missing argument 'PATH'.",
    "init-fs /tmp/nowhere": "make sysroot: /tmp/nowhere: No such file or directory",
}


def test_bad_input_changes_nothing(four: Pair):
    for command, text in FAILURES.items():
        verb, *args = command.split()
        done = four.ours(verb, *args)
        assert done.returncode == 1, command
        lines = done.stderr.splitlines()
        assert lines[0] == f"bootentries: {text}"
        assert all(line.startswith("hint: ") for line in lines[1:])
        assert not done.stdout
        # The real one refuses it as well, though not before it has pinned the first one.
        if command != "pin 1 7":
            assert four.theirs(verb, *args).returncode == 1, command
    four.compare()


def test_dry_run_changes_nothing(four: Pair):
    plans = {
        "undeploy 1": "swap boot/loader -> loader.1",
        "set-default 1": "swap boot/loader -> loader.1",
        "pin 1": "touch ostree/deploy",
        "cleanup": "prune the repository",
        "os-init new": "create stateroot ostree/deploy/new",
        "set-origin --index=0 up http://u b": "add remote up http://u",
        "kargs edit-in-place --append-if-missing=a": "freeze and thaw the filesystem of /boot",
        "init-fs --modern /tmp/sysroot/ours": "create repository ostree/repo",
    }
    for command, line in plans.items():
        verb, *args = command.split()
        done = four.ours(verb, *args, "--dry-run")
        assert done.returncode == 0, done.stderr
        assert line in done.stdout.splitlines(), command
    four.compare()


@pytest.mark.parametrize("options", [(), ("--modern",), ("-E", "1"), ("--epoch=0",)])
def test_init_fs(suite, tmp_path, options):
    with pair(suite, tmp_path) as both:
        for who in (THEIRS, OURS):
            (both.view(who) / "new").mkdir()
        # Twice: what is there already stays.
        for _ in range(2):
            theirs = both.chroot("ostree", "admin", "init-fs", *options, "/tmp/sysroot/theirs/new")
            ours = both.ours("init-fs", *options, "/tmp/sysroot/ours/new")
            assert (theirs.returncode, theirs.stdout) == (ours.returncode, ours.stdout) == (0, "")
            both.compare()
