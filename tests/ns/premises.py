"""What the kernel does, where a decision rests on it: `premises.py NAME DIRECTORY`.

Each premise is a function that asserts facts by the system-call module that prepare-root
itself uses, on an empty tmpfs in a mount namespace of its own; its docstring says what
would break without it.  `test_premises.py` runs them.
"""

import errno
import fcntl
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import _bootsys

from prepare_root import constants as c
from prepare_root import files

PREMISES: dict[str, Callable[[bytes], None]] = {}


def premise(function: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Give a function its name in the table."""
    PREMISES[function.__name__] = function
    return function


def refused(code: int, call: Callable[..., object], *args: object) -> None:
    """`call` fails with exactly this error."""
    try:
        call(*args)
    except OSError as error:
        assert error.errno == code, f"{errno.errorcode[error.errno or 0]}: {error}"
    else:
        raise AssertionError(f"passed, where {errno.errorcode[code]} was expected")


def mkdirs(*paths: bytes) -> None:
    for path in paths:
        files.make_dirs(path, 0o755)


def tmpfs(point: bytes) -> None:
    mkdirs(point)
    _bootsys.mount(b"t", point, b"tmpfs", 0, b"")


def bind(source: bytes, point: bytes, more: int = 0) -> None:
    mkdirs(point)
    _bootsys.mount(source, point, b"", c.MS_BIND | more, b"")


def remount(point: bytes, readonly: bool) -> None:
    flags = c.MS_BIND | c.MS_REMOUNT | (c.MS_RDONLY if readonly else 0)
    _bootsys.mount(point, point, b"", flags, b"")


def propagation(point: bytes, flag: int) -> None:
    _bootsys.mount(b"", point, b"", flag, b"")


def move(source: bytes, point: bytes) -> None:
    _bootsys.mount(source, point, b"", c.MS_MOVE, b"")


def table() -> list[list[str]]:
    """The lines of the mount table, split at blanks."""
    return [line.split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def points(top: bytes) -> list[str]:
    """The mount points below `top`, relative to it."""
    prefix = top.decode() + "/"
    return [line[4].removeprefix(prefix) for line in table() if line[4].startswith(prefix)]


def line_of(point: bytes) -> list[str]:
    """The topmost mount at `point`."""
    return [line for line in table() if line[4] == point.decode()][-1]


def peers(point: bytes) -> list[str]:
    """How mount events travel at `point`: `shared`, `master`, both in that order, or none."""
    line = line_of(point)
    return [field.partition(":")[0] for field in line[6 : line.index("-")]]


def ext4(top: bytes, point: bytes) -> None:
    """A small ext4 of its own at `point`."""
    image = os.fsdecode(top + b"/ext4.img")
    subprocess.run(["truncate", "--size=8M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mkdirs(point)
    subprocess.run(["mount", "-o", "loop", image, os.fsdecode(point)], check=True)


def make_file(path: bytes, data: bytes = b"") -> None:
    files.write(path, data, 0o644)


# ---- binds and what they share ------------------------------------------------------------------


@premise
def no_link_or_rename_across_a_bind(top: bytes) -> None:
    """/boot, /etc and /var are binds of one filesystem in a prepared root: who writes there
    has to take a file's temporary name, and its hard links, from the same mount."""
    mkdirs(top + b"/disk/boot", top + b"/disk/ostree")
    make_file(top + b"/disk/ostree/file")
    bind(top + b"/disk/boot", top + b"/boot")
    boot, disk = _bootsys.stat(top + b"/boot"), _bootsys.stat(top + b"/disk")
    assert boot[c.ST_DEV] == disk[c.ST_DEV]
    refused(errno.EXDEV, os.link, top + b"/disk/ostree/file", top + b"/boot/file")
    refused(errno.EXDEV, os.rename, top + b"/disk/ostree/file", top + b"/boot/file")
    # The same directory by the mount that the file is on.
    os.link(top + b"/disk/ostree/file", top + b"/disk/boot/file")
    assert _bootsys.stat(top + b"/boot/file")[c.ST_NLINK] == 2


@premise
def a_readonly_remount_is_of_the_mount_only(top: bytes) -> None:
    """`sysroot.readonly`: the same filesystem stays writable at /etc, /var and in a namespace
    where a writer remounts it."""
    tmpfs(top + b"/disk")
    bind(top + b"/disk", top + b"/sysroot")
    remount(top + b"/sysroot", readonly=True)
    refused(errno.EROFS, make_file, top + b"/sysroot/new")
    make_file(top + b"/disk/new")
    line = line_of(top + b"/sysroot")
    assert "ro" in line[5].split(",")
    assert "rw" in line[-1].split(",")
    # What statfs(2) says is the mount's and the filesystem's together.
    assert _bootsys.statfs(top + b"/sysroot")[1] & c.ST_RDONLY
    assert not _bootsys.statfs(top + b"/disk")[1] & c.ST_RDONLY


@premise
def a_bind_below_a_readonly_mount_can_be_writable(top: bytes) -> None:
    """The stateroot's `var` below the read-only /sysroot, in the order that the plan has."""
    mkdirs(top + b"/disk/var")
    bind(top + b"/disk", top + b"/sysroot")
    bind(top + b"/sysroot/var", top + b"/sysroot/var")
    remount(top + b"/sysroot/var", readonly=False)
    remount(top + b"/sysroot", readonly=True)
    make_file(top + b"/sysroot/var/new")
    refused(errno.EROFS, make_file, top + b"/sysroot/new")
    # Made afterwards it would have begun as read-only as its source.
    bind(top + b"/sysroot", top + b"/later")
    refused(errno.EROFS, make_file, top + b"/later/new")


@premise
def a_writable_remount_does_not_lift_a_readonly_filesystem(top: bytes) -> None:
    """A root filesystem mounted `ro`: /etc is remounted writable and is not until the system
    remounts the filesystem; that must be no error."""
    ext4(top, top + b"/disk")
    mkdirs(top + b"/disk/etc")
    _bootsys.mount(b"", top + b"/disk", b"", c.MS_REMOUNT | c.MS_RDONLY, b"")
    bind(top + b"/disk/etc", top + b"/etc")
    remount(top + b"/etc", readonly=False)
    assert "rw" in line_of(top + b"/etc")[5].split(",")
    refused(errno.EROFS, make_file, top + b"/etc/new")
    _bootsys.mount(b"", top + b"/disk", b"", c.MS_REMOUNT, b"")
    make_file(top + b"/etc/new")


@premise
def a_bind_leaves_out_the_mounts_below(top: bytes) -> None:
    """The physical root at /sysroot shows no /boot partition that was mounted below it."""
    tmpfs(top + b"/disk/boot")
    make_file(top + b"/disk/boot/kernel")
    bind(top + b"/disk", top + b"/plain")
    bind(top + b"/disk", top + b"/all", c.MS_REC)
    assert _bootsys.listdir(top + b"/plain/boot") == []
    assert _bootsys.listdir(top + b"/all/boot") == [b"kernel"]


@premise
def a_mount_follows_a_link_at_its_target(top: bytes) -> None:
    """A deployment whose `etc` or `var` is a link is refused: the mount would land there."""
    mkdirs(top + b"/source", top + b"/outside", top + b"/root")
    make_file(top + b"/source/file")
    _bootsys.symlink(top + b"/outside", top + b"/root/etc")
    _bootsys.mount(top + b"/source", top + b"/root/etc", b"", c.MS_BIND, b"")
    assert points(top) == ["outside"]
    assert _bootsys.listdir(top + b"/outside") == [b"file"]


@premise
def a_bind_takes_its_source_from_an_fd(top: bytes) -> None:
    """Targets of convenience links are resolved beneath the stateroot's `var` first, and what
    was found is bound, whatever stands at its name by then."""
    mkdirs(top + b"/var/home", top + b"/etc", top + b"/home")
    make_file(top + b"/var/home/right")
    fd = _bootsys.open(top + b"/var/home", c.O_PATH | _bootsys.O_DIRECTORY)
    _bootsys.rename(top + b"/var/home", top + b"/var/other")
    _bootsys.symlink(top + b"/etc", top + b"/var/home")
    bind(b"/proc/self/fd/%d" % fd, top + b"/home")
    assert _bootsys.listdir(top + b"/home") == [b"right"]


# ---- propagation ----------------------------------------------------------------------------


@premise
def a_shared_mount_cannot_be_moved_from(top: bytes) -> None:
    """systemd makes every mount shared, hence the step that makes all of them private first."""
    tmpfs(top + b"/above")
    tmpfs(top + b"/above/new")
    mkdirs(top + b"/above/sysroot")
    propagation(top + b"/above", c.MS_SHARED)
    refused(errno.EINVAL, move, top + b"/above/new", top + b"/above/sysroot")
    propagation(top + b"/above", c.MS_PRIVATE)
    move(top + b"/above/new", top + b"/above/sysroot")
    assert points(top) == ["above", "above/sysroot"]


@premise
def private_reaches_the_mounts_below_only_when_recursive(top: bytes) -> None:
    """The same step: / alone would leave /sysroot shared."""
    tmpfs(top + b"/above")
    tmpfs(top + b"/above/below")
    propagation(top + b"/above", c.MS_SHARED | c.MS_REC)
    propagation(top + b"/above", c.MS_PRIVATE)
    assert (peers(top + b"/above"), peers(top + b"/above/below")) == ([], ["shared"])
    propagation(top + b"/above", c.MS_PRIVATE | c.MS_REC)
    assert peers(top + b"/above/below") == []


@premise
def mounts_travel_to_the_source_of_a_shared_bind(top: bytes) -> None:
    """Without that step the new root's mounts would appear in the deployment's directory."""
    tmpfs(top + b"/disk")
    propagation(top + b"/disk", c.MS_SHARED)
    mkdirs(top + b"/disk/usr")
    bind(top + b"/disk", top + b"/new")
    tmpfs(top + b"/new/usr")
    assert points(top) == ["disk", "new", "new/usr", "disk/usr"]


@premise
def slave_then_shared_leaves_only_shared_on_a_private_mount(top: bytes) -> None:
    """/var after the `private` step has no master left, so that `slave` adds nothing then; on
    a bind of a shared mount it would, and events would still come in."""
    mkdirs(top + b"/disk/var")
    bind(top + b"/disk/var", top + b"/var")
    propagation(top + b"/var", c.MS_SLAVE)
    assert peers(top + b"/var") == []
    propagation(top + b"/var", c.MS_SHARED)
    assert peers(top + b"/var") == ["shared"]
    tmpfs(top + b"/source")
    propagation(top + b"/source", c.MS_SHARED)
    bind(top + b"/source", top + b"/bound")
    propagation(top + b"/bound", c.MS_SLAVE)
    propagation(top + b"/bound", c.MS_SHARED)
    assert peers(top + b"/bound") == ["shared", "master"]


# ---- moving and taking away -----------------------------------------------------------------


@premise
def a_move_takes_what_is_mounted_below(top: bytes) -> None:
    """The new root arrives at /sysroot with all of its mounts, and the mounts keep their age."""
    tmpfs(top + b"/new")
    for name in (b"/new/etc", b"/new/sysroot", b"/new/sysroot/var"):
        tmpfs(top + name)
    ids = [line[0] for line in table() if line[4].startswith(top.decode() + "/new")]
    mkdirs(top + b"/sysroot")
    move(top + b"/new", top + b"/sysroot")
    assert points(top) == ["sysroot", "sysroot/etc", "sysroot/sysroot", "sysroot/sysroot/var"]
    assert [line[0] for line in table() if line[4].startswith(top.decode() + "/sysroot")] == ids


@premise
def a_busy_mount_can_be_moved_and_detached_but_not_unmounted(top: bytes) -> None:
    """The physical root is moved aside and detached while others may still have files open."""
    tmpfs(top + b"/sysroot")
    make_file(top + b"/sysroot/file", b"text")
    fd = os.open(top + b"/sysroot/file", os.O_RDONLY)
    mkdirs(top + b"/aside")
    refused(errno.EBUSY, _bootsys.umount, top + b"/sysroot", 0)
    move(top + b"/sysroot", top + b"/aside")
    _bootsys.umount(top + b"/aside", c.MNT_DETACH)
    assert points(top) == []
    assert os.read(fd, 10) == b"text"


@premise
def a_detach_takes_what_is_mounted_below(top: bytes) -> None:
    """One detach of the half-built root takes all of it down."""
    tmpfs(top + b"/new")
    tmpfs(top + b"/new/etc")
    tmpfs(top + b"/new/etc/deeper")
    _bootsys.umount(top + b"/new", c.MNT_DETACH)
    assert points(top) == []
    refused(errno.EINVAL, _bootsys.umount, top + b"/new", c.MNT_DETACH)


@premise
def an_fd_tells_where_its_object_is_now(top: bytes) -> None:
    """`files.fd_path` answers after the directories above were renamed or moved, so that the
    deployment's path is read while the sysroot is where it was looked up."""
    tmpfs(top + b"/sysroot")
    mkdirs(top + b"/sysroot/a/b")
    fd = _bootsys.open(top + b"/sysroot/a/b", c.O_PATH)
    assert files.fd_path(fd) == top + b"/sysroot/a/b"
    _bootsys.rename(top + b"/sysroot/a", top + b"/sysroot/c")
    mkdirs(top + b"/moved")
    move(top + b"/sysroot", top + b"/moved")
    assert files.fd_path(fd) == top + b"/moved/c/b"
    _bootsys.umount(top + b"/moved", c.MNT_DETACH)
    assert not files.fd_path(fd).startswith(top)


# ---- resolution -----------------------------------------------------------------------------


def opened(top: bytes, path: bytes, resolve: int, flags: int = 0) -> bytes:
    """Where openat2 leads from `top`, relative to it."""
    root = _bootsys.open(top, c.O_PATH)
    try:
        fd = files.openat2(root, path, c.O_PATH | flags, resolve)
    finally:
        _bootsys.close(root)
    try:
        return files.fd_path(fd).removeprefix(top)
    finally:
        _bootsys.close(fd)


@premise
def beneath_refuses_what_in_root_contains(top: bytes) -> None:
    """`ostree=` is resolved beneath: a link that leaves is an error.  The deployment's fstab and
    the repository's configuration are read in-root: what is absolute means their own root."""
    mkdirs(top + b"/root/etc", top + b"/etc")
    root = top + b"/root"
    for name, text in ((b"absolute", b"/etc"), (b"dots", b"../../../../etc"), (b"plain", b"etc")):
        _bootsys.symlink(text, root + b"/" + name)
    for path in (b"absolute", b"dots", b"../etc", b"/etc"):
        refused(errno.EXDEV, opened, root, path, c.RESOLVE_BENEATH)
        assert opened(root, path, c.RESOLVE_IN_ROOT) == b"/etc", path
    assert opened(root, b"plain", c.RESOLVE_BENEATH) == b"/etc"
    assert opened(root, b"etc/../plain", c.RESOLVE_BENEATH) == b"/etc"
    refused(errno.ENOENT, opened, root, b"none", c.RESOLVE_BENEATH)
    _bootsys.symlink(b"loop", root + b"/loop")
    refused(errno.ELOOP, opened, root, b"loop", c.RESOLVE_BENEATH)


@premise
def nofollow_opens_the_link_itself(top: bytes) -> None:
    """ "not a symbolic link" is told from the last component alone; those before it may be
    links, as /ostree/boot.1 is, and a link that leads nowhere can still be looked at."""
    mkdirs(top + b"/boot.1.1")
    _bootsys.symlink(b"boot.1.1", top + b"/boot.1")
    _bootsys.symlink(b"gone", top + b"/boot.1.1/0")
    flags = c.O_PATH | _bootsys.O_NOFOLLOW
    root = _bootsys.open(top, c.O_PATH)
    fd = files.openat2(root, b"boot.1/0", flags, c.RESOLVE_BENEATH)
    assert files.is_link(_bootsys.fstat(fd))
    refused(errno.ENOENT, opened, top, b"boot.1/0", c.RESOLVE_BENEATH)


@premise
def beneath_goes_into_mounts_but_not_through_magic_links(top: bytes) -> None:
    """/ostree or /ostree/deploy may be a mount of its own.  A link below /proc is no way out."""
    tmpfs(top + b"/ostree")
    mkdirs(top + b"/ostree/deploy")
    assert opened(top, b"ostree/deploy", c.RESOLVE_BENEATH) == b"/ostree/deploy"
    flags = c.RESOLVE_BENEATH | c.RESOLVE_NO_MAGICLINKS
    refused(errno.ELOOP, opened, b"/proc", b"self/root", flags)
    refused(errno.EXDEV, opened, b"/proc", b"self/root", c.RESOLVE_BENEATH)


@premise
def dots_may_have_to_be_tried_again(top: bytes) -> None:
    """Any rename on the machine can make the kernel unsure about a `..`: EAGAIN, and the next
    try succeeds as a rule.  A bootlink has three of them, so that openat2 is tried again."""
    mkdirs(top + b"/a/b/c/d")
    make_file(top + b"/x")
    code = "import os\nwhile 1: os.rename('x', 'y'); os.rename('y', 'x')"
    renaming = subprocess.Popen([sys.executable, "-c", code], cwd=top)
    path = b"a/b/c/d" + b"/../d" * 500
    root = _bootsys.open(top, c.O_PATH)
    deadline = time.monotonic() + 30
    try:
        while not asked_again(root, path):
            assert time.monotonic() < deadline, "never seen"
        for _ in range(100):
            path = b"a/b/c/d/../../../b"
            _bootsys.close(files.openat2(root, path, c.O_PATH, c.RESOLVE_BENEATH))
    finally:
        renaming.kill()
        renaming.wait()


def asked_again(root: int, path: bytes) -> bool:
    """Whether the kernel said EAGAIN."""
    try:
        _bootsys.close(_bootsys.openat2(root, path, c.O_PATH, 0, c.RESOLVE_BENEATH))
    except OSError as error:
        assert error.errno == errno.EAGAIN, error
        return True
    return False


# ---- filesystems ----------------------------------------------------------------------------


@premise
def immutable_is_of_the_directory_itself(top: bytes) -> None:
    """A deployment's root is immutable: no name can be added, not even by root, until the flag
    is lifted; names below it, and mounts on them, are not concerned."""
    ext4(top, top + b"/disk")
    mkdirs(top + b"/disk/usr", top + b"/disk/etc")
    fd = os.open(top + b"/disk", os.O_RDONLY)
    flags = _bootsys.get_flags(fd)
    _bootsys.set_flags(fd, flags | c.FS_IMMUTABLE_FL)
    refused(errno.EPERM, _bootsys.symlink, b"var/home", top + b"/disk/home")
    refused(errno.EPERM, os.rmdir, top + b"/disk/usr")
    make_file(top + b"/disk/etc/new")
    bind(top + b"/disk/etc", top + b"/disk/usr")
    _bootsys.set_flags(fd, flags)
    _bootsys.symlink(b"var/home", top + b"/disk/home")
    # On a read-only mount the flag cannot be lifted, whatever the filesystem is.
    bind(top + b"/disk", top + b"/ro")
    remount(top + b"/ro", readonly=True)
    other = os.open(top + b"/ro", os.O_RDONLY)
    refused(errno.EROFS, _bootsys.set_flags, other, flags | c.FS_IMMUTABLE_FL)
    os.close(fd)
    os.close(other)


@premise
def overlay_layers_are_relative_to_the_working_directory(top: bytes) -> None:
    """A hotfix names its layers as libostree does, relative to the deployment, and so they
    stand in the mount table; the upper layer has to be writable."""
    tmpfs(top + b"/disk")
    mkdirs(top + b"/disk/upper", top + b"/disk/work", top + b"/disk/usr", top + b"/usr")
    make_file(top + b"/disk/usr/tool")
    data = b"lowerdir=" + top + b"/disk/usr,upperdir=upper,workdir=work"
    refused(errno.ENOENT, _bootsys.mount, b"overlay", top + b"/usr", b"overlay", 0, data)
    _bootsys.chdir(top + b"/disk")
    _bootsys.mount(b"overlay", top + b"/usr", b"overlay", 0, data)
    _bootsys.chdir(b"/")
    make_file(top + b"/usr/new")
    assert _bootsys.listdir(top + b"/disk/upper") == [b"new"]
    assert "upperdir=upper" in line_of(top + b"/usr")[-1].split(",")
    _bootsys.umount(top + b"/usr", 0)
    remount(top + b"/disk", readonly=True)
    _bootsys.chdir(top + b"/disk")
    for flags in (0, c.MS_RDONLY):
        refused(errno.EINVAL, _bootsys.mount, b"o", top + b"/usr", b"overlay", flags, data)


@premise
def devtmpfs_is_one_everywhere(top: bytes) -> None:
    """/init finds device nodes in its own mount of it, without udev, as soon as they exist."""
    for name in (b"/one", b"/two"):
        mkdirs(top + name)
        _bootsys.mount(b"devtmpfs", top + name, b"devtmpfs", 0, b"mode=0755")
    one, two = _bootsys.stat(top + b"/one/null"), _bootsys.stat(top + b"/two/null")
    assert (one[c.ST_DEV], one[c.ST_INO]) == (two[c.ST_DEV], two[c.ST_INO])


@premise
def memory_filesystems_have_these_types(top: bytes) -> None:
    """What /init deletes before Linux 7.0 is only ever on one of these."""
    for name, number in ((b"ramfs", c.RAMFS_MAGIC), (b"tmpfs", c.TMPFS_MAGIC)):
        mkdirs(top + b"/" + name)
        _bootsys.mount(name, top + b"/" + name, name, 0, b"")
        assert _bootsys.statfs(top + b"/" + name)[0] == number


@premise
def a_mode_is_cut_by_the_umask(top: bytes) -> None:
    """`files.make_dir` sets the mode again after mkdir(2)."""
    before = os.umask(0o077)
    _bootsys.mkdir(top + b"/plain", 0o755)
    files.make_dir(top + b"/exact", 0o755)
    os.umask(before)
    assert _bootsys.stat(top + b"/plain")[c.ST_MODE] & 0o777 == 0o700
    assert _bootsys.stat(top + b"/exact")[c.ST_MODE] & 0o777 == 0o755


# ---- writing deployments ----------------------------------------------------------------------


@premise
def a_remount_of_the_filesystem_reaches_every_mount_that_is_writable_itself(top: bytes) -> None:
    """A writer in a mount namespace of its own makes a read-only filesystem writable for others,
    too, so that this is put back; a mount that is read-only itself stays so there."""
    ext4(top, top + b"/disk")
    bind(top + b"/disk", top + b"/copy")
    bind(top + b"/disk", top + b"/other")
    _bootsys.mount(b"", top + b"/disk", b"", c.MS_REMOUNT | c.MS_RDONLY, b"")
    for name in (b"/disk", b"/copy", b"/other"):
        refused(errno.EROFS, make_file, top + name + b"/new")
    _bootsys.mount(b"", top + b"/copy", b"", c.MS_REMOUNT, b"")
    make_file(top + b"/copy/new")
    make_file(top + b"/other/new")
    # The first remount was of the filesystem and of that mount.
    refused(errno.EROFS, make_file, top + b"/disk/new")


@premise
def a_filesystem_with_a_file_open_for_writing_stays_writable(top: bytes) -> None:
    """Files are closed before a filesystem is put back to read-only."""
    ext4(top, top + b"/disk")
    fd = os.open(top + b"/disk/file", os.O_WRONLY | os.O_CREAT, 0o644)
    readonly = (b"", top + b"/disk", b"", c.MS_REMOUNT | c.MS_RDONLY, b"")
    refused(errno.EBUSY, _bootsys.mount, *readonly)
    os.close(fd)
    _bootsys.mount(*readonly)


@premise
def a_rename_replaces_a_link_not_what_it_leads_to(top: bytes) -> None:
    """The swap of `boot/loader`: one rename over the old link."""
    for name in (b"/loader.0", b"/loader.1"):
        mkdirs(top + name)
        make_file(top + name + b"/here")
    _bootsys.symlink(b"loader.0", top + b"/loader")
    _bootsys.symlink(b"loader.1", top + b"/loader.tmp")
    _bootsys.rename(top + b"/loader.tmp", top + b"/loader")
    assert files.readlink(top + b"/loader") == b"loader.1"
    assert _bootsys.listdir(top + b"/loader.0") == [b"here"]
    # A directory cannot be replaced so: where the link became one, the swap fails.
    _bootsys.symlink(b"loader.0", top + b"/loader.tmp")
    refused(errno.EISDIR, _bootsys.rename, top + b"/loader.tmp", top + b"/loader.0")


@premise
def an_unnamed_file_only_gets_a_name_that_is_free(top: bytes) -> None:
    """Kernel files appear complete under their final name, and never over another file."""
    fd = os.open(top, os.O_TMPFILE | os.O_WRONLY, 0o644)
    os.write(fd, b"kernel")
    assert _bootsys.listdir(top) == []
    source = b"/proc/self/fd/%d" % fd
    directory = os.open(top, os.O_RDONLY)
    os.link(source, b"vmlinuz", dst_dir_fd=directory, follow_symlinks=True)
    assert files.read(top + b"/vmlinuz") == b"kernel"
    try:
        os.link(source, b"vmlinuz", dst_dir_fd=directory, follow_symlinks=True)
    except FileExistsError:
        pass
    else:
        raise AssertionError("linked over another file")


@premise
def an_ofd_lock_belongs_to_the_open_file(top: bytes) -> None:
    """The sysroot's lock holds against another open of the same process, is not lost when some
    other fd of the file is closed, and is kept by a child program that has the fd."""
    make_file(top + b"/lock")
    first, second, third = (os.open(top + b"/lock", os.O_RDWR) for _ in range(3))
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    fcntl.fcntl(first, fcntl.F_OFD_SETLK, lock)
    refused(errno.EAGAIN, fcntl.fcntl, second, fcntl.F_OFD_SETLK, lock)
    os.close(third)
    child = subprocess.Popen(["sleep", "60"], pass_fds=(first,))
    os.close(first)
    refused(errno.EAGAIN, fcntl.fcntl, second, fcntl.F_OFD_SETLK, lock)
    child.kill()
    child.wait()
    fcntl.fcntl(second, fcntl.F_OFD_SETLK, lock)


# ---- switching root -------------------------------------------------------------------------


@premise
def pivot_root_stacks_the_old_root_on_the_new(top: bytes) -> None:
    """`pivot_root(".", ".")` and one detach let the old root go, where the kernel does it: the
    new root is a mount, and neither it nor the mount that it is on is shared."""
    tmpfs(top + b"/new")
    make_file(top + b"/new/here")
    mkdirs(top + b"/plain", top + b"/new/proc")
    _bootsys.mount(b"proc", top + b"/new/proc", b"proc", 0, b"")
    _bootsys.chdir(top + b"/plain")
    refused(errno.EINVAL, _bootsys.pivot_root, b".", b".")
    _bootsys.chdir(top + b"/new")
    for shared in (top, top + b"/new"):
        propagation(shared, c.MS_SHARED)
        refused(errno.EINVAL, _bootsys.pivot_root, b".", b".")
        propagation(shared, c.MS_PRIVATE)
    _bootsys.pivot_root(b".", b".")
    assert len(table()) > 2
    _bootsys.umount(b".", c.MNT_DETACH)
    assert [line[4] for line in table()] == ["/", "/proc"]
    _bootsys.chdir(b"/")
    assert sorted(_bootsys.listdir(b"/")) == [b"here", b"proc"]


@premise
def a_move_over_the_root_and_chroot_is_the_other_way(top: bytes) -> None:
    """Before Linux 7.0, from an initramfs: the new root over /, and chroot(2) into it."""
    tmpfs(top + b"/new")
    make_file(top + b"/new/here")
    _bootsys.chdir(top + b"/new")
    move(b".", b"/")
    assert b"here" not in _bootsys.listdir(b"/")
    _bootsys.chroot(b".")
    _bootsys.chdir(b"/")
    assert _bootsys.listdir(b"/") == [b"here"]


def main() -> None:
    name, directory = sys.argv[1:]
    top = os.fsencode(directory)
    _bootsys.mount(b"top", top, b"tmpfs", 0, b"mode=0755")
    PREMISES[name](top)


if __name__ == "__main__":
    main()
