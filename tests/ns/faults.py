"""prepare-root once for each required operation of its plan, with that operation failing.

Started in the chroot by a test: `faults.py SYSROOT CMDLINE`.  Each try is a process of its own
and starts from what the one before left behind; the last one has no fault.  Prints JSON: the
state at first, and for each try what it said and the state after it.
"""

import errno
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from prepare_root import main, plan
from prepare_root.ops import Op

original = plan.make


class Broken(Op):
    """Takes the place of an operation and fails."""

    def __init__(self, op: Op) -> None:
        super().__init__(op.step)
        self.op = op

    def describe(self) -> str:
        return self.op.describe()

    def apply(self) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


class Many(Exception):
    """Carries the plan out of a run that has not changed anything yet."""


def observed(words: list[bytes]) -> tuple[Op, ...]:
    """The plan of an undisturbed run, without running it."""

    def stop(facts, config):  # type: ignore[no-untyped-def]
        raise Many(original(facts, config))

    plan.make = stop
    try:
        main.run(words, [])
    except Many as found:
        ops: tuple[Op, ...] = found.args[0]
        return ops
    sys.exit("faults: there was no plan")


def text(op: Op) -> str:
    """What an operation is known by: the plan is a little shorter once links are made.

    The name of a transient /etc is another one at every run.
    """
    return re.sub(r"transient-etc\.\w{6}", "transient-etc.X", f"{op.step}: {op.describe()}")


def attempt(words: list[bytes], failing: str) -> tuple[int, str]:
    """Exit status and standard error of a run in which the operation `failing` fails."""

    def broken(facts, config):  # type: ignore[no-untyped-def]
        return tuple(Broken(op) if text(op) == failing else op for op in original(facts, config))

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, 2)
        plan.make = broken
        os._exit(main.run(words, []))
    os.close(writer)
    with os.fdopen(reader, errors="backslashreplace") as stream:
        said = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def state(sysroot: Path) -> dict[str, list[str]]:
    """What a rescue shell would find: mounts by number, /run, and the physical root."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    # all but the optional fields, which say how mounts travel
    mounts = [" ".join(line.partition(" - ")[0].split(" ")[:6]) for line in lines]
    run = sorted(str(path) for path in Path("/run").rglob("*"))
    return {
        "mounts": sorted(mounts),
        "run": [path for path in run if path != "/run/media"],
        "root": sorted(path.name for path in Path("/").iterdir()),
        "sysroot": sorted(path.name for path in sysroot.iterdir()),
    }


arguments = [b"prepare-root", *map(os.fsencode, sys.argv[1:])]
top = Path(sys.argv[1])
answer: dict[str, object] = {"before": state(top)}
tries = []
for op in observed(arguments):
    if op.required:
        status, said = attempt(arguments, text(op))
        after = state(top)
        tries.append(
            {"step": op.step, "line": text(op), "status": status, "said": said, "after": after}
        )
answer["tries"] = tries
answer["undisturbed"] = attempt(arguments, "")
json.dump(answer, sys.stdout)
