"""Numbers of the kernel's interface that more than one module here needs.

Values are those of the generic Linux ABI (x86-64 and aarch64 agree on all of them, except
for the O_ flags, which carry their own note).  Single-use numbers stay with their user.
"""

# open(2).  O_DIRECTORY and O_NOFOLLOW differ between x86-64 and aarch64, so they come from
# the C library's headers by way of the system-call module.
O_RDONLY = 0
O_WRONLY = 1
O_RDWR = 2
O_CREAT = 0o100
O_EXCL = 0o200
O_TRUNC = 0o1000
O_PATH = 0o10000000

# openat2(2)
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

# stat(2): positions in the tuples of the system-call module, and file types
ST_MODE, ST_DEV, ST_INO, ST_NLINK, ST_UID, ST_GID, ST_SIZE, ST_RDEV = range(8)
S_IFMT = 0o170000
S_IFDIR = 0o040000
S_IFBLK = 0o060000
S_IFREG = 0o100000
S_IFLNK = 0o120000

# mount(2) and umount2(2)
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_SYNCHRONOUS = 16
MS_REMOUNT = 32
MS_MANDLOCK = 64
MS_DIRSYNC = 128
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_SILENT = 32768
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25
MNT_DETACH = 2

# FS_IOC_SETFLAGS
FS_IMMUTABLE_FL = 0x10

# statfs(2): bits of f_flags and types of f_type
ST_RDONLY = 1
RAMFS_MAGIC = 0x858458F6
TMPFS_MAGIC = 0x01021994
