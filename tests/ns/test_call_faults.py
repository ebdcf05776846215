"""System calls that fail, and kills between them: the sweep of `make faults`, a part of it.

Each mend that the sweep led to stands here with its case; and bugs that are planted show that
the sweep can fail.
"""

import shutil

import pytest
from callfaults import remote, report
from callfaults.calls import EIO, ENOMEM, ENOSPC, EROFS, parse_trace, writes
from callfaults.sweep import KILL

pytestmark = pytest.mark.ns

SEED = 8
# What most others do as well; two faults of each.
SAMPLED = (
    *("init-fs", "os-init", "deploy, new kernel", "set-kargs", "set-default, links", "pin"),
    *("cleanup", "kargs edit-in-place", "loader set", "finalize-staged"),
)
SAMPLE = 2


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
    "a namespace that cannot be entered names its root": (
        *("lock-finalization", 0, ENOMEM, r"^unshare"), "enter mount namespace: /: Cannot",
    ),
    "a hotfix whose clone cannot be made fails": (
        *("unlock --hotfix", 1, EIO, r'^mkdirat\(.*\.1>, "usr"'), "check out: ",
    ),
    "half of a hotfix's overlay is made anew": (
        *("unlock --hotfix", 0, KILL, r"^fchmod\(.*/.usr-ovl-work>"), "",
    ),
    "a link that was prepared for a swap is tidied up": (
        *("finalize-staged", 0, KILL, r"^syncfs"), "",
    ),
    "a file that was not written whole is tidied up": (
        *("finalize-staged", 0, EIO, r"^write\(.*finalize-failure"), "the next boot would not tell",
    ),
    "a ref that cannot be deleted is left for later": (
        *("switch", 0, EROFS, r'^unlinkat\(.*/far>, "one"'), "delete ref far:one: left for later: ",
    ),
    "an ostree that was killed says nothing": (
        *("deploy, new kernel", 2, KILL, r'^mkdirat\(.*"tmp"'),
        "make composefs image: 62dbe3616c43bd5b9071ba997c74e4a86059eb607f0e029bac07220a37ee5c86: "
        "ostree failed (-9): no message",
    ),
    "a swap that may not be on storage is active all the same": (
        *("set-kargs", 0, EROFS, r"FIFREEZE"), "filesystem of /boot: boot: Read-only",
    ),
}  # fmt: skip

# Bug: (file, what is right, what stands in its place), then what shows it.
PLANTED = {
    "an error that is ignored": (
        ("fs.py", "                os.fdatasync(out)\n",
         "                try:\n                    os.fdatasync(out)\n"
         "                except OSError:\n                    pass\n"),
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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('openat(AT_FDCWD</>, "/etc/x", O_RDONLY|O_CLOEXEC) = 3</etc/x>', False),
        ('openat(6</s/boot>, ".", O_WRONLY|O_CLOEXEC|O_TMPFILE, 0600) = 7</s/#12>', True),
        ('openat2(3</s>, "ostree/lock", {flags=O_RDWR|O_CREAT, mode=0600}, 24) = 5</s>', True),
        ('openat(AT_FDCWD</>, "/dev/null", O_RDWR|O_CLOEXEC) = 3</dev/null>', False),
        ('write(7</s/boot/.x.tmp>, "x", 1) = 1', True),
        ('write(1<pipe:[77]>, "x", 1) = 1', False),
        ("ioctl(4</s/boot>, FIFREEZE) = 0", True),
        ("ioctl(6</s/x>, FS_IOC_GETFLAGS, [FS_EXTENT_FL]) = 0", False),
        ("ioctl(6</s/x>, FS_IOC_SETFLAGS, [FS_IMMUTABLE_FL]) = 0", True),
        ("fcntl(5</s/ostree/lock>, F_OFD_SETLK, {l_type=F_WRLCK}) = 0", True),
        ("fcntl(5</s/ostree/lock>, F_GETFD) = 0x1 (flags FD_CLOEXEC)", False),
        ('renameat(6</s>, "a", 6</s>, "b") = -1 EIO (Input/output error) (INJECTED)', True),
    ],
)
def test_what_is_of_the_write_class(line, expected):
    ((call,),) = parse_trace(f"{line}\n+++ exited with 0 +++\n").values()
    assert writes(call) is expected


def test_calls_are_counted_by_process_and_name():
    trace = (
        '7 mkdir("a", 0755) = 0\n8 mkdir("b", 0755) = 0\n7 fsync(3</a>) = 0\n7 mkdir("c", 0) = 0'
    )
    found = parse_trace(trace)
    assert [(call.name, call.number) for call in found["7"]] == [
        ("mkdir", 1), ("fsync", 1), ("mkdir", 2),
    ]  # fmt: skip
    assert [(call.name, call.number) for call in found["8"]] == [("mkdir", 1)]


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


def test_a_kill_inside_the_freeze(sweep):
    """The filesystem is frozen then, and the watchdog thaws it."""
    tries = sweep.matching("set-kargs", KILL, "FITHAW")
    check(tries)
    assert [item.verdict.ended for item in tries] == ["old", "new"]


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
