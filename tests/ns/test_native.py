"""bootc's native composefs roots: image, state and configuration lead to these mounts.

There is no fs-verity on this kernel, so that images here are those that may lack it (`?`).
"""

import shutil
from pathlib import Path

import cfsimages
import namespace
import pytest
import sysroots
from namespace import Outcome, Run, python
from sysroots import COMMIT, DEPLOYMENT, Layout

pytestmark = pytest.mark.ns

CONFIG = "usr/lib/composefs/setup-root-conf.toml"


@pytest.fixture(scope="module")
def digest_and_image(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A disk as bootc writes it: an image by libostree, under the names of composefs-rs."""
    tree = tmp_path_factory.mktemp("native") / "tree"
    tree.mkdir(mode=0o755)
    sysroots.build(tree, Layout(composefs=True))
    digest = cfsimages.add_native(tree, DEPLOYMENT, COMMIT)
    (tree / "state/deploy" / digest / "etc/hostname").write_text("state\n")
    (tree / "state/os/default/var/kept").write_text("var\n")
    shutil.rmtree(tree / "ostree")
    return digest, sysroots.pack(tree, tree.parent / "sysroot.img")


def prepare(
    work: Path, made: tuple[str, Path], config: str = "", cmdline: str = "", **more: object
) -> Outcome:
    digest, image = made
    copy = work / "sysroot.img"
    copy.write_bytes(image.read_bytes())
    setup = [f"mkdir -p usr/lib/composefs; cat >{CONFIG} <<'E'\n{config}\nE"]
    setup += more.pop("setup", [])  # type: ignore[arg-type]
    text = cmdline or f"quiet composefs=?{digest} rw"
    run = Run(python(), cmdline=text, setup=tuple(setup), immutable=False, **more)  # type: ignore[arg-type]
    return namespace.execute(work / "work", copy, run)


def message(outcome: Outcome) -> str:
    lines = [line.removeprefix("prepare-root: ") for line in outcome.stderr.splitlines()]
    return next(line for line in lines if not line.startswith(("image ", "hint: ", "mount: ")))


def test_default(tmp_path: Path, digest_and_image: tuple[str, Path]) -> None:
    digest, _ = digest_and_image
    shell = ("cat etc/hostname var/kept", "touch etc/new var/new && ls etc/new", "ls sysroot/state")
    outcome = prepare(tmp_path, digest_and_image, shell=shell)
    assert outcome.status == 0, outcome.stderr
    found = {
        path: (m.fstype, m.source, m.root, m.readonly)
        for path, m in outcome.below("/sysroot").items()
    }
    assert found == {
        ".": ("overlay", f"composefs:{digest}", "/", True),
        "sysroot": ("ext4", "/dev/loop", "/", True),
        "etc": ("ext4", "/dev/loop", f"/state/deploy/{digest}/etc", False),
        "var": ("ext4", "/dev/loop", "/state/os/default/var", False),
    }
    assert outcome.shell == ["state\nvar", "etc/new", "deploy\nos"]
    assert outcome.booted is None
    assert not [m for m in outcome.mounts if m.fstype == "erofs" or m.point.startswith("/run/")]
    names = {name for name in outcome.run if "bootchain" in name}
    assert names == {"bootchain", "bootchain/image"}
    assert outcome.run["systemd/volatile-root"].startswith("lrwxrwxrwx /dev/block/7:")


def test_overlay_on_etc_keeps_changes_in_the_state(
    tmp_path: Path, digest_and_image: tuple[str, Path]
) -> None:
    digest, _ = digest_and_image
    shell = (
        "echo x >etc/new && cat etc/new",
        f"cat sysroot/state/deploy/{digest}/etc/upper/new",
        "ls -a var/kept",
    )
    outcome = prepare(tmp_path, digest_and_image, "[etc]\nmount = 'overlay'", shell=shell)
    assert outcome.status == 0, outcome.stderr
    etc = outcome.below("/sysroot")["etc"]
    assert (etc.fstype, etc.source) == ("overlay", "overlay")
    assert outcome.shell == ["x", "x", "var/kept"]


def test_transient(tmp_path: Path, digest_and_image: tuple[str, Path]) -> None:
    """Both at once are three overlays, of which the kernel stacks two."""
    digest, _ = digest_and_image
    config = "[root]\ntransient = true\n[etc]\ntransient = true\n[var]\nmount = 'none'"
    shell = ("echo x >etc/new && echo y >new && cat etc/new new", "ls var")
    outcome = prepare(tmp_path, digest_and_image, config, shell=shell)
    assert outcome.status == 0, outcome.stderr
    mounts = [m for m in outcome.mounts if m.point.startswith("/sysroot")]
    assert [(m.point, m.source) for m in mounts] == [
        ("/sysroot", f"transient:composefs={digest}"),
        ("/sysroot/sysroot", "/dev/loop"),
        ("/sysroot/etc", "transient"),
    ]
    assert outcome.shell == ["x\ny", ""]
    assert not [m for m in outcome.mounts if m.fstype == "tmpfs" and "bootchain" in m.point]


@pytest.mark.parametrize("word", ["state", "overlay"])
def test_systemd_has_a_var_of_its_own(
    tmp_path: Path, digest_and_image: tuple[str, Path], word: str
) -> None:
    cmdline = f"composefs=?{digest_and_image[0]} systemd.volatile={word}"
    outcome = prepare(tmp_path, digest_and_image, cmdline=cmdline)
    assert outcome.status == 0, outcome.stderr
    assert "var" not in outcome.below("/sysroot")


def test_dry_run(tmp_path: Path, digest_and_image: tuple[str, Path]) -> None:
    digest, image = digest_and_image
    words = python()
    program = (*words[:-2], "--dry-run", *words[-2:])
    run = Run(program, cmdline=f"composefs=?{digest}", immutable=False)
    outcome = namespace.execute(tmp_path / "work", image, run)
    assert outcome.status == 0
    assert f"root: mount image /sysroot/composefs/images/{digest} over" in outcome.stdout
    assert "bind /sysroot/. on /sysroot.tmp/sysroot read-only, if there is" in outcome.stdout
    assert outcome.below("/sysroot")["."].fstype == "ext4"


REFUSED = {
    "fs-verity": ("composefs={}", "", "image refused: no fs-verity: the kernel lacks it"),
    "no image": (f"composefs=?{'0' * 64}", "", f"composefs/images/{'0' * 64}: no such image"),
    "no hex": ("composefs=abc", "", "composefs: 'abc' is not 64 or 128 lower-case hex digits"),
    "no state": ("composefs=?{}", "rm -r sysroot/state/deploy", "the image has no state directory"),
    "no var": ("composefs=?{}", "rm -r sysroot/state/os", "/var: the image has no state directory"),
    "bad configuration": (
        "composefs=?{}",
        f"echo 'mount = 3' >>{CONFIG}; echo '[etc' >{CONFIG}",
        f"read configuration: /{CONFIG}: line 1: not a table",
    ),
    "leads outside": (
        "composefs=?{}",
        "rm sysroot/composefs/images/*; ln -s ../../../etc/passwd sysroot/composefs/images/{}",
        "no such image",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path: Path, digest_and_image: tuple[str, Path], case: str) -> None:
    cmdline, spoil, reason = REFUSED[case]
    digest = digest_and_image[0]
    setup = [spoil.replace("{}", digest)]
    outcome = prepare(
        tmp_path, digest_and_image, cmdline=cmdline.replace("{}", digest), setup=setup
    )
    assert outcome.status == 1
    assert reason in message(outcome)
    assert [(m.point, m.root) for m in outcome.mounts if "sysroot" in m.point] == [
        ("/sysroot", "/")
    ]
    assert outcome.run == {}


def test_ostree_comes_first(tmp_path: Path, digest_and_image: tuple[str, Path]) -> None:
    """With both arguments it is a deployment that is looked for."""
    cmdline = f"composefs=?{digest_and_image[0]} {sysroots.OSTREE_KARG}"
    outcome = prepare(tmp_path, digest_and_image, cmdline=cmdline)
    assert outcome.status == 1
    assert message(outcome).startswith("find deployment: ")
