"""The plan of composefs roots, from facts alone."""

import itertools

import pytest

from prepare_root import cfsplan, ops, plan
from prepare_root.formats import config as configuration
from prepare_root.formats.booted import BootedMetadata
from prepare_root.target import Target

CHECKSUM = b"ab" * 32
PATH = b"ostree/deploy/os/deploy/" + CHECKSUM + b".0"
CONFIG = configuration.parse(b"[links]\nenabled=no")


def image(**how):
    values = {
        "directory": b"/sysroot/" + PATH,
        "name": b".ostree.cfs",
        "objects": b"/sysroot/ostree/repo/objects",
        "verity": False,
        "digest": b"",
        "keypath": None,
        "transient": False,
        "readonly": True,
    }
    return plan.Image(**values | how)


def facts(**how):
    values = {
        "root": b"/sysroot",
        "target": Target(b"/l", PATH, b"os", 1, 2),
        "links": [],
        "var_by": plan.VAR_SYSTEM,
        "boot_here": False,
        "readonly": True,
        "hotfix": False,
        "filesystem_ro": False,
        "labelled": False,
        "image": image(),
    }
    return plan.Facts(**values | how)


def lines(made):
    return [f"{op.step}: {op.describe()}".replace(PATH.decode(), "DEPLOYMENT") for op in made]


MOUNT = (
    "root: mount image /sysroot/DEPLOYMENT/.ostree.cfs over /sysroot/ostree/repo/objects"
    " on /sysroot.tmp"
)


def test_plain_image():
    seen = facts(volatile_root=b"/dev/block/8:1")
    written = len(plan.booted_metadata(seen).encode())
    assert lines(plan.make(seen, CONFIG)) == [
        "run: make directory /run/ostree with mode 0755",
        "run: make directory /run/ostree/.private with mode 0000",
        "private: make / and all below it private",
        "root: make directory /sysroot.tmp with mode 0755",
        "root: make directory /run/ostree/.private/cfsroot-lower with mode 0700",
        f"{MOUNT} read-only",
        "volatile root: make directory /run/systemd with mode 0755",
        "volatile root: link /run/systemd/volatile-root -> /dev/block/8:1",
        "etc: bind /sysroot/DEPLOYMENT/etc on /sysroot.tmp/etc",
        "etc: remount /sysroot.tmp/etc writable",
        "sysroot: move /sysroot to /sysroot.tmp/sysroot",
        "stateroot var: bind /sysroot.tmp/sysroot/ostree/deploy/os/var"
        " on /sysroot.tmp/sysroot/ostree/deploy/os/var",
        "stateroot var: remount /sysroot.tmp/sysroot/ostree/deploy/os/var writable",
        f"booted: write /run/ostree-booted ({written} bytes)",
        "move: move /sysroot.tmp to /sysroot",
        "sysroot read-only: remount /sysroot/sysroot read-only",
        "move: remove directory /sysroot.tmp",
    ]


def test_transient_root():
    made = lines(plan.make(facts(image=image(transient=True, readonly=False)), CONFIG))
    assert "root: make /run/ostree/.private/root for changes that are forgotten" in made
    upper = "/run/ostree/.private/root/upper"
    assert f"{MOUNT} writable, changes in {upper}" in made


def test_signed_image():
    digest = bytes(range(32))
    made = lines(plan.make(facts(image=image(verity=True, digest=digest, keypath=b"/k")), CONFIG))
    assert f"{MOUNT} read-only, fs-verity required, digest {digest.hex()}" in made


@pytest.mark.parametrize(("keypath", "hotfix"), [(None, True), (b"/k", False)])
def test_hotfix(keypath, hotfix):
    """Over any image but a signed one; an image's own /usr needs no mount."""
    for there in (True, False):
        made = plan.make(facts(hotfix=there, image=image(keypath=keypath)), CONFIG)
        assert ("usr" in [op.step for op in made]) is (there and hotfix)


def test_transient_etc():
    """Of a plain root as of an image."""
    scratch = b"/run/ostree/transient-etc.abcdef"
    for one in (None, image()):
        made = plan.make(facts(image=one, etc_scratch=scratch), CONFIG)
        etc = [op for op in made if op.step == "etc"]
        assert lines(etc) == [
            "etc: make /run/ostree/transient-etc.abcdef for changes that are forgotten",
            "etc: overlay lowerdir=/sysroot.tmp/usr/etc,"
            "upperdir=/run/ostree/transient-etc.abcdef/upper,"
            "workdir=/run/ostree/transient-etc.abcdef/work in / on /sysroot.tmp/etc",
        ]
        assert [line.partition(" ")[2] for line in lines(plan.undo(etc))] == [
            "detach /sysroot.tmp/etc",
            "remove /run/ostree/transient-etc.abcdef and all below it",
        ]


@pytest.mark.parametrize(
    ("verity", "keypath", "transient", "readonly", "etc"),
    list(
        itertools.product(
            *((False, True), (None, b"/k"), (False, True), (False, True), (b"", b"/e"))
        )
    ),
)
def test_what_is_told_of_it(verity, keypath, transient, readonly, etc):
    how = {"verity": verity, "keypath": keypath, "transient": transient, "readonly": readonly}
    metadata = plan.booted_metadata(facts(image=image(**how), etc_scratch=etc))
    told = BootedMetadata.decode(metadata.encode())
    assert told.composefs is True
    assert told.composefs_verity is verity
    assert told.composefs_signed == keypath
    assert told.root_transient is transient
    assert told.root_transient_ro is (transient and readonly)
    assert told.transient_etc == (etc or None)


def test_every_mount_is_undone():
    seen = facts(image=image(transient=True), etc_scratch=b"/e", volatile_root=b"/dev/block/1:2")
    made = plan.make(seen, CONFIG)
    for op in made:
        back = op.undo()
        if op.required and not isinstance(op, (ops.Remount, ops.Propagation, ops.Detach)):
            assert back is not None, op.describe()
    assert lines(plan.undo(list(made)))[-1] == "run: remove directory /run/ostree"


def test_names_of_etc_are_free_ones(monkeypatch, tmp_path):
    monkeypatch.setattr(cfsplan, "ETC_SCRATCH", bytes(tmp_path / "etc."))
    monkeypatch.setattr(cfsplan._bootsys, "monotonic", lambda: 1.0)
    first = cfsplan.new_etc_scratch()
    assert cfsplan.new_etc_scratch() == first
    (tmp_path / first.decode()).mkdir()
    assert cfsplan.new_etc_scratch() != first
