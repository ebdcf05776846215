"""Every operation and every rule of prepare-root counts: without it a check fails.

The checks are those that the unharmed program passes in `test_footprint.py` and
`test_links.py`.
"""

from pathlib import Path

import linkcases
import prepared
import pytest
import rules
import scenarios
import sysroots
from footprint import Footprint
from linkcases import EMPTY, FILE, FULL, MISSING, RIGHT, STATES, WRONG
from namespace import Outcome, python
from prepared import Expected
from rules import NAMES, RULES
from scenarios import SCENARIOS, Scenario
from sysroots import Layout

pytestmark = pytest.mark.ns

# Operations that can be left out without a difference.
# libostree's order: it cuts the tie to the initramfs's mounts, which all are private already.
NEVER = {"var: make /sysroot.tmp/var slave"}


def program(*words: str, dry: bool = False) -> tuple[str, ...]:
    start = python(*words)
    return (*start[:-2], "--dry-run", *start[-2:]) if dry else start


def prepare(work: Path, scenario: Scenario, *words: str) -> tuple[Outcome, Footprint]:
    image = sysroots.image(work / "image", scenario.layout)
    return scenarios.prepare(work / "run", image, scenario, program(*words))


def passes(outcome: Outcome, changed: Footprint, expected: Expected) -> bool:
    """Whether the check is content with a mutant; one that breaks by itself is no mutant."""
    assert "Traceback" not in outcome.stderr, outcome.stderr
    assert "mutant: " not in outcome.stderr, outcome.stderr
    try:
        prepared.check(outcome, changed, expected)
    except AssertionError:
        return False
    return True


def plan_of(work: Path, scenario: Scenario) -> list[str]:
    """The operations of the scenario's plan, `STEP: WHAT` each, in order."""
    image = sysroots.image(work / "image", scenario.layout)
    dry, _ = scenarios.prepare(work / "run", image, scenario, program(dry=True))
    return dry.stdout.splitlines()


def test_every_operation_counts(tmp_path: Path) -> None:
    """Each is left out in one scenario after the other, until that is noticed.

    What is writable already needs no remount, and what fails on a read-only filesystem
    changes nothing: such operations count in another scenario.
    """
    unnoticed: set[str] = set()
    noticed: set[str] = set()
    for name, scenario in SCENARIOS.items():
        work = tmp_path / name.replace(" ", "-")
        for number, op in enumerate(plan_of(work / "dry", scenario)):
            if op in noticed:
                continue
            mutant = prepare(work / str(number), scenario, f"op:{number}")
            (unnoticed if passes(*mutant, scenario.expected) else noticed).add(op)
    assert unnoticed - noticed == NEVER
    steps = {op.partition(":")[0] for op in noticed}
    mounts = {"run", "private", "root", "boot", "etc", "usr", "sysroot", "stateroot var", "var"}
    last = {"booted", "move", "sysroot read-only", "record", "volatile root"}
    assert steps == mounts | last | {"link targets"} | {f"link {name}" for name in NAMES}


@pytest.mark.parametrize("step", ["link targets", "link home", "private", "booted"])
def test_a_step_left_out_as_a_whole_is_noticed(tmp_path: Path, step: str) -> None:
    scenario = SCENARIOS["admin's var"]
    assert not passes(*prepare(tmp_path, scenario, step), scenario.expected)


@pytest.mark.parametrize("word", ["no such step", "op:999"])
def test_a_mutant_that_mutates_nothing_is_an_error(tmp_path: Path, word: str) -> None:
    outcome, _ = prepare(tmp_path, SCENARIOS["default"], word)
    assert "mutant: the plan has no step" in outcome.stderr
    assert outcome.status == 1


# Rule → who mounts /var, and what stands at the names, where breaking it must be noticed.
BROKEN = {
    "nothing there is left alone": ("system", MISSING),
    "the right link is left alone": ("system", RIGHT),
    "an empty directory is left alone": ("prepare-root", EMPTY),
    "an empty directory is taken for the right link": ("prepare-root", EMPTY),
    "content is hidden": ("prepare-root", FULL),
    "another link is followed": ("prepare-root", WRONG),
    "another link is taken for the right one": ("system", WRONG),
    "a file is taken for the right link": ("system", FILE),
    "what is left alone is not reported": ("system", FULL),
    "the admin's fstab is not read": ("fstab", EMPTY),
    "labels do not count": ("labelled", RIGHT),
    "the filesystem is taken for writable": ("read-only", EMPTY),
    "binds wait although /var is here": ("prepare-root", EMPTY),
    "binds are made although /var is not here": ("fstab", EMPTY),
    "any /var is the stateroot's": ("fstab", RIGHT),
    "the stateroot's var is another's": ("system", RIGHT),
    "every target is public": ("system", RIGHT),
    "every target is private": ("system", RIGHT),
    "the immutable flag is not lifted": ("system", MISSING),
    "the immutable flag is not set again": ("system", MISSING),
    "a target that cannot be made stops the boot": ("read-only", RIGHT),
    "a link that cannot be made stops the boot": ("read-only", MISSING),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_every_rule_counts(tmp_path: Path, rule: str) -> None:
    case, state = BROKEN[rule]
    standing = dict.fromkeys(NAMES, state)
    expected = linkcases.expect(case, standing)
    assert passes(*linkcases.run(tmp_path / "whole", case, standing), expected)
    mutant = linkcases.run(tmp_path / "broken", case, standing, [f"rule:{rule}"])
    assert not passes(*mutant, expected)


NAMED = [("prepare-root", state) for state in STATES]
NAMED += [("fstab", state) for state in (RIGHT, EMPTY)]


@pytest.mark.parametrize("how", ["is forgotten", "leads elsewhere"])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_counts_in_every_state(tmp_path: Path, name: str, how: str) -> None:
    """The other names stand as they should, so that only this one can be what is noticed."""
    for case, state in NAMED:
        standing = dict.fromkeys(NAMES, RIGHT) | {name: state}
        work = tmp_path / f"{case}-{state}"
        mutant = linkcases.run(work, case, standing, [f"rule:{name} {how}"])
        noticed = not passes(*mutant, linkcases.expect(case, standing))
        assert noticed, (case, state)


ESCAPES = {
    "symlinks lead out of var": "../../../../boot",
    "a bind that cannot be made stops the boot": "/boot",
}


@pytest.mark.parametrize("rule", ESCAPES)
def test_targets_stay_in_the_stateroot(tmp_path: Path, rule: str) -> None:
    """An admin's link in /var is not followed to where it leads before the system is up."""
    layout = Layout(links={"home": EMPTY}, symlinks={f"{prepared.VAR}/home": ESCAPES[rule]})
    config = scenarios.OURS
    scenario = Scenario(layout, prepared.basic(var=True), {"config": config})
    outcome, _ = prepare(tmp_path / "whole", scenario)
    assert outcome.status == 0, outcome.stderr
    assert "home" not in outcome.below("/sysroot")
    assert "link home: bind /sysroot.tmp/var/home on /sysroot.tmp/home: " in outcome.stderr
    broken, _ = prepare(tmp_path / "broken", scenario, f"rule:{rule}")
    assert broken.status == 1 or "home" in broken.below("/sysroot")


def test_every_rule_has_its_test() -> None:
    named = {f"{name} {how}" for name in NAMES for how in ("is forgotten", "leads elsewhere")}
    assert set(RULES) == set(BROKEN) | set(ESCAPES) | named
    assert set(NAMES) == set(linkcases.TABLE) == set(rules.NAMES)
