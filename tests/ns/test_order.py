"""The orders that we foretell, beside what systemd's own programs say."""

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from chroots import debian_chroot, package_version
from ordercases import KERNEL, SETS, named, names, random_set

from bootentries.deployment import Entry
from bootentries.entries.bls import format_entry
from bootentries.order import grub_fedora, sdboot, uapi

pytestmark = pytest.mark.ns

PACKAGES = ("systemd", "systemd-boot-tools", "rpm")
# What each suite has, so that a change of version is seen.
VERSIONS = {"trixie": "257.", "sid": "262."}
# Everything that a partition and the firmware would say is out of the chroot's sight.
RELAXED = ("env", "SYSTEMD_RELAX_ESP_CHECKS=1", "SYSTEMD_LOG_LEVEL=err")
# Two words on a line, their order on the next: in one shell, since starting chroots adds up.
COMPARE = """
while read -r left && read -r right; do
    systemd-analyze compare-versions -- "$left" "$right" >/dev/null 2>&1
    echo $?
done
"""
WORDS = {12: -1, 0: 0, 11: 1}
RANDOM = 25
# The one set in which bootctl finds entries equal that the loader does not.
TIED = "counters of one name"

Listing = Callable[[tuple[Entry, ...], str], list[dict[str, object]]]


@pytest.fixture(scope="module", params=VERSIONS)
def root(request: pytest.FixtureRequest) -> Path:
    found: Path = debian_chroot(request.param, PACKAGES)
    assert package_version(found, "systemd").startswith(VERSIONS[request.param])
    return found


@pytest.fixture
def bootctl(root: Path, tmp_path: Path) -> Listing:
    """Ask `bootctl list` for a set of entries and a `loader.conf`."""

    def ask(entries: tuple[Entry, ...], config: str) -> list[dict[str, object]]:
        esp = tmp_path / "esp"
        subprocess.run(["rm", "-rf", str(esp)], check=True)
        (esp / "loader/entries").mkdir(parents=True)
        (esp / "EFI").mkdir()
        (esp / KERNEL).write_text("not a kernel\n")
        (esp / "loader/loader.conf").write_text(config)
        for entry in entries:
            (esp / "loader/entries" / entry.name).write_text(format_entry(entry.bls))
        script = (
            f'mount -t tmpfs tmpfs "{root}/tmp" && mkdir "{root}/tmp/esp" && '
            f'mount --bind "{esp}" "{root}/tmp/esp" && exec chroot "{root}" "$@"'
        )
        words = [*RELAXED, "bootctl", "--esp-path=/tmp/esp", "--json=short", "list"]
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", *words],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found: list[dict[str, object]] = json.loads(done.stdout)
        return found

    return ask


def listed(found: list[dict[str, object]]) -> list[str]:
    return [Path(str(item["path"])).name for item in found if item["type"] == "type1"]


def chosen(found: list[dict[str, object]]) -> list[str]:
    return listed([item for item in found if item["isDefault"]])


@pytest.mark.parametrize("name", sorted(SETS.keys() - {TIED}))
def test_the_sets(bootctl: Listing, name: str) -> None:
    found = bootctl(SETS[name], "")
    expected = names(sdboot.order(SETS[name]))
    assert [entry for entry in listed(found) if entry in expected] == expected
    if len(found) == len(expected):
        # Otherwise bootctl lists what the loader hides, and may choose it.
        assert chosen(found) == expected[:1]


def test_bootctl_does_not_look_at_how_many_tries_are_left(bootctl: Listing) -> None:
    """So its order is that of chance here; the loader's own is tried in a machine."""
    found = bootctl((*SETS[TIED], *named("a+0.conf")), "")
    assert set(listed(found)[:-1]) == set(names(SETS[TIED]))
    assert listed(found)[-1] == "a+0.conf"


def test_random_sets(bootctl: Listing) -> None:
    for seed in range(RANDOM):
        entries = random_set(seed)
        found = bootctl(entries, "")
        assert listed(found) == names(sdboot.order(entries)), seed
        assert chosen(found) == names(sdboot.order(entries))[:1], seed


@pytest.mark.parametrize("pattern", ["ostree-1.conf", "ostree-[12].conf", "no*", "ostree-?.*"])
def test_the_default_of_loader_conf(bootctl: Listing, pattern: str) -> None:
    entries = named("ostree-1+2-1.conf", "ostree-2+0-3.conf", "ostree-3.conf")
    expected = sdboot.default(entries, pattern)
    assert expected is not None
    assert chosen(bootctl(entries, f"default {pattern}\n")) == [expected.name]


def pairs_of(letters: str) -> list[tuple[str, str]]:
    source = random.Random(0)
    words = ["".join(source.choices(letters, k=source.randint(1, 7))) for _ in range(400)]
    return list(zip(words[::2], words[1::2], strict=True))


def differing(
    compare: Callable[[str, str], int], pairs: list[tuple[str, str]], answers: list[int]
) -> list[tuple[str, str, int]]:
    return [
        (left, right, answer)
        for (left, right), answer in zip(pairs, answers, strict=True)
        if answer != compare(left, right)
    ]


def test_versions(root: Path) -> None:
    pairs = pairs_of("019abB.-~^+_")
    lines = "".join(f"{word}\n" for pair in pairs for word in pair)
    done = subprocess.run(
        ["chroot", str(root), "sh", "-c", COMPARE],
        input=lines, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    answers = [WORDS[int(line)] for line in done.stdout.split()]
    assert not differing(uapi.compare, pairs, answers)


def test_versions_as_rpm_has_them(root: Path) -> None:
    """Fedora's GRUB has RPM's comparison, but for `+` and `^`; RPM's function parts at `-`."""
    pairs = pairs_of("019abB.~_")
    calls = "".join(f"print(rpm.vercmp('{left}', '{right}'), '')" for left, right in pairs)
    done = subprocess.run(
        ["chroot", str(root), "rpm", "--eval", f"%{{lua:{calls}}}"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    answers = [int(word) for word in done.stdout.split()]
    assert not differing(grub_fedora.compare_versions, pairs, answers)
