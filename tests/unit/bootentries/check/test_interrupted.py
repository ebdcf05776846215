"""A write that ends after any of its steps leaves nothing worse than leftovers."""

import dataclasses

import pytest
from victims import Victim, with_devicetree, with_dtb, with_grub, with_hmac, with_overlay

from bootentries.check.codes import Severity
from bootentries.check.explain import explain
from bootentries.check.verify import verify
from bootentries.root import open_root
from bootentries.sysroot import load
from bootentries.txn.context import Context
from bootentries.txn.plan import Write
from bootentries.txn.write import plan_write


def new_arguments(items):
    return (dataclasses.replace(items[0], options="root=UUID=b debug"), *items[1:])


def other_order(items):
    return items[::-1]


def one_less(items):
    return items[:1]


def nothing_left(items):
    del items
    return ()


def the_same(items):
    return items


CHANGES = (new_arguments, other_order, one_less, nothing_left, the_same)
SHAPES = (with_grub, with_overlay, with_devicetree, with_dtb, with_hmac)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("shape", "renew"), [(with_grub, True), *((shape, False) for shape in SHAPES)]
)
def test_after_each_step(victim, run, shape, change, renew):
    shape(victim)
    victim = Victim(victim.top)
    notes = []
    steps = 0
    with open_root(str(victim.top)) as root:
        present = load(root, run)
        how = Write(renew=renew, prune=False)
        todo = plan_write(root, present, change(present.on_disk), frozenset(), how)
        context = Context(root, notes.append, lambda fd: None, run)
        for op in (*todo.before, *todo.after):
            op.apply(context)
            steps += 1
            worse = [
                f"{finding.code.name} {finding.place}: {finding.reason}"
                for finding in verify(root).findings
                if finding.code.severity is not Severity.LEFTOVER
            ]
            assert worse == [], f"after: {op.describe()}"
            if load(root, run).deployments:
                assert explain(root, 0).fault is None, f"after: {op.describe()}"
        left = [f"{finding.code.name} {finding.place}" for finding in verify(root).findings]
    assert steps > 2 or (change is the_same and not renew)
    assert notes == []
    assert left == []
