"""The system-call module as the host's extension: each call against the kernel itself.

What needs mounts or other namespaces is in `tests/ns`.
"""

import errno
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import _bootsys
import pytest

FAILURES: list[tuple[str, Callable[[bytes], object], int]] = [
    ("chdir", _bootsys.chdir, errno.ENOENT),
    ("chmod", lambda p: _bootsys.chmod(p, 0o644), errno.ENOENT),
    ("chown", lambda p: _bootsys.chown(p, 0, 0), errno.ENOENT),
    ("chroot", _bootsys.chroot, errno.ENOENT),
    ("execve", lambda p: _bootsys.execve(p, [p], []), errno.ENOENT),
    ("fsopen", lambda p: _bootsys.fsopen(p, 0), errno.ENODEV),
    ("listdir", _bootsys.listdir, errno.ENOENT),
    ("mkdir", lambda p: _bootsys.mkdir(p + b"/x", 0o755), errno.ENOENT),
    ("mknod", lambda p: _bootsys.mknod(p + b"/x", stat.S_IFIFO | 0o600, 0), errno.ENOENT),
    ("mount", lambda p: _bootsys.mount(b"", p, b"tmpfs", 0, b""), errno.ENOENT),
    (
        "mount_setattr",
        lambda p: _bootsys.mount_setattr(_bootsys.AT_FDCWD, p, 0, 1, 0, 0),
        errno.ENOENT,
    ),
    (
        "move_mount",
        lambda p: _bootsys.move_mount(_bootsys.AT_FDCWD, p, _bootsys.AT_FDCWD, p, 0),
        errno.ENOENT,
    ),
    ("open", lambda p: _bootsys.open(p, os.O_RDONLY), errno.ENOENT),
    ("open_tree", lambda p: _bootsys.open_tree(_bootsys.AT_FDCWD, p, 0), errno.ENOENT),
    ("openat2", lambda p: _bootsys.openat2(_bootsys.AT_FDCWD, p, 0, 0, 0), errno.ENOENT),
    ("pivot_root", lambda p: _bootsys.pivot_root(p, p), errno.ENOENT),
    ("readlink", _bootsys.readlink, errno.ENOENT),
    ("rename", lambda p: _bootsys.rename(p, p), errno.ENOENT),
    ("rmdir", _bootsys.rmdir, errno.ENOENT),
    ("send_datagram", lambda p: _bootsys.send_datagram(p, b"x"), errno.ENOENT),
    ("stat", _bootsys.stat, errno.ENOENT),
    ("statfs", _bootsys.statfs, errno.ENOENT),
    ("symlink", lambda p: _bootsys.symlink(b"x", p + b"/x"), errno.ENOENT),
    ("umount", lambda p: _bootsys.umount(p, 0), errno.ENOENT),
    ("unlink", _bootsys.unlink, errno.ENOENT),
]


@pytest.mark.parametrize(("call", "code"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_failure_has_number_text_and_path(
    call: Callable[[bytes], object], code: int, tmp_path: Path
) -> None:
    path = os.fsencode(tmp_path) + b"/no\xffsuch"
    with pytest.raises(OSError) as caught:
        call(path)
    assert caught.value.errno == code
    assert caught.value.strerror == os.strerror(code)
    assert isinstance(caught.value.filename, bytes)
    assert caught.value.filename.startswith(path)


BAD_FD: list[tuple[str, Callable[[int], object]]] = [
    ("close", _bootsys.close),
    ("dup2", lambda fd: _bootsys.dup2(fd, fd)),
    ("fchdir", _bootsys.fchdir),
    ("finit_module", lambda fd: _bootsys.finit_module(fd, b"", 0)),
    ("freeze_thaw", lambda fd: _bootsys.freeze_thaw(fd, 1)),
    ("fsconfig", lambda fd: _bootsys.fsconfig(fd, 0, b"ro", b"", 0)),
    ("fsmount", lambda fd: _bootsys.fsmount(fd, 0, 0)),
    ("fstat", _bootsys.fstat),
    ("get_flags", _bootsys.get_flags),
    ("ioctl", lambda fd: _bootsys.ioctl(fd, 0x541B, bytes(4))),
    ("lseek", lambda fd: _bootsys.lseek(fd, 0, 0)),
    ("pread", lambda fd: _bootsys.pread(fd, 1, 0)),
    ("read", lambda fd: _bootsys.read(fd, 1)),
    ("set_flags", lambda fd: _bootsys.set_flags(fd, 0)),
    ("setns", lambda fd: _bootsys.setns(fd, 0)),
    ("syncfs", _bootsys.syncfs),
    ("write", lambda fd: _bootsys.write(fd, b"x")),
]


@pytest.mark.parametrize("call", [b[1] for b in BAD_FD], ids=[b[0] for b in BAD_FD])
def test_bad_fd(call: Callable[[int], object]) -> None:
    with pytest.raises(OSError) as caught:
        call(1_000_000)
    # A kernel built without modules says so first.
    built_in = not Path("/proc/modules").exists() and call is BAD_FD[3][1]
    assert caught.value.errno == (errno.ENOSYS if built_in else errno.EBADF)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: _bootsys.sleep(-1), "seconds must be from 0 to 1e9"),
        (lambda: _bootsys.sleep(float("nan")), "seconds must be from 0 to 1e9"),
        (lambda: _bootsys.freeze_thaw(0, 0), "limit_s must be positive"),
        (lambda: _bootsys.read(0, -1), "count must not be negative"),
        (lambda: _bootsys.mkdir(b"a\0b", 0o755), "embedded null byte"),
        (lambda: _bootsys.execve(b"/bin/true", [b"a\0b"], []), "embedded null byte"),
    ],
)
def test_bad_value(call: Callable[[], object], error: str) -> None:
    with pytest.raises(ValueError, match=f"^{error}$"):
        call()


def test_vectors_are_the_launchers() -> None:
    assert (_bootsys.argv(), _bootsys.environ()) == ([], [])


def test_files(tmp_path: Path) -> None:
    fd = _bootsys.open(os.fsencode(tmp_path / "f"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        assert not os.get_inheritable(fd)
        assert _bootsys.write(fd, b"hello\0world") == 11
        assert _bootsys.lseek(fd, 6, os.SEEK_SET) == 6
        assert _bootsys.read(fd, 100) == b"world"
        assert _bootsys.read(fd, 100) == b""
        assert _bootsys.pread(fd, 5, 0) == b"hello"
        with pytest.raises(OSError, match="Invalid argument"):
            _bootsys.pread(fd, 5, -1)
        assert _bootsys.fstat(fd) == _bootsys.stat(os.fsencode(tmp_path / "f"))
    finally:
        _bootsys.close(fd)


def test_dir_fd(tmp_path: Path) -> None:
    top = _bootsys.open(os.fsencode(tmp_path), os.O_DIRECTORY)
    try:
        _bootsys.mkdir(b"d", 0o700, dir_fd=top)
        _bootsys.chmod(b"d", 0o751, dir_fd=top)
        assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o751
        _bootsys.symlink(b"nowhere", b"l", dir_fd=top)
        assert _bootsys.readlink(b"l", dir_fd=top) == b"nowhere"
        _bootsys.mknod(b"p", stat.S_IFIFO | 0o600, 0, dir_fd=top)
        assert sorted(_bootsys.listdir(b".", dir_fd=top)) == [b"d", b"l", b"p"]
        assert _bootsys.listdir(b"d", dir_fd=top) == []
        _bootsys.rename(b"p", b"q", old_dir_fd=top, new_dir_fd=top)
        _bootsys.close(_bootsys.open(b"d/f", os.O_CREAT, dir_fd=top))
        assert (tmp_path / "d" / "f").exists()
        _bootsys.unlink(b"d/f", dir_fd=top)
        _bootsys.rmdir(b"d", dir_fd=top)
        _bootsys.unlink(b"q", dir_fd=top)
        assert _bootsys.listdir(b".", dir_fd=top) == [b"l"]
        with pytest.raises(FileNotFoundError):
            _bootsys.stat(b"l", dir_fd=top)
        assert stat.S_ISLNK(_bootsys.stat(b"l", dir_fd=top, follow=False)[0])
        _bootsys.chown(b"l", os.getuid(), os.getgid(), dir_fd=top, follow=False)
    finally:
        _bootsys.close(top)


def test_stat_tuple(tmp_path: Path) -> None:
    for path in (str(tmp_path), "/dev/null"):
        st = os.stat(path)  # noqa: PTH116 - side by side with ours
        assert _bootsys.stat(os.fsencode(path)) == (
            st.st_mode,
            st.st_dev,
            st.st_ino,
            st.st_nlink,
            st.st_uid,
            st.st_gid,
            st.st_size,
            st.st_rdev,
        )


def test_rename_flags(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    with pytest.raises(FileExistsError) as caught:
        _bootsys.rename(os.fsencode(one), os.fsencode(two), flags=1)  # RENAME_NOREPLACE
    assert (caught.value.filename, caught.value.filename2) == (os.fsencode(one), os.fsencode(two))
    _bootsys.rename(os.fsencode(one), os.fsencode(two), flags=2)  # RENAME_EXCHANGE
    assert (one.read_text(), two.read_text()) == ("2", "1")


def test_openat2_stays_below(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc/passwd")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("inside")
    top = _bootsys.open(os.fsencode(tmp_path), os.O_DIRECTORY)
    try:
        with pytest.raises(OSError) as caught:
            _bootsys.openat2(top, b"out", os.O_RDONLY, 0, 0x08)  # RESOLVE_BENEATH
        assert caught.value.errno == errno.EXDEV
        fd = _bootsys.openat2(top, b"out", os.O_RDONLY, 0, 0x10)  # RESOLVE_IN_ROOT
        assert not os.get_inheritable(fd)
        assert _bootsys.read(fd, 10) == b"inside"
        _bootsys.close(fd)
    finally:
        _bootsys.close(top)


def test_statfs_and_uname() -> None:
    assert _bootsys.statfs(b"/proc")[0] == 0x9FA0
    assert _bootsys.uname() == tuple(map(os.fsencode, os.uname()))
    assert _bootsys.getpid() == os.getpid()


def test_datagram(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "s"))
        _bootsys.send_datagram(os.fsencode(tmp_path / "s"), b"MESSAGE=x\n\0")
        assert receiver.recv(100) == b"MESSAGE=x\n\0"
    with pytest.raises(OSError) as caught:
        _bootsys.send_datagram(b"/" + b"x" * 200, b"")
    assert caught.value.errno == errno.ENAMETOOLONG


def test_execve_and_dup2() -> None:
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _bootsys.dup2(write_fd, 1)
            _bootsys.execve(b"/usr/bin/env", [b"env", b"-u", b"GONE"], [b"A=\xff", b"GONE=1"])
        finally:
            os._exit(99)
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as stream:
        assert stream.read() == b"A=\xff\n"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize(
    ("path", "argv", "status"),
    [
        (b"/bin/true", [b"true"], 0),
        (b"/bin/sh", [b"sh", b"-c", b"exit 3"], 3 << 8),
        (b"/bin/sh", [b"sh", b"-c", b"kill -9 $$"], 9),
        (b"/none", [b"none"], 127 << 8),
    ],
)
def test_run(path: bytes, argv: list[bytes], status: int) -> None:
    """What is no terminal serves as well, for programs that need none."""
    tty = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    other = os.fork()
    if other == 0:
        os._exit(0)
    try:
        assert _bootsys.run(path, argv, [], tty) == status
    finally:
        os.close(tty)
        assert os.waitpid(other, 0) == (other, 0)  # another's child is left to whoever has it


def test_sleep_outlasts_signals_and_lets_handlers_run() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: seen.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        start = _bootsys.monotonic()
        _bootsys.sleep(0.1)
        assert _bootsys.monotonic() - start >= 0.1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert seen == [signal.SIGALRM]


def test_handler_that_raises_ends_the_wait() -> None:
    class Stop(Exception):
        pass

    def stop(_number: int, _frame: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGALRM, stop)
    read_fd, write_fd = os.pipe()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(Stop):
            _bootsys.read(read_fd, 1)
    finally:
        signal.signal(signal.SIGALRM, before)
        os.close(read_fd)
        os.close(write_fd)


def test_blocking_call_lets_other_threads_run() -> None:
    read_fd, write_fd = os.pipe()

    def later() -> None:
        time.sleep(0.02)
        os.write(write_fd, b"x")

    thread = threading.Thread(target=later)
    thread.start()
    assert _bootsys.read(read_fd, 1) == b"x"
    thread.join()
    os.close(read_fd)
    os.close(write_fd)


def test_no_fd_leaks(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(3):
        _bootsys.listdir(os.fsencode(tmp_path))
        with pytest.raises(OSError):
            _bootsys.send_datagram(os.fsencode(tmp_path), b"")
        with pytest.raises(NotADirectoryError):
            _bootsys.listdir(b"/dev/null")
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_ioctl_gives_result_and_data(tmp_path: Path) -> None:
    """FIONREAD writes an int; FS_IOC_GETFLAGS on a pipe is refused; no data is no argument."""
    reader, writer = os.pipe()
    try:
        _bootsys.write(writer, b"seven b")
        assert _bootsys.ioctl(reader, 0x541B, bytes(4)) == (0, (7).to_bytes(4, "little"))
        with pytest.raises(OSError, match="Inappropriate ioctl") as caught:
            _bootsys.ioctl(reader, 0x80086601, bytes(8))
        assert caught.value.errno == errno.ENOTTY
        assert _bootsys.ioctl(reader, 0x5451, b"") == (0, b"")  # FIOCLEX
    finally:
        os.close(reader)
        os.close(writer)


def test_signature_of_a_wrong_size() -> None:
    for signature, key in ((b"s" * 63, b"k" * 32), (b"s" * 64, b"k" * 33)):
        with pytest.raises(ValueError, match=r"^a signature has 64 bytes and a key has 32$"):
            _bootsys.ed25519_verify(signature, b"", key)


def test_signature_without_libsodium() -> None:
    """The host's extension is built without; the static executable has it."""
    with pytest.raises(OSError, match="Function not implemented"):
        _bootsys.ed25519_verify(b"s" * 64, b"", b"k" * 32)
