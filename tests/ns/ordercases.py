"""Sets of entries to try every order on, and what holds for any way to compare names."""

import random
from collections.abc import Callable, Iterable
from itertools import permutations, product

from hypothesis import strategies as st

from bootentries.deployment import Entry
from bootentries.entries.bls import parse

Compare = Callable[[str, str], int]
# Few characters, so that runs, marks and their ends meet often.
VERSIONS = st.text("019abB.-~^+_é", max_size=7)
# A path that is in every entry; the file has to be there for systemd-boot to show it.
KERNEL = "k"


def entry(name: str, *lines: str) -> Entry:
    """An entry with a kernel; `lines` come after it."""
    return Entry(name, parse("\n".join((f"linux /{KERNEL}", *lines, ""))))


def named(*names: str) -> tuple[Entry, ...]:
    return tuple(entry(name) for name in names)


def names(entries: Iterable[Entry]) -> list[str]:
    return [one.name for one in entries]


# No two in a set compare equal for systemd-boot: ties stay in the order of the directory.
SETS: dict[str, tuple[Entry, ...]] = {
    "ours": tuple(
        entry(f"ostree-{number}.conf", f"version {number}") for number in (1, 2, 9, 10, 11)
    ),
    "several stateroots": named("ostree-3-debian.conf", "ostree-2-other.conf", "ostree-1-a.conf"),
    "another system beside ours": (
        *named("ostree-1.conf", "ostree-2.conf", "zz.conf", "debian-6.1.conf"),
        entry("fedora.conf", "sort-key fedora", "version 1"),
    ),
    "sort keys": (
        entry("a.conf", "sort-key b", "version 1"),
        entry("b.conf", "sort-key a", "version 1"),
        entry("c.conf", "sort-key a", "version 10"),
        entry("d.conf", "sort-key a", "version 2"),
        entry("e.conf", "version 99"),
        entry("f.conf", "sort-key B", "version 1"),
    ),
    "machine ids": (
        entry("a.conf", "sort-key x", "machine-id " + "b" * 32, "version 9"),
        entry("b.conf", "sort-key x", "machine-id " + "a" * 32, "version 1"),
        entry("c.conf", "sort-key x", "version 1"),
        entry("d.conf", "sort-key x", "machine-id " + "a" * 32, "version 2"),
        entry("e.conf", "sort-key x", "machine-id " + "a" * 32),
    ),
    "counters": named(
        "ostree-1.conf", "ostree-2+2-1.conf", "ostree-3+0-3.conf", "ostree-4+1.conf",
        "ostree-5+0.conf", "ostree-6+00-00.conf", "ostree-7+03-00.conf",
    ),
    "what is no counter": named(
        "a+x.conf", "b+1-.conf", "c+-1.conf", "d+1-2-3.conf", "e+1x.conf", "f+1+2.conf", "g+.conf"
    ),
    "counters of one name": named("a+3-1.conf", "a+1-1.conf", "a+1-2.conf", "a+3.conf"),
    "versions": tuple(
        entry(f"{letter}.conf", "sort-key x", f"version {version}")
        for letter, version in zip(
            "abcdefghijkl",
            ("123-a", "123", "123~rc1-1", "123-1", "123.a-1", "123^post1", "124-1", "123a-1",
             "122.1", "123.1-1", "123-1.1", "123-a.1"),
            strict=True,
        )
    ),
    "dots and dashes": named("a-1.conf", "a.1.conf", "a1.conf", "a-b.conf", "a.conf", "ab.conf"),
    "how keys are written": (
        entry("a.conf", "sort-key\tx", "version  1"),
        entry("b.conf", "sort-key x", "version 3", "version 2"),
        entry("c.conf", "  sort-key x  ", "version 3"),
        entry("d.conf", "#sort-key a", "version 9"),
        entry("e.conf", "sort-key", "version 9"),
    ),
    "what shows nothing": (
        Entry("a.conf", parse("title a\nlinux /k\n")),
        Entry("b.conf", parse("title b\n")),
        Entry("c.conf", parse("title c\nlinux\n")),
        Entry("d.txt", parse("title d\nlinux /k\n")),
    ),
}  # fmt: skip


def random_set(seed: int, count: int = 12) -> tuple[Entry, ...]:
    """A set that no two runs make differently; ids are lower case and without ties."""
    source = random.Random(seed)
    made: dict[str, Entry] = {}
    while len(made) < count:
        # The number in front keeps systemd-boot from finding two ids equal.
        stem = f"{len(made)}" + "".join(source.choices("ab01.-_", k=source.randint(0, 5)))
        counters = source.choice(("", "", "", "+0-2", "+1", "+2-1"))
        lines = [
            f"{key} {''.join(source.choices('ab019.-~^', k=source.randint(1, 4)))}"
            for key in ("sort-key", "machine-id", "version")
            if source.random() < 0.5
        ]
        if lines and source.random() < 0.6:
            lines = [line if "sort-key" not in line else "sort-key a" for line in lines]
        made[stem] = entry(f"{stem}{counters}.conf", *lines)
    found = list(made.values())
    source.shuffle(found)
    return tuple(found)


def check_preorder(compare: Compare, texts: tuple[str, str, str]) -> None:
    """Reflexive, the other way round when swapped, and transitive, equality included."""
    for left, right in product(texts, repeat=2):
        assert _sign(compare(left, right)) == -_sign(compare(right, left)), (left, right)
    for one, two, three in permutations(texts):
        if compare(one, two) <= 0 and compare(two, three) <= 0:
            if compare(one, two) < 0 or compare(two, three) < 0:
                assert compare(one, three) < 0, texts
            else:
                assert compare(one, three) == 0, texts


def check_chain(compare: Compare, chain: tuple[str, ...]) -> None:
    """Each one is lower than all that follow it, and equal to itself."""
    for at, left in enumerate(chain):
        assert compare(left, left) == 0
        for right in chain[at + 1 :]:
            assert compare(left, right) < 0, (left, right)
            assert compare(right, left) > 0, (left, right)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def together() -> tuple[Entry, ...]:
    """All sets and some random ones in one directory, for programs that take long to start.

    A letter in front of each name tells the sets apart.
    """
    sets = [*SETS.values(), *(random_set(seed) for seed in range(3))]
    return tuple(
        Entry(f"{chr(ord('a') + number)}-{one.name}", one.bls)
        for number, members in enumerate(sets)
        for one in members
    )
