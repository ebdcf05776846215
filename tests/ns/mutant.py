"""prepare-root with steps of its plan left out: `mutant.py [STEP...] -- ARGUMENTS`.

Without a step it is prepare-root itself.  A step that the plan does not have is an error, so
that a mutant that mutates nothing cannot pass for one.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from prepare_root import main, plan

at = sys.argv.index("--")
omitted = set(sys.argv[1:at])
original = plan.make


def make(facts, config):  # type: ignore[no-untyped-def]
    ops = original(facts, config)
    missing = omitted - {op.step for op in ops}
    if missing:
        sys.exit(f"mutant: the plan has no step {sorted(missing)}")
    return tuple(op for op in ops if op.step not in omitted)


plan.make = make
environ = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]
sys.exit(main.run([b"prepare-root", *map(os.fsencode, sys.argv[at + 1 :])], environ))
