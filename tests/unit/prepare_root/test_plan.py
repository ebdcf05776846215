"""The plan from facts alone: who mounts what, in which order."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root import linkops, links, ops, plan
from prepare_root.formats import config as configuration
from prepare_root.formats.booted import BootedMetadata
from prepare_root.target import Target

PATH = b"ostree/deploy/os/deploy/" + b"ab" * 32 + b".0"
VARS = (plan.VAR_OURS, plan.VAR_SYSTEM, plan.VAR_ADMIN, plan.VAR_VOLATILE)
FLAGS = ("boot_here", "readonly", "hotfix", "filesystem_ro", "labelled", "mounted_below")
FSTAB = b"UUID=1 /var ext4 defaults 0 0\n"


def facts(var_by=plan.VAR_OURS, found=(), **flags):
    values = dict.fromkeys(FLAGS, False) | flags
    target = Target(b"/ostree/boot.1/os/cd/0", PATH, b"os", 42, 4711)
    return plan.Facts(root=b"/sysroot", target=target, links=list(found), var_by=var_by, **values)


def config(text=b""):
    return configuration.parse(text)


def lines(made):
    deployment = PATH.decode()
    return [f"{op.step}: {op.describe()}".replace(deployment, "DEPLOYMENT") for op in made]


@pytest.mark.parametrize(
    ("wanted", "fstab", "volatile", "marker", "generator", "who"),
    [
        (b"auto", None, False, False, False, plan.VAR_OURS),
        (b"auto", b"", False, False, False, plan.VAR_OURS),
        (b"auto", None, False, False, True, plan.VAR_SYSTEM),
        (b"auto", None, False, True, True, plan.VAR_OURS),
        (b"auto", FSTAB, False, False, True, plan.VAR_ADMIN),
        (b"yes", None, False, False, True, plan.VAR_OURS),
        (b"yes", FSTAB, False, True, False, plan.VAR_ADMIN),
        (b"no", None, False, False, False, plan.VAR_SYSTEM),
        (b"no", None, False, True, False, plan.VAR_OURS),
        (b"no", FSTAB, False, False, False, plan.VAR_ADMIN),
        (b"yes", FSTAB, True, True, True, plan.VAR_VOLATILE),
        (b"auto", None, True, False, False, plan.VAR_VOLATILE),
    ],
)
def test_who_mounts_var(wanted, fstab, volatile, marker, generator, who):  # noqa: PLR0917
    assert plan.who_mounts_var(wanted, fstab, volatile, marker, generator) == who


@pytest.mark.parametrize(
    ("fstab", "there"),
    [
        (FSTAB, True),
        (b"UUID=1\t/var/\text4", True),
        (b"  UUID=1   /var//  ext4", True),
        (b"# UUID=1 /var ext4\n", False),
        (b"#UUID=1 /var ext4\n", False),
        (b"UUID=1 /var/lib ext4\n", False),
        (b"UUID=1 /variable ext4\n", False),
        (b"/var /srv none bind\n", False),
        (b"/var", False),
        (b"\n\nUUID=2 / ext4\n" + FSTAB, True),
        (b"", False),
    ],
)
def test_fstab_has(fstab, there):
    assert plan.fstab_has(fstab, b"/var") is there


def test_fstab_root():
    assert plan.fstab_has(b"UUID=1 / ext4", b"/")
    assert not plan.fstab_has(b"UUID=1 /boot ext4", b"/")


@given(st.binary(max_size=60))
def test_any_fstab(text):
    assert plan.fstab_has(text + b"\nx /var y", b"/var")


def test_plain_plan():
    made = plan.make(facts(), config(b"[links]\nenabled=no"))
    written = len(plan.booted_metadata(facts()).encode())
    assert lines(made) == [
        "run: make directory /run/ostree with mode 0755",
        "run: make directory /run/ostree/.private with mode 0000",
        "private: make / and all below it private",
        "root: make directory /sysroot.tmp with mode 0755",
        "root: bind /sysroot/DEPLOYMENT on /sysroot.tmp",
        "usr: bind /sysroot.tmp/usr on /sysroot.tmp/usr",
        "usr: remount /sysroot.tmp/usr read-only",
        "sysroot: move /sysroot to /sysroot.tmp/sysroot",
        "var: bind /sysroot.tmp/sysroot/ostree/deploy/os/var on /sysroot.tmp/var",
        "var: make /sysroot.tmp/var slave",
        "var: make /sysroot.tmp/var shared",
        f"booted: write /run/ostree-booted ({written} bytes)",
        "move: move /sysroot.tmp to /sysroot",
        "move: remove directory /sysroot.tmp",
    ]


def test_mounts_below_the_physical_root_do_not_come_along():
    text = config(b"[links]\nenabled=no")
    plain, other = (lines(plan.make(facts(mounted_below=one), text)) for one in (False, True))
    assert [line for line in plain if line not in other] == [
        "sysroot: move /sysroot to /sysroot.tmp/sysroot"
    ]
    place = other.index("sysroot: bind /sysroot on /sysroot.tmp/sysroot")
    assert place == plain.index("sysroot: move /sysroot to /sysroot.tmp/sysroot")
    assert other[-6:] == [
        "move: make directory /sysroot.old with mode 0755",
        "move: move /sysroot to /sysroot.old",
        "move: move /sysroot.tmp to /sysroot",
        "move: detach /sysroot.old",
        "move: remove directory /sysroot.old",
        "move: remove directory /sysroot.tmp",
    ]


def steps(made):
    return [step for step, _ in itertools.groupby(op.step for op in made)]


@pytest.mark.parametrize(
    ("flags", "text", "expected"),
    [
        (
            {"boot_here": True, "readonly": True},
            b"[record]\nmounts=yes",
            "run private root boot etc usr sysroot,stateroot var,var booted move"
            " sysroot read-only,move,record",
        ),
        ({"boot_here": True}, b"[boot]\nmount=no", "run private root usr sysroot,var booted move"),
        ({"var_by": plan.VAR_SYSTEM}, b"", "run private root usr sysroot,booted move"),
        ({"var_by": plan.VAR_ADMIN}, b"", "run private root usr sysroot,booted move"),
        ({"var_by": plan.VAR_VOLATILE}, b"", "run private root usr sysroot,booted move"),
    ],
)
def test_order_of_steps(flags, text, expected):
    made = steps(plan.make(facts(**flags), config(text)))
    assert " ".join(made) == expected.replace(",", " ")


def test_links_stand_where_their_mounts_are():
    """Made before the root is bound, bound after `/var` is there and before the move."""
    found = [
        links.Found(b"home", b"var/home", links.ABSENT),
        links.Found(b"srv", b"var/srv", links.EMPTY),
    ]
    told = lines(plan.make(facts(found=found), config()))
    order = [
        "link home: link /sysroot/DEPLOYMENT/home -> var/home",
        "root: bind /sysroot/DEPLOYMENT on /sysroot.tmp",
        "var: bind /sysroot.tmp/sysroot/ostree/deploy/os/var on /sysroot.tmp/var",
        "link srv: bind /sysroot.tmp/var/srv on /sysroot.tmp/srv",
        "move: move /sysroot.tmp to /sysroot",
    ]
    assert sorted(order, key=told.index) == order


@pytest.mark.parametrize("readonly", [False, True])
def test_hotfix_layers_instead_of_a_read_only_usr(readonly):
    made = plan.make(facts(hotfix=True, filesystem_ro=readonly), config())
    (op,) = [op for op in made if op.step == "usr"]
    assert isinstance(op, ops.Overlay)
    assert op.readonly is readonly
    assert op.data == b"lowerdir=/sysroot.tmp/usr,upperdir=.usr-ovl-upper,workdir=.usr-ovl-work"
    assert op.directory == b"/sysroot/" + PATH


@pytest.mark.parametrize("readonly", [False, True])
def test_booted_metadata(readonly):
    made = plan.make(facts(readonly=readonly), config())
    (op,) = [op for op in made if op.step == "booted"]
    found = BootedMetadata.decode(op.data)
    assert (found.device, found.inode, found.sysroot_ro) == (42, 4711, readonly)


KINDS = (links.ABSENT, links.RIGHT, links.EMPTY, links.OTHER)


@pytest.mark.parametrize("var_by", VARS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_combination(var_by, kind):
    """Each describes itself in one line, and keeps what all plans have in common."""
    found = [links.Found(name, text, kind) for name, text in configuration.DEFAULT_LINKS]
    texts = (b"", b"[boot]\nmount=no\n[record]\nmounts=yes")
    for flags in itertools.product((False, True), repeat=len(FLAGS)):
        seen = facts(var_by, found, **dict(zip(FLAGS, flags, strict=True)))
        for text in texts:
            made = plan.make(seen, config(text))
            told = lines(made)
            assert all(line and line.isprintable() for line in told)
            assert len(told) == len(set(told))
            place = "/sysroot.old" if seen.mounted_below else "/sysroot.tmp/sysroot"
            (aside,) = (n for n, line in enumerate(told) if f": move /sysroot to {place}" in line)
            move = told.index("move: move /sysroot.tmp to /sysroot")
            # the physical root is not used by its old place once it is gone from there, and
            # only the last read-only remount uses the new one by its new place
            between = told[aside + 1 : move]
            assert not [line for line in between if " /sysroot " in line or " /sysroot/" in line]
            after = [line for line in told[move + 1 :] if " /sysroot/" in line]
            assert after == (
                ["sysroot read-only: remount /sysroot/sysroot read-only"] if seen.readonly else []
            )
            # to let a mount go takes time
            detached = ["move: detach /sysroot.old"] if seen.mounted_below else []
            assert [line for line in told if "detach" in line] == detached
            assert ("var" in [op.step for op in made]) is (var_by == plan.VAR_OURS)
            assert (told[-1].startswith("record: ")) is (text != b"")


ASIDE = ["move: move /sysroot.old to /sysroot", "move: remove directory /sysroot.old"]


@pytest.mark.parametrize(
    ("below", "aside", "sysroot"),
    [
        (False, [], "sysroot: move /sysroot.tmp/sysroot to /sysroot"),
        (True, ASIDE, "sysroot: detach /sysroot.tmp/sysroot"),
    ],
)
def test_undo_is_the_way_back(below, aside, sysroot):
    """Newest first, down to the directories; what stays is named in `Op.undo`."""
    seen = facts(readonly=True, boot_here=True, mounted_below=below)
    made = plan.make(seen, config(b"[links]\nenabled=no"))
    required = [op for op in made if op.required]
    assert lines(plan.undo(required[:-1])) == [
        "move: move /sysroot to /sysroot.tmp",
        *aside,
        "booted: remove /run/ostree-booted",
        "var: detach /sysroot.tmp/var",
        "stateroot var: detach /sysroot.tmp/sysroot/ostree/deploy/os/var",
        sysroot,
        "usr: detach /sysroot.tmp/usr",
        "etc: detach /sysroot.tmp/etc",
        "boot: detach /sysroot.tmp/boot",
        "root: detach /sysroot.tmp",
        "root: remove directory /sysroot.tmp",
        "run: remove directory /run/ostree/.private",
        "run: remove directory /run/ostree",
    ]
    # nothing can fail once it is past undoing
    assert isinstance(required[-1], ops.Detach if below else ops.Remount)


@pytest.mark.parametrize("var_by", VARS)
@pytest.mark.parametrize("hotfix", [False, True])
@pytest.mark.parametrize("below", [False, True])
def test_all_that_is_mounted_or_written_is_undone(var_by, hotfix, below):
    found = [links.Found(name, text, links.EMPTY) for name, text in configuration.DEFAULT_LINKS]
    seen = facts(var_by, found, readonly=True, hotfix=hotfix, mounted_below=below)
    made = plan.make(seen, config())
    for op in made:
        (back,) = plan.undo([op]) or (None,)
        kept = isinstance(op, (ops.Remount, ops.Propagation, ops.Detach))
        kept = kept or not (op.required or isinstance(op, linkops.LinkBind))
        assert (back is None) is kept, op.describe()
        assert back is None or back.step == op.step
