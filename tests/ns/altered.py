"""prepare-root with one operation of its plan altered: `altered.py STEP FIELD VALUE -- ARGUMENTS`.

FIELD of every operation of STEP that has it gets VALUE, a Python literal.  An alteration
that alters nothing is an error, so that it cannot pass for one.
"""

import ast
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from prepare_root import main, plan

at = sys.argv.index("--")
step, name, literal = sys.argv[1:at]
value = ast.literal_eval(literal)
original = plan.make


def make(facts, config):  # type: ignore[no-untyped-def]
    ops = original(facts, config)
    found = [op for op in ops if op.step == step and getattr(op, name, value) != value]
    if not found:
        sys.exit(f"altered: the plan has no step {step!r} whose {name!r} is not {value!r}")
    for op in found:
        setattr(op, name, value)
    return ops


plan.make = make
environ = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]
sys.exit(main.run([b"prepare-root", *map(os.fsencode, sys.argv[at + 1 :])], environ))
