"""prepare-root on a real filesystem: what it mounts and writes, and that each step counts.

One function, `check`, says what a prepared root looks like.  The good runs must pass it and
every mutant, which leaves out one step, must fail it.
"""

from collections.abc import Callable
from pathlib import Path

import namespace
import pytest
import sysroots
from namespace import Outcome, Run, python
from sysroots import BOOTCSUM, DEPLOYMENT, EMPTY, FULL, MISSING, RIGHT, STATEROOT, WRONG, Layout

from prepare_root.formats.booted import BootedMetadata

pytestmark = pytest.mark.ns

VAR = f"/ostree/deploy/{STATEROOT}/var"
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


def expected_mounts(*, readonly: bool, var: bool, boot: bool) -> dict[str, tuple[str, bool, str]]:
    """Path below the new root → (root of the mount, read-only, propagation)."""
    deployment = "/" + DEPLOYMENT
    mounts = {
        ".": (deployment, False, "private"),
        "usr": (deployment + "/usr", True, "private"),
        "sysroot": ("/", readonly, "private"),
    }
    if boot:
        mounts["boot"] = ("/boot", False, "private")
    if readonly:
        mounts["etc"] = (deployment + "/etc", False, "private")
        mounts["sysroot" + VAR] = (VAR, False, "private")
    if var:
        mounts["var"] = (VAR, False, "shared")
    return mounts


def check_mounts(outcome: Outcome, expected: dict[str, tuple[str, bool, str]]) -> None:
    assert outcome.status == 0, outcome.stderr
    found = {
        path: (mount.root, mount.readonly, mount.propagation)
        for path, mount in outcome.below("/sysroot").items()
    }
    assert found == expected
    assert all(mount.fstype == "ext4" for mount in outcome.below("/sysroot").values())
    assert not outcome.below("/sysroot.tmp")


def check_booted(outcome: Outcome, readonly: bool) -> None:
    metadata = BootedMetadata(device=outcome.device, inode=outcome.inode, sysroot_ro=readonly)
    assert outcome.booted == metadata.encode()
    assert outcome.run["ostree-booted"].startswith("-rw-r--r--")
    assert outcome.run["ostree"].startswith("drwxr-xr-x")
    assert outcome.run["ostree/.private"].startswith("d---------")


def check(outcome: Outcome) -> None:
    """A root prepared with FULL_CONFIG from a layout with LINKS."""
    expected = expected_mounts(readonly=True, var=True, boot=True)
    expected["srv"] = (VAR + "/srv", False, "shared")
    check_mounts(outcome, expected)
    check_booted(outcome, readonly=True)
    assert outcome.sysroot["home"].endswith(" var/home")
    assert "i" in outcome.flags
    for name, mode in (("home", "rwxr-xr-x"), ("roothome", "rwx------"), ("srv", "rwxr-xr-x")):
        assert outcome.sysroot[f"var/{name}"] == f"d{mode}"
    assert outcome.sysroot["var/usrlocal"] == "drwxr-xr-x"
    assert outcome.run["media"] == "drwxr-xr-x"
    assert outcome.sysroot["opt/kept"] == "-rw-r--r-- " + b"users' file\n".hex()
    assert outcome.sysroot["mnt"].endswith(" usr")
    recorded = bytes.fromhex(outcome.run["bootchain/mounts"].split(" ")[1]).decode()
    assert {line.split(" ")[4] for line in recorded.splitlines()} >= {
        "/sysroot" + (f"/{path}" if path != "." else "") for path in expected
    }
    assert outcome.shell == ["private"]
    assert "sysroot.tmp" not in outcome.stdout


# A mount that is made below the sysroot afterwards must not travel to where it came from.
PROPAGATION = (
    "grep -c ' / / .* shared:' /proc/self/mountinfo >/dev/null && echo shared || echo private"
)
OPTIONS = {"config": FULL_CONFIG, "shell": (PROPAGATION,)}


def test_everything(execute: Execute) -> None:
    outcome = execute(Layout(links=LINKS), **OPTIONS)
    check(outcome)
    assert "link: /opt: left alone" in outcome.stderr
    assert "a directory with content stands there" in outcome.stderr
    assert "link: /mnt: left alone" in outcome.stderr


STEPS = (
    *(
        "run",
        "private",
        "root",
        "boot",
        "etc",
        "usr",
        "sysroot",
        "stateroot var",
        "var",
        "booted",
        "move",
    ),
    *("sysroot read-only", "record"),
    *("link home", "link root", "link srv", "link media", "link usr/local"),
)


@pytest.mark.parametrize("step", STEPS)
def test_each_step_is_missed(execute: Execute, step: str) -> None:
    outcome = execute(Layout(links=LINKS), step, **OPTIONS)
    assert "mutant:" not in outcome.stderr
    with pytest.raises((AssertionError, KeyError)):
        check(outcome)


def test_a_mutant_that_mutates_nothing_is_an_error(execute: Execute) -> None:
    outcome = execute(Layout(), "no such step")
    assert "mutant: the plan has no step ['no such step']" in outcome.stderr
    assert outcome.status == 1


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("boot", [True, False])
@pytest.mark.parametrize("var", ["auto", "yes", "no"])
def test_matrix(execute: Execute, readonly: bool, boot: bool, var: str) -> None:
    config = f"[sysroot]\nreadonly={str(readonly).lower()}\n[var]\nmount={var}\n"
    outcome = execute(Layout(boot_loader=boot), config=config)
    check_mounts(outcome, expected_mounts(readonly=readonly, var=var == "yes", boot=boot))
    check_booted(outcome, readonly)


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
    check_mounts(outcome, expected_mounts(readonly=True, var=False, boot=True))
    check_booted(outcome, readonly=True)


def test_boot_can_be_switched_off(execute: Execute) -> None:
    outcome = execute(Layout(), config="[boot]\nmount=no\n")
    assert "boot" not in outcome.below("/sysroot")


def test_hotfix_layers_are_over_usr(execute: Execute) -> None:
    outcome = execute(Layout(hotfix=True))
    usr = outcome.below("/sysroot")["usr"]
    assert usr.fstype == "overlay"
    assert not usr.readonly
    assert "upperdir=.usr-ovl-upper" in usr.super_options


def test_links_off_touches_nothing(execute: Execute) -> None:
    outcome = execute(Layout(links={"home": MISSING}), config="[links]\nenabled=no\n")
    assert "home" not in outcome.sysroot
    assert "var/roothome" not in outcome.sysroot


def test_readonly_filesystem_is_a_note(execute: Execute) -> None:
    outcome = execute(Layout(links={"home": MISSING}), filesystem_ro=True)
    assert outcome.status == 0
    assert "Read-only file system; not fatal" in outcome.stderr
    assert "home" not in outcome.sysroot


def test_labelled_tree_keeps_its_targets(execute: Execute) -> None:
    outcome = execute(Layout(links={"home": RIGHT}, selinux=True))
    assert outcome.status == 0
    assert "var/home" not in outcome.sysroot


def test_empty_directory_gets_a_unit_where_var_is_the_admins(execute: Execute) -> None:
    outcome = execute(Layout(links={"home": EMPTY}, fstab=FSTAB), config=FULL_CONFIG)
    assert "home" not in outcome.below("/sysroot")
    unit = bytes.fromhex(outcome.run["systemd/system/home.mount"].split(" ")[1]).decode()
    assert "RequiresMountsFor=/var/home\n" in unit
    assert "What=/var/home\nWhere=/home\n" in unit
    wants = outcome.run["systemd/system/local-fs.target.d/50-home.mount.conf"].split(" ")[1]
    assert bytes.fromhex(wants) == b"[Unit]\nWants=home.mount\n"
    lines = bytes.fromhex(outcome.run["tmpfiles.d/bootchain-links.conf"].split(" ")[1])
    assert b"d /var/home 0755 root root -\n" in lines
    assert b"d /var/roothome 0700 root root -\n" in lines


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
                {"config": f"[{section}]\ntransient=true\n"},
                f"read configuration: [{section}] transient: not supported by this"
                " prepare-root yet",
            )
            for section in ("root", "etc")
        ),
        (
            Layout(),
            {"config": "[composefs]\nenabled=yes\n"},
            "read configuration: [composefs] enabled=yes: not supported by this prepare-root yet",
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
