"""Cases of the matrix for machines: which are drawn, and what is expected of them.

A case is a point of `test_composefs_differential.py`'s matrix, and one dimension more: whether
the files have fs-verity, which kernels of test machines often lack.  So verified roots are
compared, too:

- Debian's libostree is built without Ed25519 and refuses each `signed` root; and the kernel
  argument does not know `verity` there.  Ours takes them.  What is expected is then what
  libostree's program makes of `enabled=verity`, with the key's name in /run/ostree-booted; a
  hotfix of /usr, which libostree's source leaves out on a signed root, is first taken from a
  copy of the disk.
"""

import random
import shutil
import subprocess
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path

import sysroots
import test_composefs_differential as matrix
from test_composefs_differential import Left, Point

from prepare_root.formats import gvariant
from prepare_root.formats.gvariant import Variant

TRIES = 200  # of which the best one is taken
SIGNED_BY = "/etc/ostree/initramfs-root-binding.key"
OURS_ALONE = "[links]\nenabled=no\n[boot]\nmount=no\n"
Key = tuple[bool, bool, bool, bool]


@dataclass(frozen=True, slots=True)
class Case:
    """A point of the matrix, and whether image and objects have fs-verity."""

    point: Point
    verity: bool

    @property
    def signed(self) -> bool:
        """Whether a signature is asked for."""
        point = self.point
        return point.argument == "signed" or (point.enabled == "signed" and not point.argument)

    @property
    def disk(self) -> Key:
        """Which disk it is about; fs-verity is for images."""
        return (*self.point.layout, self.verity and self.point.image)

    @property
    def twin(self) -> bool:
        """Whether libostree's program gets the disk without the hotfix."""
        return self.signed and self.point.image and self.point.hotfix and self.verity

    @property
    def stand_in(self) -> Point | None:
        """What asks libostree's program for the same, where it does not know this point."""
        if self.point.enabled == "on" or not (self.signed or self.point.argument == "verity"):
            return None
        return replace(self.point, enabled="verity", argument="")


# What can boot: the values that are wrong by themselves are left out.
WRONG = ("on", matrix.ROOT[-1])
SOUND = {
    **{n: [v for v in values if v not in WRONG] for n, values in matrix.DIMENSIONS.items()},
    "verity": [True, False],
}
Pair = tuple[tuple[str, object], tuple[str, object]]


def pairs(values: dict[str, object]) -> set[Pair]:
    """Every two of the values."""
    return set(combinations(values.items(), 2))


def every_pair() -> set[Pair]:
    """Every two sound values of two dimensions."""
    return {
        ((one, first), (two, second))
        for one, two in combinations(SOUND, 2)
        for first, second in product(SOUND[one], SOUND[two])
    }


def dimensions(case: Case) -> dict[str, object]:
    point = case.point
    return {**{name: getattr(point, name) for name in Point.__slots__}, "verity": case.verity}


def case_of(chosen: dict[str, object]) -> Case:
    fields = dict(chosen)
    verity = bool(fields.pop("verity"))
    return Case(Point(*fields.values()), verity)  # type: ignore[arg-type]


def sample(count: int, seed: int | None) -> list[Case]:
    """Cases with every pair of sound values, and any others up to `count`.

    The same ones for the same seed; with None, others each time.
    """
    chance = random.Random(seed)
    missing = every_pair()
    cases = []
    while missing:
        drawn = [{name: chance.choice(SOUND[name]) for name in SOUND} for _ in range(TRIES)]
        best = max(drawn, key=lambda one: len(pairs(one) & missing))
        missing -= pairs(best)
        cases.append(case_of(best))
    more = chance.sample(matrix.MATRIX, min(max(count - len(cases), 0), len(matrix.MATRIX)))
    return cases + [Case(point, chance.random() < 0.5) for point in more]


def without_hotfix(disk: Path) -> Path:
    """A copy whose deployment has no hotfix; every other inode keeps its number."""
    twin = disk.with_suffix(".twin")
    shutil.copy(disk, twin)
    for name in (".usr-ovl-work", ".usr-ovl-upper"):
        words = ["debugfs", "-w", "-R", f"rmdir /{sysroots.DEPLOYMENT}/{name}", str(twin)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        assert done.stderr.count("\n") == 1, done.stderr  # its version, and no complaint
    return twin


def as_signed(answer: Left) -> Left:
    """What a signature adds to a verified root."""
    run = dict(answer.run)
    mode, _, text = run["ostree-booted"].partition(" ")
    pairs = gvariant.decode("a{sv}", bytes.fromhex(text))
    assert isinstance(pairs, dict)
    before = list(pairs).index("composefs")
    entries = list(pairs.items())
    entries.insert(before, ("composefs.signed", Variant("s", SIGNED_BY)))
    run["ostree-booted"] = f"{mode} {gvariant.encode('a{sv}', dict(entries)).hex()}"
    return replace(answer, run=run)


def judge(case: Case, said: dict[str, Left]) -> str:
    """The verdict, or AssertionError for a difference that is not permitted."""
    theirs = said["theirs"]
    if case.stand_in is not None:
        assert theirs.status != 0
        theirs = said["stand-in"]
        if case.signed and theirs.status == 0:
            theirs = as_signed(theirs)
    verdict = matrix.compare(case.point, theirs, said["ours"], verity=case.verity)
    return f"signed {verdict}" if case.signed and said["ours"].status == 0 else verdict
