"""prepare-root on a real filesystem: which configuration mounts what, and how it fails.

That nothing else is written is in `test_footprint.py`, that each step counts in
`test_mutants.py`, and what becomes of convenience links in `test_links.py`.
"""

from collections.abc import Callable
from pathlib import Path

import namespace
import pytest
import sysroots
from namespace import Outcome, Run, python
from prepared import Expected, basic_mounts, check_booted, check_mounts
from sysroots import BOOTCSUM, DEPLOYMENT, EMPTY, FULL, MISSING, STATEROOT, WRONG, Layout

pytestmark = pytest.mark.ns

FULL_CONFIG = "[sysroot]\nreadonly=true\n[var]\nmount=yes\n[record]\nmounts=yes\n"
LINKS = {"home": MISSING, "srv": EMPTY, "opt": FULL, "mnt": WRONG}
FSTAB = "# devices\nLABEL=var /var ext4 defaults 0 2\n"

Execute = Callable[..., Outcome]


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Runs prepare-root on an image of a layout."""

    def run(layout: Layout, *omit: str, **options: object) -> Outcome:
        image = sysroots.image(tmp_path / "image", layout)
        return namespace.execute(tmp_path / "work", image, Run(python(*omit), **options))

    return run


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("boot", [True, False])
@pytest.mark.parametrize("var", ["auto", "yes", "no"])
def test_matrix(execute: Execute, readonly: bool, boot: bool, var: str) -> None:
    config = f"[sysroot]\nreadonly={str(readonly).lower()}\n[var]\nmount={var}\n"
    outcome = execute(Layout(boot_loader=boot), config=config)
    check_mounts(outcome, basic_mounts(readonly=readonly, var=var == "yes", boot=boot))
    check_booted(outcome, Expected(readonly=readonly))


@pytest.mark.parametrize(
    ("layout", "options", "mounted"),
    [
        (Layout(generator=False), {}, True),
        (Layout(), {}, False),
        (Layout(), {"run_files": ("ostree/initramfs-mount-var",)}, True),
        (Layout(fstab=FSTAB), {"config": "[var]\nmount=yes\n"}, False),
        (Layout(fstab=FSTAB), {"run_files": ("ostree/initramfs-mount-var",)}, False),
        (
            Layout(),
            {
                "config": "[var]\nmount=yes\n",
                "cmdline": f"systemd.volatile=state {sysroots.OSTREE_KARG}",
            },
            False,
        ),
    ],
)
def test_who_mounts_var(
    execute: Execute, layout: Layout, options: dict[str, object], mounted: bool
) -> None:
    outcome = execute(layout, **options)
    assert outcome.status == 0, outcome.stderr
    assert ("var" in outcome.below("/sysroot")) is mounted


def test_repository_says_readonly(execute: Execute) -> None:
    outcome = execute(Layout(repo_config="[core]\nmode=bare\n[sysroot]\nreadonly=true\n"))
    check_mounts(outcome, basic_mounts(readonly=True, var=False, boot=True))
    check_booted(outcome, Expected(readonly=True))


def test_boot_can_be_switched_off(execute: Execute) -> None:
    outcome = execute(Layout(), config="[boot]\nmount=no\n")
    assert "boot" not in outcome.below("/sysroot")


def test_hotfix_layers_are_over_usr(execute: Execute) -> None:
    outcome = execute(Layout(hotfix=True))
    usr = outcome.below("/sysroot")["usr"]
    assert usr.fstype == "overlay"
    assert not usr.readonly
    assert "upperdir=.usr-ovl-upper" in usr.super_options


def test_targets_never_leave_the_stateroot(execute: Execute) -> None:
    outcome = execute(
        Layout(
            links={"home": MISSING},
            symlinks={f"ostree/deploy/{STATEROOT}/var/data": "../../../../boot"},
        ),
        config="[links]\nhome=var/data/home\n",
    )
    assert outcome.status == 0
    assert "data/home" not in "".join(outcome.sysroot)
    assert "not fatal" in outcome.stderr


def test_dry_run_does_nothing(execute: Execute, tmp_path: Path) -> None:
    image = sysroots.image(tmp_path / "dry", Layout(links=LINKS))
    program = (*python()[:-2], "--dry-run", "/sysroot", "/cmdline")
    outcome = namespace.execute(tmp_path / "drywork", image, Run(program, config=FULL_CONFIG))
    assert outcome.status == 0
    assert list(outcome.below("/sysroot")) == ["."]
    assert outcome.run == {}
    assert "boot: bind /sysroot/boot on /sysroot.tmp/boot\n" in outcome.stdout


BOOTLINK = f"ostree/boot.1.1/{STATEROOT}/{BOOTCSUM}/0"
LINK = f"/ostree/boot.1/{STATEROOT}/{BOOTCSUM}/0"
ELSEWHERE = "../../../deploy"


@pytest.mark.parametrize(
    ("layout", "options", "line"),
    [
        (
            Layout(),
            {"cmdline": "root=LABEL=x quiet"},
            "find deployment: kernel command line: no ostree= argument",
        ),
        (Layout(remove=(BOOTLINK,)), {}, f"find deployment: {LINK}: no such link"),
        (
            Layout(remove=(DEPLOYMENT,)),
            {"immutable": False},
            f"find deployment: {LINK}: dangling link: the deployment is gone",
        ),
        (
            Layout(symlinks={BOOTLINK: "/" + DEPLOYMENT}),
            {},
            f"find deployment: {LINK}: leads outside the sysroot",
        ),
        (
            Layout(symlinks={BOOTLINK: "../" * 12 + "etc"}),
            {},
            f"find deployment: {LINK}: leads outside the sysroot",
        ),
        (
            Layout(symlinks={BOOTLINK: f"{ELSEWHERE}/{STATEROOT}"}),
            {},
            f"find deployment: {LINK}: not a deployment: ostree/deploy/{STATEROOT}"
            " is not ostree/deploy/STATEROOT/deploy/CHECKSUM.SERIAL",
        ),
        (
            Layout(remove=(f"{DEPLOYMENT}/usr",)),
            {},
            f"find deployment: {LINK}: not a deployment: {DEPLOYMENT} has no directory 'usr'",
        ),
        (
            Layout(),
            {"cmdline": "ostree=/" + DEPLOYMENT},
            f"find deployment: /{DEPLOYMENT}: not a symbolic link",
        ),
        (
            Layout(),
            {"config": "[sysroot\n"},
            "read configuration: /etc/ostree/prepare-root.conf: configuration unreadable: line 1",
        ),
        (
            Layout(),
            {"config": "[sysroot]\nreadonly=yes\n"},
            "read configuration: /etc/ostree/prepare-root.conf: configuration unreadable: line 2",
        ),
        *(
            (
                Layout(symlinks={"ostree/boot.1": text}),
                {},
                f"find deployment: {LINK}: leads outside the sysroot",
            )
            for text in ("/ostree/boot.1.1", "../" * 12 + "ostree/boot.1.1")
        ),
        *(
            (
                Layout(),
                {"config": f"[root]\n{key}=true\n"},
                "read configuration: [root] transient: only a composefs image can have a transient"
                " root, and this root has none",
            )
            for key in ("transient", "transient-ro")
        ),
        (
            Layout(),
            {"config": "[composefs]\nenabled=yes\n"},
            f"mount root: {DEPLOYMENT}/.ostree.cfs: the deployment has no composefs image",
        ),
    ],
)
def test_each_broken_hop_has_its_own_line(
    execute: Execute, layout: Layout, options: dict[str, object], line: str
) -> None:
    outcome = execute(layout, **options)
    assert outcome.status == 1
    assert outcome.error.startswith(line)
    assert "Traceback" not in outcome.stderr
    assert "mount: " in outcome.stderr
    assert "block devices: " in outcome.stderr
    assert outcome.booted is None


@pytest.mark.parametrize("number", range(1, 16))
def test_every_mount_may_fail(execute: Execute, number: int, tmp_path: Path) -> None:
    """Error injected into the Nth mount(2) that follows chroot(1)'s start."""
    log = tmp_path / "trace"
    wrapper = ("strace", "-f", "-o", str(log), "-e", "trace=mount")
    wrapper += ("-e", f"inject=mount:error=EIO:when={number}")
    outcome = execute(Layout(), config=FULL_CONFIG, wrapper=wrapper)
    assert "(INJECTED)" in log.read_text()
    assert outcome.status == 1
    told = [line for line in outcome.stderr.splitlines() if line.endswith("Input/output error")]
    assert len(told) == 1
    assert "Traceback" not in outcome.stderr
    assert not outcome.below("/sysroot.tmp")
