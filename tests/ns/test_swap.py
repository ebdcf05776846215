"""Old or new, never neither: the order of a write's system calls, and writes cut short."""

import re
import shutil
import subprocess

import pytest
from chroots import Machine, machine
from test_interop import deployed, options
from trees import PLAIN, TREES

pytestmark = pytest.mark.ns

CALLS = "rename,renameat,renameat2,symlinkat,linkat,unlinkat,mkdirat,fdatasync,syncfs,ioctl"


@pytest.fixture
def box(tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    with machine("trixie", tmp_path, own_boot=True) as found:
        yield deployed(found, tmp_path, PLAIN, TREES[1])


def traced(box: Machine, *strace: str) -> "subprocess.CompletedProcess[str]":
    """Run a set-kargs that swaps under strace."""
    argv = box.command("instutil", "set-kargs", "--merge", "--append=new=1")
    return box.attempt(["strace", "-f", "-qq", *strace, *argv])


def test_everything_is_on_storage_before_the_swap(box, tmp_path):
    log = tmp_path / "strace.log"
    done = traced(box, "-y", "-o", str(log), "-e", f"trace={CALLS},openat2,openat")
    assert done.returncode == 0, done.stderr
    lines = log.read_text().splitlines()
    swap = only(lines, r'renameat2?\(.*"loader\.tmp".*"loader"')
    link = only(lines, r'renameat2?\(.*"boot\.1\.tmp".*"boot\.1"')
    entry = only(lines, r'renameat2?\(.*"\.ostree-2\.conf\.tmp".*"ostree-2\.conf"')
    syncs = [n for n, line in enumerate(lines) if re.search(r"syncfs\(\d+<.*= 0", line)]
    boot_syncs = [n for n in syncs if re.search(r"<[^>]*/boot>", lines[n])]
    ostree_syncs = [n for n in syncs if re.search(r"<[^>]*/ostree>", lines[n])]
    freezes = [n for n, line in enumerate(lines) if re.search(r"FIFREEZE.*= 0", line)]
    thaws = [n for n, line in enumerate(lines) if re.search(r"FITHAW.*= 0", line)]
    reads = [n for n, line in enumerate(lines) if re.search(r"O_DIRECT\b", line)]
    assert any(link < n < swap for n in ostree_syncs)
    assert any(entry < n < swap for n in boot_syncs)
    # Kernel and initramfs, which were there, and the entry are read past the page cache, each
    # when it was synced.
    for name, synced in (("vmlinuz-", 0), ("initramfs-", 0), ("ostree-2.conf", ostree_syncs[0])):
        found = [n for n in reads if name in lines[n] and synced < n < swap]
        assert found, name
        assert synced or any("fdatasync" in line and name in line for line in lines[: found[0]])
    assert [n < swap for n in freezes] == [True, False]
    assert [n < swap for n in thaws] == [True, False]
    assert freezes[0] < thaws[0]
    # Each small file is synced before it has its name.
    data = [n for n, line in enumerate(lines) if re.search(r"fdatasync\(.*ostree-2\.conf", line)]
    assert data
    assert data[0] < entry
    # Nothing of the old list goes before the swap.
    removed = [
        n for n, line in enumerate(lines) if re.search(r'unlinkat\(.*"ostree-\d\.conf"', line)
    ]
    assert removed
    assert min(removed) > swap


def only(lines: list[str], pattern: str) -> int:
    found = [n for n, line in enumerate(lines) if re.search(pattern, line)]
    assert len(found) == 1, f"{pattern}: {[lines[n] for n in found]}"
    return found[0]


@pytest.mark.parametrize("call", ["rename", "symlinkat", "unlinkat", "syncfs", "mkdirat"])
def test_killed_anywhere_the_old_or_the_new_list_is_there(box, call):
    old, new = ["root=UUID=abc", "quiet"], ["root=UUID=abc", "quiet", "new=1"]
    seen = []
    name = "/^rename" if call == "rename" else call
    for place in range(1, 60):
        inject = f"inject={name}:signal=SIGKILL:when={place}"
        done = traced(box, "-o", "/dev/null", "-e", f"trace={name}", "-e", inject)
        seen.append(options(box))
        assert seen[-1] in (old, new)
        status = box.admin("status")
        assert status.count("Version:") == 2
        if seen[-1] == new:
            # libostree takes over a list that was cut short, and cleans up behind it.
            box.admin("instutil set-kargs", "--merge", "--replace=quiet", "--append=x")
            box.bootentries("instutil", "set-kargs", "--merge", "--delete=new", "--delete=x")
            assert options(box) == old
            assert_clean(box)
        if done.returncode == 0:
            break
    assert done.returncode == 0, f"{call} was made more often than expected"
    assert seen[0] == old
    assert seen[-1] == new


def assert_clean(box: Machine) -> None:
    """Nothing but the active list is left in /boot and among the boot links."""
    names = sorted(path.name for path in (box.view / "boot").iterdir())
    active = (box.view / "boot/loader").readlink().name
    assert names == sorted(["boot", "loader", active, "ostree"])
    links = sorted(path.name for path in (box.view / "ostree").glob("boot.*"))
    link = (box.view / "ostree" / f"boot.{active[-1]}").readlink().name
    assert links == [f"boot.{active[-1]}", link]
    hidden = [path for path in (box.view / "boot").rglob(".*") if path.name != ".vmlinuz.hmac"]
    assert hidden == []


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        # A kernel that is there is compared first; of two deployments, two files each.
        (1, "install boot/ostree/testos-"),
        (9, "read back boot/loader.1/entries/ostree-2.conf"),
    ],
)
def test_a_failing_read_back_activates_nothing(box, call, operation):
    """Storage that does not return what was written stops the write."""
    kernel = next((box.view / "boot/ostree").glob("*/vmlinuz*"))
    before = options(box)
    # A read of an O_DIRECT descriptor fails as a broken disk's would.
    inject = f"inject=readv:error=EIO:when={call}"
    done = traced(box, "-o", "/dev/null", "-e", "trace=readv", "-e", inject)
    assert done.returncode == 1
    assert f"bootentries: {operation}" in done.stderr
    assert "Input/output error" in done.stderr
    assert "Traceback" not in done.stderr
    assert options(box) == before
    assert kernel.exists()


def test_cleanup_that_fails_does_not_fail_the_swap(box):
    active = (box.view / "boot/loader").readlink()
    stuck = str(box.sysroot / "boot" / active / "entries/ostree-1.conf")
    box.run(["chattr", "+i", stuck])
    done = box.attempt(box.command("instutil", "set-kargs", "--merge", "--append=new=1"))
    assert done.returncode == 0, done.stderr
    left = f"{active}/entries/ostree-1.conf: Operation not permitted"
    assert f"remove boot/{active}: left for later: {left}" in done.stderr
    assert options(box)[-1] == "new=1"
    # The next write needs the directory, says so, and leaves what is active alone.
    done = box.attempt(box.command("instutil", "set-kargs", "--merge", "--append=x"))
    assert done.returncode == 1
    assert f"create empty directory boot/{active}/entries" in done.stderr
    assert options(box)[-1] == "new=1"
    box.run(["chattr", "-i", stuck])
    box.bootentries("instutil", "set-kargs", "--merge", "--append=x")
    assert options(box)[-2:] == ["new=1", "x"]
    assert_clean(box)


def test_two_writers_wait_for_each_other(box, tmp_path):
    slow = ["strace", "-f", "-qq", "-o", str(tmp_path / "slow.log"), "-e", "trace=syncfs",
            "-e", "inject=syncfs:delay_enter=1500000"]  # fmt: skip
    argv = box.command("instutil", "set-kargs", "--merge", "--append=first")
    first = box.start([*slow, *argv])
    lock = box.view / "ostree/lock"
    while not lock.exists() and first.poll() is None:
        pass
    late = box.attempt(
        box.command("instutil", "set-kargs", "--merge", "--append=no", "--lock-timeout=0.2")
    )
    assert late.returncode == 1
    assert "lock sysroot: ostree/lock: held by another process for 0.2 s" in late.stderr
    # libostree waits for the same lock (its `instutil set-kargs` takes none, its deploy does).
    box.admin("deploy", "--os=testos", "--karg-append=second", "plain")
    out, errors = first.communicate(timeout=60)
    assert first.returncode == 0, out + errors
    assert options(box)[-2:] == ["first", "second"]
    assert not lock.exists()


def test_a_writer_without_the_lock_is_noticed(box, tmp_path):
    """libostree's `instutil set-kargs` does not lock: reading back sees what it overwrote."""
    slow = ["strace", "-f", "-qq", "-o", str(tmp_path / "slow.log"), "-e", "trace=syncfs",
            "-e", "inject=syncfs:delay_enter=1500000"]  # fmt: skip
    argv = box.command("instutil", "set-kargs", "--merge", "--append=first")
    first = box.start([*slow, *argv])
    prepared = box.view / "boot/loader.tmp"
    while not prepared.is_symlink() and first.poll() is None:
        pass
    box.admin("instutil set-kargs", "--merge", "--append=second")
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "storage holds something else than what was written" in errors
    assert options(box)[-1] == "second"
