"""`bootentries` and `ostree admin`, step by step on equal sysroots, with verbs at random.

BOOTCHAIN_SEQUENCES is the number of sequences for each machine; `make differential` runs 300
in all, without the fixed seed that a plain test run has.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sequences import Sequence

pytestmark = pytest.mark.ns

ASKED = os.environ.get("BOOTCHAIN_SEQUENCES")
COUNT = int(ASKED or 3)
# A sequence takes seconds: to shrink one that fails would take half an hour.
PHASES = (Phase.generate,)
HOW = settings(
    max_examples=COUNT,
    stateful_step_count=10,
    deadline=None,
    derandomize=not ASKED,
    database=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


class Mixed(Sequence):
    mixed = True


class MixedTrixie(Sequence):
    suite = "trixie"
    mixed = True


@pytest.mark.parametrize("machine", [Sequence, Mixed, MixedTrixie])
@pytest.mark.timeout(0 if ASKED else 900)
def test_no_sequence_makes_a_difference(machine):
    run_state_machine_as_test(machine, settings=HOW)
