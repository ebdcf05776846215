"""`deploy` beside `ostree admin deploy`: the same trees, lists and lines, from equal starts."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from richtrees import rich
from sidebyside import OURS, THEIRS, Pair, facts, pair
from trees import PLAIN, TREES

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
OTHER = replace(PLAIN, name="other", modules={"vmlinuz": "kernel 2", "initramfs.img": "i 2"})
EDIT = """
echo edited >> etc/secret; chmod 600 etc/sub/deep/owned; rm -f etc/empty
ln -sfn elsewhere etc/link; mkdir -p etc/added/below; echo new > etc/added/below/file
chown 9:9 etc/added; chmod 700 etc/added/below; rm -f etc/fifo; mkfifo etc/fifo
"""


@pytest.fixture(params=SUITES)
def suite(request):
    return request.param


def no_tmpfiles(root: Path) -> None:
    (root / "usr/lib/tmpfiles.d").rmdir()


def no_var(root: Path) -> None:
    shutil.rmtree(root / "var")
    no_tmpfiles(root)


def taken_var(root: Path) -> None:
    no_tmpfiles(root)
    (root / "var/run").write_text("a file\n")
    (root / "var/log").mkdir(mode=0o700)
    (root / "var/tmp").mkdir(mode=0o700)


def empty_etc(root: Path) -> None:
    (root / "etc").mkdir()


def only_empty_etc(root: Path) -> None:
    shutil.rmtree(root / "usr/etc")
    (root / "etc").mkdir()


def no_etc(root: Path) -> None:
    shutil.rmtree(root / "usr/etc")


def updated_stamps(root: Path) -> None:
    (root / "usr/etc/.updated").touch()
    (root / "var/.updated").touch()


SHAPES = (
    None, no_tmpfiles, no_var, taken_var, empty_etc, only_empty_etc, no_etc, updated_stamps
)  # fmt: skip


def shape_name(shape: Callable[[Path], None] | None) -> str:
    return shape.__name__ if shape else "rich"


def test_first_deployments_are_libostrees(suite, tmp_path):
    """Each shape in a stateroot of its own: /var is filled by the first deployment only."""
    names = [shape_name(shape) for shape in SHAPES]
    with pair(suite, tmp_path, *names) as both:
        for shape, name in zip(SHAPES, names, strict=True):
            root = rich(tmp_path / name)
            if shape:
                shape(root)
            both.commit(root, name, "1.0")
            said = both.both("deploy", f"--os={name}", "--karg=root=UUID=abc", name)
            assert said.startswith("Relabeling /var (no stamp file 'var/.ostree-selabeled' found)")
            assert "; bootconfig swap: yes; bootversion: boot." in said
        found = facts(both.view(OURS))
        for name in names:
            base = f"ostree/deploy/{name}/deploy/"
            mine = [path.removeprefix(base)[64:] for path in found if path.startswith(base)]
            assert {".0", ".0.origin", ".0/usr/bin/tool", ".0/usr/bin/gone"} <= set(mine)


def test_kernels_of_every_layout(suite, tmp_path):
    with pair(suite, tmp_path) as both:
        for tree in TREES[1:]:
            both.commit(rich(tmp_path / "trees", tree), tree.name, "1.0")
            both.both("deploy", "--os=testos", "--retain", "--karg=root=UUID=abc", tree.name)


@pytest.fixture
def history(suite, tmp_path):
    """Three commits of one kernel and another; the first is deployed."""
    with pair(suite, tmp_path, "testos", "other") as both:
        root = rich(tmp_path / "trees")
        both.commit(root, "one", "1.0")
        (root / "usr/etc/secret").write_text("new default\n")
        (root / "usr/etc/new").write_text("new\n")
        both.commit(root, "two", "1.1")
        both.commit(rich(tmp_path / "trees", OTHER), "kernel", "2.0")
        both.both("deploy", "--os=testos", "--karg=root=UUID=abc", "--karg=quiet", "one")
        yield both


KARGS = (
    ("--karg=quiet=2", "--karg-append=console=tty0 console=ttyS0", "--karg-delete=root"),
    ("--karg-none",),
    ("--karg-none", "--karg=a", "--karg-append=a"),
    ("--karg-proc-cmdline",),
    ("--karg-proc-cmdline", "--karg=root=x"),
    ("--karg-delete=nosuch", "--karg-delete=nosuch=1"),
    ("--karg=root=UUID=abc",),
    ("--karg-delete=root=UUID=abc", "--karg=a=b c"),
    ('--karg-append=x="1 2" y', "--karg-append=x"),
    ("--no-merge",),
    ("--no-merge", "--karg=a"),
)


def test_kernel_arguments(history):
    for args in KARGS:
        history.both("deploy", "--os=testos", *args, "one")


def test_lists_that_come_about(history):
    """Every way to keep or to drop the others, one after another on the same sysroots."""
    steps = (
        ("--os=testos", "two"),
        ("--os=testos", "--retain", "kernel"),
        ("--os=testos", "--retain", "--not-as-default", "one"),
        ("--os=other", "--karg=root=LABEL=other", "one"),
        ("--os=testos", "--not-as-default", "two"),
        ("--stateroot=other", "--retain-pending", "two"),
        ("--os=testos", "--retain-rollback", "two"),
        ("--os=testos", "--no-prune", "two"),
        ("--os=other", "--no-merge", "--retain-pending", "kernel"),
        ("--os=testos", "--no-merge", "--retain", "two"),
        ("--os=testos", "one"),
    )
    for args in steps:
        history.both("deploy", *args)
    history.by_theirs("pin", "1")
    history.both("deploy", "--os=testos", "two")
    history.both("deploy", "--os=testos", "kernel")


def test_local_changes_of_etc_are_carried_over(history):
    history.edit(EDIT)
    said = history.both("deploy", "--os=testos", "two")
    assert said.startswith("Copying /etc changes: 3 modified, 1 removed, 4 added\n")
    etc = next(history.view(OURS).glob("ostree/deploy/testos/deploy/*/etc/new")).parent
    assert (etc / "secret").read_text() == "s\nedited\n"
    assert not (etc / "fifo").exists()
    history.edit(EDIT + "rm -rf etc/sub; touch etc/.updated ../../var/.updated")
    history.both("deploy", "--os=testos", "kernel")
    history.edit("rm -r etc/added; echo a > etc/added")
    history.both("deploy", "--os=testos", "kernel")


def test_what_names_a_commit(history):
    for who in (THEIRS, OURS):
        repo = history.view(who) / "ostree/repo"
        remote = repo / "refs/remotes/far/a/b"
        remote.parent.mkdir(parents=True)
        shutil.copy(repo / "refs/heads/two", remote)
        # A ref can be an alias.
        (repo / "refs/heads/alias").symlink_to("two")
    checksum = (history.view(OURS) / "ostree/repo/refs/heads/two").read_text().strip()
    for refspec in ("far:a/b", "far/a/b", checksum, checksum[:12], "alias", "one", "two"):
        history.both("deploy", "--os=testos", refspec)
        origins = [*history.view(OURS).glob("ostree/deploy/testos/deploy/*.origin")]
        assert f"[origin]\nrefspec={refspec}\n" in [path.read_text() for path in origins]


ORIGINS = (
    b"[origin]\nrefspec=far:branch\n",
    b"#c\n[origin]\n  spaced  =  v a l \nrefspec=x\n\n\n[other]\n# c\ny=2\n",
    b"[origin]\ncontainer-image-reference=docker://x\noverride-commit=abc\n"
    b"[libostree-transient]\npinned=true\n",
)


def test_an_origin_from_a_file(history):
    inside = history.box.root / "tmp/origin"
    for data in ORIGINS:
        history.box.run(["sh", "-c", f"printf '%b' \"$0\" > {inside}", escaped(data)])
        history.both("deploy", "--os=testos", "--origin-file=/tmp/origin", "two")


def escaped(data: bytes) -> str:
    return "".join(f"\\0{byte:03o}" for byte in data)


def test_overlay_initrds(history, tmp_path):
    history.box.run(["sh", "-c", f"echo 1 > {history.box.root}/tmp/a"])
    history.box.run(["sh", "-c", f"echo 2 > {history.box.root}/tmp/b"])
    history.both("deploy", "--os=testos", "--overlay-initrd=/tmp/a", "one")
    history.both(
        "deploy", "--os=testos", "--overlay-initrd=/tmp/b", "--overlay-initrd=/tmp/a", "two"
    )
    # The last to use them goes: so do the files.
    history.both("deploy", "--os=testos", "one")
    history.both("deploy", "--os=testos", "one")
    assert not list((history.view(OURS) / "boot/ostree/initramfs-overlays").iterdir())
    # A new entry is counted, whether overlays are in it or not.
    counted = history.suite == "sid"  # 2025.2 does not know it
    for who in (THEIRS, OURS):
        repo = f"--repo={history.sysroot(who)}/ostree/repo"
        history.ostree("config", repo, "set", "sysroot.bootprefix", "true")
        if counted:
            history.ostree("config", repo, "set", "sysroot.boot-counting-tries", "3")
    history.both("deploy", "--os=testos", "--overlay-initrd=/tmp/a", "two")
    name = "ostree-2+3.conf" if counted else "ostree-2.conf"
    assert (history.view(OURS) / "boot/loader/entries" / name).exists()
    # The kernel of this one has no initramfs that an overlay could follow.
    history.commit(rich(tmp_path / "bare", TREES[2]), "bare")
    args = ("--os=testos", "--overlay-initrd=/tmp/a", "bare")
    unchanged(history, "the tree has no initramfs to add it to", *args)


WORDS = (
    ("OSTREE_SYSROOT_DEBUG", "mutable-deployments"),
    ("OSTREE_SYSROOT_DEBUG", "no-xattrs"),
    ("OSTREE_SYSROOT_DEBUG", "no-xattrs,mutable-deployments"),
    ("OSTREE_SYSROOT_OPTS", "bootloader-naming-1"),
    ("OSTREE_SYSROOT_OPTS", "no-early-prune"),
)


def test_words_in_the_environment(history):
    history.edit(EDIT)
    for name, value in WORDS:
        history.box.environ[name] = value
        history.both("deploy", "--os=testos", "two")
        history.both("deploy", "--os=testos", "kernel")
        del history.box.environ[name]


def test_a_device_tree_is_left_out_on_request(suite, tmp_path):
    with pair(suite, tmp_path) as both:
        both.box.environ["OSTREE_SYSROOT_DEBUG"] = "no-dtb"
        for tree in TREES:
            if tree.name.startswith(("devicetree", "dtb")):
                both.commit(rich(tmp_path / "trees", tree), tree.name, "1.0")
                both.both("deploy", "--os=testos", "--retain", "--karg=root=x", tree.name)
        assert not list(both.view(OURS).glob("boot/ostree/*/d*"))


def test_each_goes_on_from_the_others_work(history):
    history.edit(EDIT)
    history.both("deploy", "--os=testos", "two")
    for step, branch in enumerate(("kernel", "one", "two", "two", "kernel")):
        history.swapped = not history.swapped
        history.both("deploy", "--os=testos", "--retain", f"--karg=step={step}", branch)
    history.both("deploy", "--os=testos", "one")
    for who in (THEIRS, OURS):
        repo = f"--repo={history.sysroot(who)}/ostree/repo"
        assert "no errors found" in history.ostree("fsck", repo)


def both_etcs(root: Path) -> None:
    empty_etc(root)
    (root / "etc/file").touch()


def file_etc(root: Path) -> None:
    (root / "etc").touch()


def no_kernel(root: Path) -> None:
    shutil.rmtree(root / "usr/lib/modules")


def no_release(root: Path) -> None:
    (root / "usr/lib/os-release").unlink()


def file_var(root: Path) -> None:
    shutil.rmtree(root / "var")
    (root / "var").touch()


BAD_TREES = (
    (both_etcs, "the tree has both /etc and /usr/etc"),
    (file_etc, "prepare /etc: etc: not a directory in the tree"),
    (no_kernel, "no kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot"),
    (no_release, "neither PRETTY_NAME nor ID is set"),
    (file_var, "/var of the tree is not a directory"),
)


def test_trees_that_cannot_be_deployed(suite, tmp_path):
    with pair(suite, tmp_path) as both:
        both.commit(rich(tmp_path / "trees"), "good", "1.0")
        both.both("deploy", "--os=testos", "--karg=root=UUID=abc", "good")
        for damage, text in BAD_TREES:
            root = rich(tmp_path / damage.__name__)
            damage(root)
            both.commit(root, "bad")
            if damage is file_var:
                # Only an empty /var is filled.
                var = both.view(OURS) / "ostree/deploy/testos/var"
                subprocess.run(["rm", "-rf", var], check=True)
                var.mkdir()
            unchanged(both, text, "--os=testos", "bad")


def unchanged(both: Pair, text: str, *args: str) -> None:
    """`deploy` has to fail with `text`, in one line, and to leave the sysroot as it is."""
    before = facts(both.view(OURS))
    done = both.ours("deploy", *args)
    assert done.returncode == 1
    assert "bootversion" not in done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("bootentries: ")]
    assert text in errors[-1]
    assert "Traceback" not in done.stderr
    assert facts(both.view(OURS)) == before


BAD_CALLS = (
    (("--os=testos",), "usage: REF/REV must be specified"),
    (("one",), "not booted into an OSTree system, and no --os given"),
    (("--os=nosuch", "one"), "deploy: nosuch: no such stateroot"),
    (("--os=../testos", "one"), "'../testos': not the name of a stateroot"),
    (("--os=testos", "nosuch"), "resolve: nosuch: no such ref or commit in the repository"),
    (("--os=testos", "../../config"), "no such ref or commit in the repository"),
    (("--os=testos", "nosuch:one"), "no such ref or commit in the repository"),
    (("--os=testos", "--", "-x"), "no such ref or commit in the repository"),
    (("--os=testos", "f" * 64), f"commit {'f' * 64} is not in the repository"),
    (("--os=testos", "one^"), "has no parent"),
    (("--os=testos", "abcdef"), "resolve: abcdef: no such ref or commit"),
    (("--os=testos", "--karg-none", "--karg-proc-cmdline", "one"), "exclude each other"),
    (("--os=testos", "--no-merge", "--karg-delete=a", "one"), "exclude each other"),
    (("--os=testos", "--karg-none", "--karg-delete=a", "one"), "exclude each other"),
    (("--os=testos", "--karg-delete=root=other", "one"), "delete kernel argument: root=other"),
    (("--os=testos", "--overlay-initrd=/nosuch", "one"), "read overlay initrd: /nosuch"),
    (("--os=testos", "--origin-file=/nosuch", "one"), "read origin: /nosuch: No such file"),
    (("--os=testos", "--origin-file=/etc/passwd", "one"), "read origin: /etc/passwd: line 1:"),
    (("--os=testos", "--no-such-option", "one"), "usage: No such option"),
    (("--os=testos", "--lock-finalization", "one"), "stage: /tmp/sysroot/ours: not booted"),
    (("--os=testos", "--stage", "one"), "stage: /tmp/sysroot/ours: not booted into an"),
)


def test_bad_calls_fail_alike_and_change_nothing(history):
    for args, text in BAD_CALLS:
        assert history.theirs("deploy", *args).returncode == 1, args
        unchanged(history, text, *args)


def test_a_foreign_directory_among_the_deployments(history):
    for who in (THEIRS, OURS):
        (history.view(who) / "ostree/deploy/testos/deploy/foreign").mkdir()
    assert history.theirs("deploy", "--os=testos", "two").returncode == 1
    unchanged(history, "deploy/foreign: not named CHECKSUM.SERIAL", "--os=testos", "two")


def test_a_full_disk_leaves_the_old_list(history):
    filler = history.view(OURS) / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1k"], check=False,
                   capture_output=True)  # fmt: skip
    before = facts(history.view(OURS))
    done = history.ours("deploy", "--os=testos", "kernel")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert facts(history.view(OURS)) == before
    filler.unlink()
    history.both("deploy", "--os=testos", "kernel")


def test_a_filled_etc_becomes_the_default(suite, tmp_path):
    """libostree means to take such a tree, and fails; with ours it can go on."""
    root = rich(tmp_path / "trees")
    (root / "usr/etc").rename(root / "etc")
    with pair(suite, tmp_path) as both:
        both.commit(root, "etc", "1.0")
        assert both.theirs("deploy", "--os=testos", "etc").returncode == 1
        assert both.ours("deploy", "--os=testos", "etc").returncode == 0
        found = facts(next(both.view(OURS).glob("ostree/deploy/testos/deploy/*.0")))
        assert found["etc/secret"][:3] == found["usr/etc/secret"][:3]
        assert found["usr/etc/secret"][4], "the defaults are links into the repository"
        assert not found["etc/secret"][4], "what gets edited is not"
        both.commit(rich(tmp_path / "next"), "next", "1.1")
        both.swapped = True
        done = both.theirs("deploy", "--os=testos", "next")
        assert done.returncode == 0, done.stderr
        assert "Copying /etc changes: 0 modified, 0 removed, 0 added" in done.stdout


def test_the_composefs_image(suite, tmp_path):
    with pair(suite, tmp_path) as both:
        both.commit(rich(tmp_path / "good"), "good", "1.0")
        both.both("deploy", "--os=testos", "good")
        for enabled in ("maybe", "yes", "signed", "verity"):
            root = rich(tmp_path / enabled)
            (root / "usr/lib/ostree").mkdir()
            config = f"[composefs]\nenabled={enabled}\n"
            (root / "usr/lib/ostree/prepare-root.conf").write_text(config)
            both.commit(root, enabled, "1.0")
            if suite == "trixie" and enabled != "maybe":
                # This one is built without.
                assert both.theirs("deploy", "--os=testos", enabled).returncode == 1
                unchanged(both, "prepare-root.conf demands composefs", "--os=testos", enabled)
            else:
                both.both("deploy", "--os=testos", enabled)
        images = list(both.view(OURS).glob("ostree/deploy/testos/deploy/*/.ostree.cfs"))
        assert bool(images) == (suite == "sid")


def test_a_dry_run_only_reads(history):
    before = facts(history.view(OURS))
    done = history.ours("deploy", "--os=testos", "--dry-run", "--karg=x", "two")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("check out ")
    assert any(line.startswith("merge local changes of /etc from testos/") for line in lines)
    assert lines[-1] == "place the new deployment at index 0 of 2"
    assert facts(history.view(OURS)) == before


def test_no_xattrs_leaves_them_out_of_the_merge(suite, tmp_path):
    with pair(suite, tmp_path) as both:
        both.commit(rich(tmp_path / "one"), "one")
        both.by_theirs("deploy", "--os=testos", "one")
        for who in (THEIRS, OURS):
            (deployment,) = (both.view(who) / "ostree/deploy/testos/deploy").glob("*.0")
            (deployment / "etc/mine").write_text("mine\n")
            os.setxattr(deployment / "etc/mine", "user.note", b"lost")
        both.box.environ["OSTREE_SYSROOT_DEBUG"] = "no-xattrs"
        both.both("deploy", "--os=testos", "one")
        (mine,) = (both.view(OURS) / "ostree/deploy/testos/deploy").glob("*.1/etc/mine")
        assert os.listxattr(mine) == []
