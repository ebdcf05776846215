"""Every name of the link table, in every state, whoever mounts /var."""

from pathlib import Path

import linkcases
import prepared
import pytest
from linkcases import CASES, STATES, TABLE

pytestmark = pytest.mark.ns


def test_six_turns_put_every_name_in_every_state() -> None:
    seen = {(name, state) for turn in range(6) for name, state in linkcases.states(turn).items()}
    assert seen == {(name, state) for name in TABLE for state in STATES}


@pytest.mark.parametrize("turn", range(6))
@pytest.mark.parametrize("case", CASES)
def test_matrix(tmp_path: Path, case: str, turn: int) -> None:
    standing = linkcases.states(turn)
    outcome, changed = linkcases.run(tmp_path, case, standing)
    prepared.check(outcome, changed, linkcases.expect(case, standing))
