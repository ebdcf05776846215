"""The bench runs verbs of both programs in one chroot, and notices one that fails."""

import json
from pathlib import Path

import pytest

from bench import verbs
from bench.errors import BenchError

pytestmark = pytest.mark.ns


def test_small_lists(tmp_path: Path) -> None:
    """Few deployments and files, but each verb for real, and on a list that is as it should."""
    with verbs.box(tmp_path / "one", 128) as box:
        cases = verbs.listed(box, tmp_path, 1, count=12)
        assert box.admin("status").count("Version: 1.0") == 12
        status = [*verbs.ours("status"), "--json", verbs.SYSROOT]
        said = box.run(["chroot", str(box.root), *verbs.ENVIRON, *status])
        assert [item["version"] for item in json.loads(said)["deployments"]] == ["1.0"] * 12
        times = verbs.run_cases(box, (*cases, verbs.start_case(1)))
    with verbs.box(tmp_path / "two", 128) as box:
        times |= verbs.run_cases(box, verbs.written(box, tmp_path / "two", 1, count=2))
    with verbs.box(tmp_path / "three", 128) as box:
        times |= verbs.run_cases(box, verbs.etc(box, tmp_path / "three", 1, 400, 20))
        assert box.admin("status").count("origin refspec: os") == 1
    assert list(times) == [
        "`status` of 12 deployments",
        "start",
        "`instutil set-kargs` with 2 deployments",
        "`config-diff` of 400 files",
        "`deploy` with 400 files in /etc, 20 of them changed",
    ]
    for programs in times.values():
        assert all(0 < taken.wall < 300 for taken in programs.values()), programs
    rows = [verbs.verb_row(name, found).cells() for name, found in times.items() if name != "start"]
    assert len(rows) == 4


def test_our_program_is_installed_with_its_bytecode(tmp_path: Path) -> None:
    code = "import bootentries.cli as c, sys; print(c.__cached__, sys.dont_write_bytecode)"
    with verbs.box(tmp_path, 64) as box:
        said = box.run(["chroot", str(box.root), *verbs.ENVIRON, "python3", "-P", "-c", code])
        path, dont = said.split()
        assert path.startswith("/tmp/installed/bootentries/cli/__pycache__/")
        assert box.run(["chroot", str(box.root), "test", "-s", path]) == ""
        assert dont == "False"


def test_a_verb_that_fails_ends_the_bench(tmp_path: Path) -> None:
    with verbs.box(tmp_path, 64) as box:
        case = verbs.verb_case("x", 1, "undeploy", "7")
        with pytest.raises(BenchError, match=r"run verbs: sid: .*undeploy.*: exit status 1: "):
            verbs.run_cases(box, (case,))
