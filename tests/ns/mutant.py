"""prepare-root with something wrong in it: `mutant.py [WORD...] -- ARGUMENTS`.

A WORD is a step of the plan or `op:N`, which is left out, or `rule:NAME` from `rules.py`.
Without a word it is prepare-root itself.  A step that the plan does not have is an error, so
that a mutant that mutates nothing cannot pass for one.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import rules

from prepare_root import main, plan

at = sys.argv.index("--")
words = sys.argv[1:at]
broken = [word.removeprefix("rule:") for word in words if word.startswith("rule:")]
numbers = {int(word.removeprefix("op:")) for word in words if word.startswith("op:")}
steps = {word for word in words if not word.startswith(("rule:", "op:"))}
original = plan.make


def make(facts, config):  # type: ignore[no-untyped-def]
    ops = original(facts, config)
    missing = steps - {op.step for op in ops} | numbers - set(range(len(ops)))
    if missing:
        sys.exit(f"mutant: the plan has no step {sorted(missing)}")
    return tuple(op for n, op in enumerate(ops) if op.step not in steps and n not in numbers)


plan.make = make
for name in broken:
    rules.RULES[name]()
environ = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]
sys.exit(main.run([b"prepare-root", *map(os.fsencode, sys.argv[at + 1 :])], environ))
