"""The bench's counter counts what it says: every instruction of a program, and no waiting.

Each guest is a kernel whose first program executes a known number of instructions, or waits,
and then starts the program at which the count ends.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import compiled, instructions
from bench.errors import BenchError
from bench.instructions import Count
from bootvm.spec import Firmware, VmSpec
from guest.tree import Tree

pytestmark = pytest.mark.vm

# Two instructions a turn; then sleeps; then becomes NEXT.  No libc: nothing else is counted.
PROGRAM = """
enum { SYS_nanosleep = 35, SYS_execve = 59, SYS_exit = 60 };
static long call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}
void _start(void)
{
    long turns = TURNS, time[2] = { SECONDS, 0 };
    __asm__ volatile("1: dec %0\\n\\tjnz 1b" : "+r"(turns));
    call(SYS_nanosleep, (long)time, 0, 0);
    call(SYS_execve, (long)NEXT, 0, 0);
    call(SYS_exit, 1, 0, 0);
}
"""
TURNS = 50_000_000

Counter = Callable[[int, int, str], Count]


@pytest.fixture
def count(guest_tree: Tree, seat: None, tmp_path: Path) -> Counter:
    """Counts a guest whose program does turns, sleeps some seconds and becomes another."""
    plugin, end = compiled.plugin(tmp_path), compiled.end(tmp_path)
    out = tmp_path / "count"
    words = [str(plugin), f"end={compiled.entry_address(end.read_bytes()):#x}", f"out={out}"]

    def boot(turns: int, seconds: int, becomes: str) -> Count:
        source = tmp_path / "init.c"
        source.write_text(PROGRAM)
        flags = ["-Os", "-ffreestanding", "-fno-stack-protector", "-static", "-nostdlib"]
        numbers = [f"-DTURNS={turns}L", f"-DSECONDS={seconds}", f'-DNEXT="{becomes}"']
        subprocess.run(["gcc", *flags, *numbers, "-o", tmp_path / "init", source], check=True)
        image = tmp_path / "image"
        subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "-F", image],
            input=b"init\nend\n",
            cwd=tmp_path,
            check=True,
        )
        spec = VmSpec(
            firmware=Firmware.DIRECT,
            kernel=guest_tree.vmlinuz,
            initrd=image,
            cmdline=" ".join([*instructions.QUIET, "panic=-1"]),
            memory=256,
            icount=0,
            cpus=1,
            extra=("-plugin", ",".join(words)),
        )
        return instructions.boot(spec, f"{turns}-{seconds}", out)

    return boot


def test_counts_work_and_not_waiting(count: Counter) -> None:
    short, long, waiting = count(1, 0, "/end"), count(TURNS, 0, "/end"), count(1, 20, "/end")
    assert short.user < 1000
    assert long.user - short.user == pytest.approx(2 * TURNS, rel=0.001)
    # 20 s are 20 thousand million of the clock that counts instructions.
    assert waiting.user == short.user
    assert waiting.total - short.total < 10_000_000


def test_a_guest_that_never_comes_there_is_an_error(count: Counter) -> None:
    # The kernel's own last words come with it.
    said = r"(?s)count instructions: 1-0: it ended without starting the real root's init.*do_exit"
    with pytest.raises(BenchError, match=said):
        count(1, 0, "/nowhere")
