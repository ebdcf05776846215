"""The lines of `ostree admin status`; tests/ns compares them with the real one's."""

from dataclasses import replace

import pytest

from bootentries.cli.status_text import text_lines
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.origin import parse
from bootentries.repo import RepoConfig
from bootentries.roles import Roles
from bootentries.sysroot import Sysroot, load

ITEM = Deployment("os", "a" * 64, 1, "b" * 64, origin=parse(b"[origin]\nrefspec=main\n"))
HEAD = f"os {'a' * 64}.1"

CASES = [
    ({}, [f"  {HEAD}", "    origin refspec: main"]),
    ({"booted": True}, [f"* {HEAD}", "    origin refspec: main"]),
    ({"version": "1.2"}, [f"  {HEAD}", "    Version: 1.2", "    origin refspec: main"]),
    ({"staged": True}, [f"  {HEAD} (staged)", "    origin refspec: main"]),
    (
        {"staged": True, "finalization_locked": True},
        [f"  {HEAD} (finalization locked)", "    origin refspec: main"],
    ),
    ({"soft_reboot_target": True}, [f"  {HEAD} (soft-reboot)", "    origin refspec: main"]),
    ({"unlocked": "hotfix"}, [f"  {HEAD}", "    Unlocked: hotfix", "    origin refspec: main"]),
    ({"origin": parse(b"")}, [f"  {HEAD}", "    origin: none"]),
    (
        {"origin": parse(b"[origin]\ncontainer-image-reference=x\n")},
        [f"  {HEAD}", "    origin: <unknown origin type>"],
    ),
    (
        {"origin": parse(b"[origin]\nrefspec=main\n[libostree-transient]\npinned=true\n")},
        [f"  {HEAD}", "    Pinned: yes", "    origin refspec: main"],
    ),
    # A version is any text: it takes no second line, and no terminal's mind.
    (
        {"version": "1\n    Pinned: yes\x1b[2J"},
        [f"  {HEAD}", "    Version: 1\\n    Pinned: yes\\x1b[2J", "    origin refspec: main"],
    ),
]


def lines_of(item: Deployment, roles: Roles) -> list[str]:
    found = Sysroot(0, 0, (item,), RepoConfig())
    # Nothing here asks for a root: these origins name no remote.
    return list(text_lines(None, found, roles, verify=False, signatures=True))


@pytest.mark.parametrize(("changes", "lines"), CASES)
def test_lines(changes, lines):
    assert lines_of(replace(ITEM, **changes), Roles()) == lines


def test_neighbours_of_the_booted_one():
    assert lines_of(ITEM, Roles(pending=ITEM))[0] == f"  {HEAD} (pending)"
    assert lines_of(ITEM, Roles(rollback=ITEM))[0] == f"  {HEAD} (rollback)"


def test_unsigned_commits_fail_after_the_whole_list(fake, root, run):
    fake.config('[remote "r"]\n')
    found, lines = load(root, run), []
    with pytest.raises(BootentriesError) as caught:
        for line in text_lines(root, found, Roles(), verify=False, signatures=True):
            lines.append(line)
    assert [line[:4] for line in lines] == ["  te", "    ", "    "] * 2
    assert str(caught.value) == (
        f"show signatures: testos {'a' * 64}.0: the commit is not signed, and the remote 'r' "
        "asks for it"
    )
    assert lines == list(text_lines(root, found, Roles(), verify=False, signatures=False))
