"""Programs in turn: what counts, what does not, and one that fails."""

import io
import json
import sys
from pathlib import Path

import pytest

from bench import alternate

BUSY = "import time; end = time.process_time() + 0.05\nwhile time.process_time() < end: pass"
SLEEP = "import time; time.sleep(0.05)"


def append(file: Path, text: str) -> list[str]:
    return ["/bin/sh", "-c", f"printf {text} >>{file}"]


def test_run_tells_work_from_waiting() -> None:
    busy = alternate.run([sys.executable, "-S", "-c", BUSY])
    asleep = alternate.run([sys.executable, "-S", "-c", SLEEP])
    assert busy[0] >= 0.05
    assert busy[1] >= 0.05
    assert asleep[0] >= 0.05
    assert asleep[1] < busy[1]


def test_work_of_what_a_program_starts_counts() -> None:
    code = f"import subprocess; subprocess.run([{sys.executable!r}, '-S', '-c', {BUSY!r}])"
    assert alternate.run([sys.executable, "-c", code])[1] >= 0.05


def test_a_failing_program_ends_it() -> None:
    with pytest.raises(SystemExit, match="/bin/sh -c echo no >&2; exit 3: exit status 3: no"):
        alternate.run(["/bin/sh", "-c", "echo no >&2; exit 3"])


@pytest.mark.parametrize(("runs", "order"), [(1, "ab" + "ba"), (2, "ab" + "ba" + "ab")])
def test_order(runs: int, order: str, tmp_path: Path) -> None:
    """Each is first in its turn; the first round is for the caches."""
    file = tmp_path / "order"
    programs = {label: append(file, label) for label in "ab"}
    case = alternate.Case(name="x", runs=runs, programs=programs, after={"a": append(file, ".")})
    taken = alternate.measure(case)
    assert file.read_text() == order.replace("a", "a.")
    assert {label: len(values) for label, values in taken.items()} == {"a": runs, "b": runs}


def test_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    case = alternate.Case(name="x", runs=2, programs={"true": ["/bin/true"]}, after={})
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps([case])))
    alternate.main()
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["x"]
    assert [len(values) for values in found["x"]["true"]] == [2, 2]
    assert all(0 <= number < 60 for values in found["x"]["true"] for number in values)


def test_needs_nothing_but_the_standard_library() -> None:
    """It runs in a chroot that has nothing else."""
    code = f"import runpy; runpy.run_path({alternate.__file__!r})"
    assert alternate.run([sys.executable, "-I", "-S", "-c", code])[0] > 0
