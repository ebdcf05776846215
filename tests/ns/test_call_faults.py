"""System calls that fail, and kills between them: the sweep of `make faults`, a part of it.

Each mend that the sweep led to stands here with its case; and bugs that are planted show that
the sweep can fail.
"""

import shutil

import pytest
from callfaults import remote, report
from callfaults.calls import EIO, ENOMEM, ENOSPC, EROFS
from callfaults.sweep import KILL

pytestmark = pytest.mark.ns

SEED = 8
# What most others do as well; three faults of each.
SAMPLED = (
    *("init-fs", "os-init", "deploy, new kernel", "set-kargs", "set-default, links", "pin"),
    *("cleanup", "kargs edit-in-place", "loader set", "finalize-staged"),
)
SAMPLE = 3


# Mend: (case, process, fault, call, what is said); a kill lets nothing be said.
MENDED = {
    "a lock that cannot be had names its file": (
        *("os-init", 0, ENOMEM, r"F_OFD_SETLK"), "lock sysroot: ostree/lock: Cannot allocate",
    ),
    "a directory's time that cannot be set names the directory": (
        *("os-init", 0, EROFS, r"^utimensat"), "touch ostree/deploy: ostree/deploy: Read-only",
    ),
    "half a stateroot is completed": ("os-init", 0, KILL, r'^mkdirat\(.*another/var"', ""),
    "half a repository is completed": (
        *("init-fs", 1, EIO, r'"refs/heads"'), "make repository: /tmp/sysroot/ostree/repo: ostree",
    ),
    "a full disk names the file that was written": (
        *("pin", 0, ENOSPC, r"^write"), "write ostree/deploy/testos/deploy/",
    ),
    "a kernel that cannot be synced is named": (
        *("deploy, new kernel", 0, ENOSPC, r"^fdatasync\(.*/vmlinuz>"),
        "/vmlinuz-6.1.0-test: No space left on device",
    ),
    "half of the tree's /var is not taken for a /var": (
        *("deploy, first", 4, KILL, r"^fchown\(.*/kept>"), "check out",
    ),
    "a first deploy that did not end is a leftover": (
        *("deploy, first", 0, KILL, r'^mkdirat\(.*boot\.1\.1>, "testos"'), "",
    ),
    "a swap that may not be on storage is active all the same": (
        *("set-kargs", 0, EROFS, r"FIFREEZE"), "filesystem of /boot: boot: Read-only",
    ),
}  # fmt: skip

# Bug: (file, what is right, what stands in its place), then what shows it.
PLANTED = {
    "an error that is ignored": (
        ("fs.py", "            os.fdatasync(out)\n",
         "            try:\n                os.fdatasync(out)\n"
         "            except OSError:\n                pass\n"),
        ("pin", EIO, r"^fdatasync"), "success is reported",
    ),
    "an error without an object": (
        ("fs.py", "            error.filename = path\n", "            pass\n"),
        ("pin", EIO, r"^fdatasync"), "the error names no object",
    ),
    "a link that is put in place in two steps": (
        ("fs.py", '        os.rename(f"{name}.tmp", name,',
         '        if os.path.lexists(f"/proc/self/fd/{fd}/{name}"):\n'
         "            os.unlink(name, dir_fd=fd)\n"
         '        os.rename(f"{name}.tmp", name,'),
        ("set-kargs", KILL, r'^renameat\(.*"loader.tmp"'), "verify: loader-missing: boot/loader",
    ),
    "a clean-up that forgets what is beside a deployment": (
        ("txn/remove.py", '        fs.remove_tree(context.root.fd, f"{path}.origin")\n', ""),
        ("undeploy", KILL, r'^unlinkat\(.*"lock"'), "left over: ostree/deploy/testos/deploy/",
    ),
    "half of something that is taken for the whole": (
        ("init.py", " or bool(fs.list_optional(root.fd, place))", " or True"),
        ("os-init", KILL, r'^mkdirat\(.*another/var"'), "missing: ostree/deploy/another/var",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sweep():
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    with remote.opened("trixie") as found:
        yield found


def check(tries) -> None:
    problems = [report.describe(item) for item in tries if item.verdict.problems]
    assert tries
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sample(sweep, name):
    check(sweep.sample(name, SAMPLE, SEED))


@pytest.mark.parametrize("mend", MENDED)
def test_what_the_sweep_found(sweep, mend):
    name, process, kind, call, said = MENDED[mend]
    tries = sweep.matching(name, kind, call, process)
    check(tries)
    assert all(item.exact for item in tries)
    assert [item for item in tries if said in item.verdict.said]


def test_an_unstored_swap_says_which_list_is_active(sweep):
    _, after = sweep.matching("set-kargs", EROFS, "FIFREEZE")
    assert (after.verdict.ended, after.verdict.status) == ("new", 1)
    assert "hint: the new list is active, but may not be on storage yet" in after.verdict.said


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(sweep, bug):
    change, (name, kind, call), expected = PLANTED[bug]
    check(sweep.matching(name, kind, call))
    sweep.change(change)
    try:
        tries = sweep.matching(name, kind, call)
    finally:
        sweep.change(None)
    problems = [problem for item in tries for problem in item.verdict.problems]
    assert any(expected in problem for problem in problems), problems
