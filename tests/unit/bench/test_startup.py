"""Starting and counting small programs for real, and what the tools print."""

from pathlib import Path

import pytest

from bench import compiled, startup
from bench.errors import BenchError
from bench.startup import Profile, Program

PERF = "3667001,,instructions:u,1234567,100.00,,\n"
NO_PERF = "<not supported>,,instructions:u,0,100.00,,\n"
CALLGRIND = "==12== Events    : Ir\n==12== Collected : 16703079\n==12== \n"
TRACE = """\
7 execve("/p", ["/p"], 0x7ffc /* 1 var */) = 0
7 brk(NULL)                         = 0x1
7 --- SIGCHLD {si_signo=SIGCHLD} ---
7 openat(AT_FDCWD, "/x(", O_RDONLY) = -1 ENOENT (No such file or directory)
7 exit_group(0)                     = ?
7 +++ exited with 0 +++
"""


@pytest.mark.parametrize(("text", "count"), [(PERF, 3667001), (NO_PERF, None), ("", None)])
def test_perf_count(text: str, count: int | None) -> None:
    assert startup.perf_count(text) == count


@pytest.mark.parametrize(("text", "count"), [(CALLGRIND, 16703079), ("", None)])
def test_callgrind_count(text: str, count: int | None) -> None:
    assert startup.callgrind_count(text) == count


def test_calls_of() -> None:
    assert startup.calls_of(TRACE) == 4
    assert startup.calls_of(TRACE.replace("7 ", "")) == 4
    assert startup.calls_of("") == 0


def test_cells() -> None:
    cells = Profile("a program", 3.333, 481.0, 25, 16703079).cells()
    assert cells == ("a program", "3.33 ms", "481", "25", "16,703,079")
    assert Profile("a program", 3.333, 481.0, 25, None).cells()[-1] == "-"
    assert len(cells) == len(startup.HEADINGS)


def test_profiles_of_real_programs(tmp_path: Path) -> None:
    floor = Program("floor", (str(compiled.floor(tmp_path)),))
    failing = Program("false", ("/bin/false", "--wrong"), status=1)
    low, high = startup.profiles([floor, failing], runs=3)
    assert (low.what, high.what) == ("floor", "false")
    assert 0 < low.wall_ms < 1000
    # A dynamic program maps its libraries.
    assert 5 < low.faults < high.faults
    assert 2 <= low.calls < high.calls


def test_a_program_that_ends_otherwise_is_an_error() -> None:
    with pytest.raises(BenchError, match="start: /bin/false: exit status 1, not 0"):
        startup.start(Program("false", ("/bin/false",)))
