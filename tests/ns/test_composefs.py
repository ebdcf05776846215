"""composefs roots beyond what is compared with libostree: refusals, older kernels, links, undo.

This host's kernel has no fs-verity: roots that pass it are in tests/vm/test_composefs.py.
"""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cfsimages
import namespace
import pytest
import sodium
import sysroots
from namespace import CHECKOUT, Outcome, Run, python
from sysroots import COMMIT, DEPLOYMENT, EMPTY, MISSING, STATEROOT, Layout
from test_late_failures import inject

from prepare_root import mountapi
from prepare_root.formats.booted import BootedMetadata

pytestmark = pytest.mark.ns

YES = "[composefs]\nenabled=yes\n"
NO_LINKS = "[links]\nenabled=no\n"
IMAGE = f"{DEPLOYMENT}/.ostree.cfs"
EIO = "Input/output error"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sysroot with an image, as a directory; nobody changes it."""
    tree = tmp_path_factory.mktemp("sysroot") / "tree"
    tree.mkdir(mode=0o755)
    links = {"home": MISSING, "srv": EMPTY, "usr/local": MISSING}
    sysroots.build(tree, Layout(composefs=True, links=links))
    return tree


@pytest.fixture(scope="module")
def image(tree: Path) -> Path:
    return sysroots.pack(tree, tree.parent / "sysroot.img")


def execute(work: Path, image: Path, run: Run) -> Outcome:
    copy = work / "sysroot.img"
    copy.write_bytes(image.read_bytes())
    return namespace.execute(work / "work", copy, run)


def root_of(outcome: Outcome) -> namespace.Mount:
    assert outcome.status == 0, outcome.stderr
    return outcome.below("/sysroot")["."]


def check_untouched(outcome: Outcome) -> None:
    """The physical root alone, and nothing in /run."""
    assert outcome.status == 1
    assert [(m.point, m.root) for m in outcome.mounts if "sysroot" in m.point] == [
        ("/sysroot", "/")
    ]
    assert "ostree" not in outcome.run
    assert outcome.booted is None
    assert "Traceback" not in outcome.stderr


def message(outcome: Outcome) -> str:
    """The line of the error: the one before the hint or the mounts."""
    lines = [line.removeprefix("prepare-root: ") for line in outcome.stderr.splitlines()]
    known = ("deployment ", "composefs image ", "link: ", "hint: ", "mount: ")
    return next(line for line in lines if not line.startswith(known))


# ---- older kernels ------------------------------------------------------------------------------


OLDER = {
    "no new mount calls": ("fsopen:error=ENOSYS",),
    "no files for EROFS": ("fsconfig:error=ENOTBLK:when=4",),
    # 1-4 are EROFS's, then the option that nobody knows, the source and two options
    "no appended layers": ("fsconfig:error=EINVAL:when=9",),
    "overlay judges nothing": ("fsconfig:retval=0:when=5",),
}


@pytest.mark.parametrize("name", OLDER)
def test_older_kernels(tmp_path: Path, image: Path, name: str) -> None:
    """The same files are there, whichever way the mounts are made."""
    log = tmp_path / "trace"
    run = Run(
        python(),
        config=YES + NO_LINKS,
        wrapper=inject(log, *OLDER[name]),
        shell=("cat usr/bin/tool | wc -c", "cat etc/hostname", "ls -d sysroot/ostree"),
    )
    outcome = execute(tmp_path, image, run)
    assert "INJECTED" in log.read_text()
    mount = root_of(outcome)
    assert (mount.fstype, mount.source, mount.readonly) == ("overlay", "composefs", True)
    appended = "lowerdir+=" in mount.super_options
    assert appended is (name == "no files for EROFS")
    if not appended:
        layers = "lowerdir=/run/ostree/.private/cfsroot-lower::/sysroot/ostree/repo/objects"
        assert layers in mount.super_options
    assert outcome.shell == ["190", "guest", "sysroot/ostree"]
    assert not [m for m in outcome.mounts if m.fstype == "erofs"]


def test_no_loop_devices_either(tmp_path: Path, image: Path) -> None:
    """The reason names what is missing, and not a file that nobody asked for."""
    log = tmp_path / "trace"
    # after strace: what is mounted over /dev here, the program does not see through
    hide = ("sh", "-c", 'mount -t tmpfs none "$2/dev" && exec "$@"', "sh")
    wrapper = (*inject(log, *OLDER["no files for EROFS"]), *hide)
    outcome = execute(tmp_path, image, Run(python(), config=YES, wrapper=wrapper))
    check_untouched(outcome)
    assert message(outcome).endswith(
        "this kernel mounts no EROFS from a file, and has no loop devices:"
        " No such file or directory"
    )


def test_no_data_only_layers(tmp_path: Path, image: Path) -> None:
    """Before Linux 6.5 the objects are one more layer."""
    log = tmp_path / "trace"
    # the private root, and then overlayfs's `::`
    rules = ("fsopen:error=ENOSYS", "mount:error=EINVAL:when=3")
    run = Run(python(), config=YES + NO_LINKS, wrapper=inject(log, *rules))
    mount = root_of(execute(tmp_path, image, run))
    layers = "lowerdir=/run/ostree/.private/cfsroot-lower:/sysroot/ostree/repo/objects"
    assert layers in mount.super_options


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (("fsopen:error=EPERM",), "Operation not permitted"),
        (("fsconfig:error=ENOTBLK:when=4+",), "Block device required"),
        (("move_mount:error=EBUSY:when=1",), "Device or resource busy"),
        (("move_mount:error=EBUSY:when=2",), "Device or resource busy"),
        (("fsmount:error=ENOMEM:when=2",), "Cannot allocate memory"),
    ],
)
def test_mounts_that_fail(tmp_path: Path, image: Path, rules: tuple[str, ...], reason: str) -> None:
    log = tmp_path / "trace"
    run = Run(python(), config=YES, wrapper=inject(log, *rules))
    outcome = execute(tmp_path, image, run)
    assert "INJECTED" in log.read_text()
    check_untouched(outcome)
    line = message(outcome)
    assert line.startswith(f"root: mount image /sysroot/{IMAGE} over ")
    assert line.endswith(f": {reason}")


# ---- images that are none -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (f"rm sysroot/{IMAGE}", "the deployment has no composefs image"),
        (f": >sysroot/{IMAGE}", "not a composefs image: it ends after 0 bytes"),
        (
            f"dd if=/dev/zero of=sysroot/{IMAGE} bs=4 count=1 conv=notrunc",
            "not a composefs image: no header of one",
        ),
        (
            f"dd if=/dev/zero of=sysroot/{IMAGE} bs=4 seek=256 count=1 conv=notrunc",
            "not a composefs image: no EROFS superblock in it",
        ),
        (f"rm sysroot/{IMAGE}; mkdir sysroot/{IMAGE}", "Is a directory"),
        (f"mv sysroot/{IMAGE} sysroot/i; ln -s /i sysroot/{IMAGE}", "Too many levels"),
    ],
)
def test_no_image(tmp_path: Path, image: Path, spoil: str, reason: str) -> None:
    outcome = execute(tmp_path, image, Run(python(), config=YES, setup=(spoil,)))
    check_untouched(outcome)
    assert reason in message(outcome)


def test_an_image_that_the_kernel_refuses(tmp_path: Path, image: Path) -> None:
    """A feature that no kernel knows, in the superblock's `feature_incompat`."""
    spoil = f"printf '\\377\\377\\377\\177' | dd of=sysroot/{IMAGE} bs=1 seek=1104 conv=notrunc"
    outcome = execute(tmp_path, image, Run(python(), config=YES, setup=(spoil,)))
    check_untouched(outcome)
    assert message(outcome).endswith("on /sysroot.tmp read-only: Invalid argument")


def test_the_kernels_own_words_join_the_error() -> None:
    context = mountapi.Context(b"tmpfs")
    try:
        with pytest.raises(OSError, match="tmpfs: Unknown parameter 'nonsense'") as caught:
            context.string(b"nonsense", b"x")
        assert caught.value.errno == errno.EINVAL
        assert caught.value.strerror == ("Invalid argument (tmpfs: Unknown parameter 'nonsense')")
        assert caught.value.filename == b"nonsense"
        context.string(b"mode", b"0700")
        os.close(context.mount(mountapi.ATTR_RDONLY))
    finally:
        context.close()


@pytest.mark.parametrize("word", ["verity", "signed"])
def test_fs_verity_that_is_not_there(tmp_path: Path, tree: Path, image: Path, word: str) -> None:
    """libostree's program mounts such a root, of which nothing can be read."""
    key = cfsimages.new_key(tmp_path / "key.pem")
    commit = cfsimages.object_file(tree, COMMIT, "commit").read_bytes()
    meta = cfsimages.detached(key.sign(commit))
    (tmp_path / "commitmeta").write_bytes(meta)
    place = f"sysroot/ostree/repo/objects/{COMMIT[:2]}/{COMMIT[2:]}.commitmeta"
    setup = (
        f"cp run/commitmeta {place}; rm run/commitmeta",
        "mkdir -p etc/ostree; mv run/keys etc/ostree/initramfs-root-binding.key",
    )
    (tmp_path / "keys").write_text(key.line)
    run = Run(
        (sys.executable, "-B", "-P", "-m", "prepare_root", "/sysroot", "/cmdline"),
        config=f"[composefs]\nenabled={word}\n",
        setup=setup,
        programs={"commitmeta": tmp_path / "commitmeta", "keys": tmp_path / "keys"},
        environ={"PYTHONPATH": f"{sodium.directory()}:{CHECKOUT}"},
    )
    outcome = execute(tmp_path, image, run)
    check_untouched(outcome)
    assert message(outcome) == (
        f"mount root: /sysroot/{IMAGE}: image refused: no fs-verity:"
        " the kernel lacks it, or its filesystem was made without"
    )
    signed = "by a key in /etc/ostree/initramfs-root-binding.key" if word == "signed" else "no"
    assert f"(fs-verity required: yes, signed: {signed}, transient: no)" in outcome.stderr


# ---- what is around the image -------------------------------------------------------------------


def test_links_of_an_image(tmp_path: Path, image: Path) -> None:
    """What is missing is reported; an empty directory of the image gets its mount."""
    run = Run(python(), config=YES + "[var]\nmount=yes\n", shell=("ls -d home",))
    outcome = execute(tmp_path, image, run)
    assert root_of(outcome).readonly
    for name, target in (("home", "var/home"), ("usr/local", "var/usrlocal")):
        line = f"link: /{name}: left alone, not made to lead to /{target}: nothing stands there"
        assert line in outcome.stderr
    assert outcome.below("/sysroot")["srv"].root == f"/ostree/deploy/{STATEROOT}/var/srv"
    assert outcome.shell == [""]


def test_links_of_a_transient_root(tmp_path: Path, image: Path) -> None:
    """They are made in the root itself, and forgotten with it."""
    run = Run(
        python(),
        config=YES + "[root]\ntransient=true\n",
        shell=("readlink home", "readlink usr/local", f"ls -d sysroot/{DEPLOYMENT}/home"),
    )
    outcome = execute(tmp_path, image, run)
    assert not root_of(outcome).readonly
    assert outcome.shell == ["var/home", "../var/usrlocal", ""]
    assert "left alone" not in outcome.stderr


def test_a_hotfix_of_a_signed_image_is_told(tmp_path: Path, image: Path) -> None:
    """And is not mounted; the preparation itself fails here later."""
    setup = (f"mkdir sysroot/{DEPLOYMENT}/.usr-ovl-work sysroot/{DEPLOYMENT}/.usr-ovl-upper",)
    outcome = execute(tmp_path, image, Run(python(), config=YES + NO_LINKS, setup=setup))
    assert outcome.below("/sysroot")["usr"].fstype == "overlay"


def test_a_single_device_btrfs(tmp_path: Path, tree: Path) -> None:
    """It has a device number of its own; the disk behind it is what systemd asks for."""
    fill = f"mkfs.btrfs -q {tmp_path}/btrfs.img; mkdir m; mount -o loop {tmp_path}/btrfs.img m"
    (tmp_path / "btrfs.img").write_bytes(b"")
    script = f"cd {tmp_path}; truncate -s 320M btrfs.img; {fill}; cp -a {tree}/. m; umount m"
    subprocess.run(["unshare", "--mount", "sh", "-ec", script], check=True)
    outcome = namespace.execute(
        tmp_path / "work", tmp_path / "btrfs.img", Run(python(), config=YES + NO_LINKS)
    )
    assert root_of(outcome).source == "composefs"
    kind, text = outcome.run["systemd/volatile-root"].split(" ")
    assert kind.startswith("l")
    assert text.startswith("/dev/block/7:")


# ---- undone -------------------------------------------------------------------------------------


ALL = YES + "[root]\ntransient=true\n[etc]\ntransient=true\n[var]\nmount=yes\n"
FAULTS = (sys.executable, "-B", str(namespace.HERE / "faults.py"), "/sysroot", "/cmdline")


def test_every_operation_may_fail_and_the_next_try_works(tmp_path: Path, image: Path) -> None:
    outcome = execute(tmp_path, image, Run(FAULTS, config=ALL))
    assert outcome.status == 0, outcome.stderr
    answer = json.loads(outcome.stdout)
    for attempt in answer["tries"]:
        assert attempt["status"] == 1
        assert [line for line in attempt["said"].splitlines() if "could not be" in line] == []
        assert attempt["after"] == answer["before"], attempt["line"]
    assert {"root", "etc", "sysroot", "move"} <= {attempt["step"] for attempt in answer["tries"]}
    status, said = answer["undisturbed"]
    assert status == 0, said
    assert outcome.booted is not None
    metadata = BootedMetadata.decode(outcome.booted)
    assert (metadata.root_transient, metadata.composefs, metadata.sysroot_ro) == (True, True, True)


def test_a_late_failure_takes_everything_back(tmp_path: Path, image: Path) -> None:
    log = tmp_path / "trace"
    run = Run(python(), config=ALL, wrapper=inject(log, "mount:error=EIO:when=12"))
    outcome = execute(tmp_path, image, replace(run, shell=("ls",)))
    assert "INJECTED" in log.read_text()
    check_untouched(outcome)
    assert message(outcome) == f"sysroot read-only: remount /sysroot/sysroot read-only: {EIO}"
