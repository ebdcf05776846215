"""The blocks of `status`, for what the fake sysroot of `test_status` cannot show."""

from dataclasses import replace

from bootentries.cli.status_people import people_lines
from bootentries.condition import Condition, Failure
from bootentries.sysroot import load


def lines(root, found, state=None, colours=False):
    return list(people_lines(root, found, state or Condition(), colours=colours))


def test_everything_at_once(root):
    found = load(root)
    first, second = found.deployments
    staged = replace(first, staged=True, finalization_locked=True, entry=None, label="next",
                     options="root=UUID=a new")  # fmt: skip
    running = replace(second, booted=True)
    found = replace(found, deployments=(staged, running), booted=True)
    assert lines(root, found, Condition(failure=Failure("no room\x1b[0m"))) == [
        "! The staged deployment did not become active: no room\\x1b[0m",
        "  remedy: mend what the reason names, and stage it again",
        "",
        "  0  testos 1.0  (default, staged, locked)",
        "     Label:      next",
        f"     Deployment: {'a' * 64}.0",
        "     Origin:     r:b",
        "     Kernel:     6.1",
        "     Arguments:  +new -quiet",
        "",
        "● 1  testos 0.9",
        f"     Deployment: {'b' * 64}.0",
        "     Origin:     r:b",
        "     Kernel:     6.1",
        "     Entry:      ostree-1.conf",
    ]


def test_the_running_one_stands_out(root):
    found = load(root)
    running = replace(found.deployments[1], booted=True)
    found = replace(found, deployments=(found.deployments[0], running), booted=True)
    coloured = [line for line in lines(root, found, colours=True) if "\x1b" in line]
    assert coloured == ["\x1b[1;32m●\x1b[0m \x1b[1m1  testos 0.9\x1b[0m"]


def test_a_tree_without_a_kernel_and_an_empty_list(root, fake):
    (fake.deployment() / "usr/lib/modules/6.1/vmlinuz").unlink()
    found = load(root)
    assert "     Kernel:     (none found in the tree)" in lines(root, found)
    assert lines(root, replace(found, deployments=())) == ["No deployments."]
