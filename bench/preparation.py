"""Wall time of a whole preparation, ours and the C program's in turn on the same image."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.sizes import PEER

CHECKOUT = Path(__file__).resolve().parent.parent
CONFIG = "[sysroot]\nreadonly=true\n[links]\nenabled=no\n"
# 2026.4 leaves /boot to its generator.
COMPOSEFS = "[composefs]\nenabled=yes\n[links]\nenabled=no\n[boot]\nmount=no\n"
PROGRAMS: Mapping[str, Sequence[str]] = {
    "ours": ("/run/prepare-root", "/sysroot", "/cmdline"),
    "peer": (PEER, "/sysroot"),
}


def reading(printed: str, name: str) -> float:
    """Seconds that `timed` printed; raises BenchError when the program failed."""
    seconds, status = printed.split()
    if status != "0":
        raise BenchError("prepare root", name, f"exit status {status}")
    return float(seconds)


@dataclass(frozen=True, slots=True)
class Case:
    """What is prepared: a sysroot `image`, in whose deployment's name `karg` ends, with `tree`
    as the initramfs and `config` in it; `executable` is ours, the peer comes out of `tree`.
    """

    tree: Path
    image: Path
    karg: str
    executable: Path
    config: str = CONFIG


def _once(case: Case, work: Path, name: str) -> float:
    own = work / "own.img"
    shutil.copyfile(case.image, own)
    (work / "mnt").mkdir(exist_ok=True)
    spec = {
        **{"work": str(work / "mnt"), "image": str(own), "lower": str(case.tree)},
        **{"config": case.config, "cmdline": case.karg, "filesystem_ro": False},
        **{"immutable": "", "run_files": [], "setup": [], "program": PROGRAMS[name]},
        "programs": {"prepare-root": str(case.executable)},
    }
    path = work / "spec.json"
    path.write_text(json.dumps(spec))
    done = subprocess.run(
        ["unshare", "-m", sys.executable, CHECKOUT / "bench/timed.py", path],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "tests/ns")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError("prepare root", name, done.stderr.strip())
    return reading(done.stdout, name)


def times(case: Case, work: Path, runs: int) -> dict[str, list[float]]:
    """Milliseconds of each of `runs` preparations, by program."""
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(runs + 1):
        for name in PROGRAMS:
            seconds = _once(case, work, name)
            if turn:  # the first of each warms the page cache
                taken[name].append(seconds * 1000)
    return taken
