"""A preparation that fails late: the physical root is back, and nothing says "booted".

What a rescue shell, or systemd's next try, finds after a failure must be what was there before.
"""

import json
import sys
from pathlib import Path

import namespace
import pytest
import sysroots
from namespace import Outcome, Run, python
from sysroots import DEPLOYMENT, EMPTY, FULL, MISSING, STATEROOT, Layout

from guest import tree
from prepare_root.formats.booted import BootedMetadata
from prepare_root.image import binary

pytestmark = pytest.mark.ns

VAR = f"ostree/deploy/{STATEROOT}/var"
CONFIG = "[sysroot]\nreadonly=true\n[var]\nmount=yes\n"
LINKS = {"home": MISSING, "srv": EMPTY, "opt": FULL}
FAULTS = (
    *(sys.executable, "-B", str(namespace.HERE / "faults.py")),
    *("/sysroot", "/cmdline"),
)
MOUNTED = {
    *(".", "boot", "etc", "usr", "sysroot", f"sysroot/{VAR}", "var", "srv"),
}
EIO = "Input/output error"


def execute(tmp_path: Path, run: Run, layout: Layout | None = None) -> Outcome:
    image = sysroots.image(tmp_path / "image", layout or Layout(links=LINKS))
    return namespace.execute(tmp_path / "work", image, run)


def check_prepared(outcome: Outcome, mounted: set[str]) -> None:
    assert set(outcome.below("/sysroot")) == mounted
    # one mount each, and none elsewhere: the old root does not stay below or beside the new
    points = [mount.point for mount in outcome.mounts if "sysroot" in mount.point]
    assert len(points) == len(mounted), points
    metadata = BootedMetadata(device=outcome.device, inode=outcome.inode, sysroot_ro=True)
    assert outcome.booted == metadata.encode()


def check_untouched(outcome: Outcome) -> None:
    """The physical root alone, writable, and no word of a booted deployment."""
    (mount,) = (mount for mount in outcome.mounts if "sysroot" in mount.point)
    assert (mount.point, mount.root, mount.fstype, mount.readonly) == (
        *("/sysroot", "/", "ext4"),
        False,
    )
    assert outcome.sysroot["boot/kernel"].startswith("-rw")
    assert outcome.booted is None
    assert "ostree" not in outcome.run


def test_every_operation_may_fail_and_the_next_try_works(tmp_path: Path) -> None:
    outcome = execute(tmp_path, Run(FAULTS, config=CONFIG))
    assert outcome.status == 0, outcome.stderr
    answer = json.loads(outcome.stdout)
    before = answer["before"]
    assert "boot" in before["sysroot"]
    assert [line.split(" ")[3:5] for line in before["mounts"] if "/sysroot" in line] == [
        ["/", "/sysroot"]
    ]
    for attempt in answer["tries"]:
        said = attempt["said"].splitlines()
        assert attempt["status"] == 1, said
        assert f"prepare-root: {attempt['line']}: {EIO}" in said
        assert [line for line in said if "hint: " in line] == []
        assert attempt["after"] == before, attempt["line"]
        # the report shows the bootlinks, since the physical root is there to look at
        assert any("link: /sysroot/ostree/boot.1/" in line for line in said)
    steps = {attempt["step"] for attempt in answer["tries"]}
    assert steps == {
        *("run", "private", "root", "boot", "etc", "usr", "sysroot", "stateroot var", "var"),
        *("booted", "move", "sysroot read-only"),
    }
    status, said = answer["undisturbed"]
    assert status == 0, said
    check_prepared(outcome, MOUNTED)


def inject(log: Path, *rules: str) -> tuple[str, ...]:
    """strace(1) in front of chroot(1), with errors injected into the calls named."""
    calls = ",".join(rule.split(":")[0] for rule in rules)
    words = ["strace", "-f", "-o", str(log), "-e", f"trace={calls}"]
    for rule in rules:
        words += ["-e", f"inject={rule}"]
    return tuple(words)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("mount:error=EIO:when=8", "sysroot: move /sysroot to /sysroot.tmp/sysroot"),
        ("mount:error=EIO:when=13", "var: make /sysroot.tmp/var shared"),
        ("mount:error=EIO:when=14", "move: move /sysroot.tmp to /sysroot"),
        ("mount:error=EIO:when=15", "sysroot read-only: remount /sysroot/sysroot read-only"),
    ],
)
def test_system_calls_that_fail_late(tmp_path: Path, rule: str, line: str) -> None:
    log = tmp_path / "trace"
    run = Run(python(), config=CONFIG, wrapper=inject(log, rule))
    outcome = execute(tmp_path, run, Layout())
    assert "(INJECTED)" in log.read_text()
    assert outcome.status == 1
    assert f"prepare-root: {line}: {EIO}\n" in outcome.stderr
    assert "hint: " not in outcome.stderr
    check_untouched(outcome)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("mount:error=EIO:when=8", "sysroot: bind /sysroot on /sysroot.tmp/sysroot"),
        ("mount:error=EIO:when=14", "move: move /sysroot to /sysroot.old"),
        ("mount:error=EIO:when=15", "move: move /sysroot.tmp to /sysroot"),
        ("umount2:error=EIO:when=1", "move: detach /sysroot.old"),
    ],
)
def test_mounts_below_the_physical_root_are_there_again(
    tmp_path: Path, rule: str, line: str
) -> None:
    """They would not come along into the new root; after a failure they are where they were."""
    log = tmp_path / "trace"
    setup = ("mount -t tmpfs partition sysroot/boot/loader.1/entries",)
    run = Run(python(), config=CONFIG, wrapper=inject(log, rule), setup=setup)
    outcome = execute(tmp_path, run, Layout())
    assert "(INJECTED)" in log.read_text()
    assert f"prepare-root: {line}: {EIO}\n" in outcome.stderr
    assert "hint: " not in outcome.stderr
    assert [(m.point, m.source) for m in outcome.mounts if "sysroot" in m.point] == [
        ("/sysroot", "/dev/loop"),
        ("/sysroot/boot/loader.1/entries", "partition"),
    ]
    assert "ostree" not in outcome.run


def test_what_cannot_be_put_back_is_named(tmp_path: Path) -> None:
    """The move fails, and so does the one that would bring the physical root back."""
    run = Run(
        python(), config=CONFIG, wrapper=inject(tmp_path / "trace", "mount:error=EIO:when=14+")
    )
    outcome = execute(tmp_path, run, Layout())
    assert outcome.status == 1
    assert f"prepare-root: move: move /sysroot.tmp to /sysroot: {EIO}\n" in outcome.stderr
    assert (
        "prepare-root: hint: could not be put back as it was:"
        f" move /sysroot.tmp/sysroot to /sysroot: {EIO}\n"
    ) in outcome.stderr
    assert outcome.booted is None
    # whoever sits at a rescue shell has it still
    assert "/sysroot.tmp/sysroot" in {mount.point for mount in outcome.mounts}
    assert outcome.sysroot == {}


# What a wrapper's script gets: `chroot ROOT PROGRAM...`
def script(text: str) -> tuple[str, ...]:
    return ("sh", "-c", text, "sh")


def test_a_full_run_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    fill = 'mount -o remount,size=16k "$2/run"; cat /dev/zero >"$2/run/full" 2>/dev/null; exec "$@"'
    run = Run(python(), config=CONFIG, wrapper=script(fill))
    outcome = execute(tmp_path, run, Layout())
    assert outcome.status == 1
    assert "prepare-root: booted: write /run/ostree-booted" in outcome.stderr
    assert "No space left on device\n" in outcome.stderr
    check_untouched(outcome)


def test_a_second_run_after_a_good_one_is_one_clear_line(tmp_path: Path) -> None:
    run = Run(python(), config=CONFIG, wrapper=script('"$@" && exec "$@"'))
    outcome = execute(tmp_path, run)
    assert outcome.status == 1
    lines = [line for line in outcome.stderr.splitlines() if "find deployment" in line]
    assert lines == [
        "prepare-root: find deployment: /sysroot: prepared already:"
        " the physical root is at its sysroot"
    ]
    check_prepared(outcome, MOUNTED)


def test_libostree_can_follow_a_failed_run(tmp_path: Path) -> None:
    """Its program makes /run/ostree and fails where one is there already."""
    words = (*inject(tmp_path / "trace", "mount:error=EIO:when=14"), "chroot", '"$2"')
    first = " ".join((*words, "/run/prepare-root", "/sysroot", "/cmdline"))
    run = Run(
        ("/usr/lib/ostree/ostree-prepare-root", "/sysroot"),
        lower=str(tree.get().path),
        config=CONFIG + "[links]\nenabled=no\n",
        wrapper=script(f'{first}; exec "$@"'),
        programs={"prepare-root": binary.cached()},
    )
    outcome = execute(tmp_path, run, Layout())
    assert f"move: move /sysroot.tmp to /sysroot: {EIO}\n" in outcome.stderr
    assert outcome.status == 0, outcome.stderr
    assert outcome.below("/sysroot")["."].root == "/" + DEPLOYMENT
