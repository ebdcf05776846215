"""What is fuzzed: every reader of bytes that prepare-root does not make itself.

A target is a function of bytes.  It may raise what its module promises and nothing else; what
it returns is checked where a law is known.  Paths are resolved in a real directory, beside
decoys that only a way out of it can reach.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prepare_root import composefs, files, kargs, kmodules, target, units
from prepare_root.errors import Failure, show
from prepare_root.formats import (
    FormatError,
    base64,
    cfsimage,
    cmdline,
    commit,
    config,
    fallback,
    gvariant,
    keyfile,
    keys,
    nativeroot,
    parttable,
    superblock,
)
from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import Variant

# Nothing that is read at boot may keep the processor longer than this.
LIMIT_S = 2.0


class Found(Exception):
    """A target did what it must not; the text says what."""


@dataclass(frozen=True, slots=True)
class Target:
    """`call` may raise `errors` only; `seeds` are good inputs, `words` parts of such."""

    call: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    longest: int = 512


def run(target: Target, data: bytes) -> None:
    """Give `data` to `target`; raises Found for an error that is not promised, or a delay."""
    began = time.process_time()
    try:
        target.call(data)
    except target.errors:
        pass
    except Found:
        raise
    except Exception as error:
        raise Found(f"{type(error).__name__}: {error}") from error
    took = time.process_time() - began
    if took > LIMIT_S:
        raise Found(f"took {took:.1f} s")


def law(holds: bool, what: str) -> None:
    if not holds:
        raise Found(f"not so: {what}")


# ---- texts ------------------------------------------------------------------


_DEFAULTS = config.parse(b"")


def _cmdline(data: bytes) -> None:
    words = cmdline.split(data)
    law(len(cmdline.parse(data)) <= len(words), "no argument out of nothing")
    kargs.parse(data)
    cmdline.find_ostree_target(data)
    cmdline.find_raw(data, composefs.KARG)
    composefs.policy(_DEFAULTS, data)
    nativeroot.wanted(data)


def _config(data: bytes) -> None:
    found = config.parse(data)
    for link in found.links:
        law(not link[0].startswith(b"/") and b".." not in link[0].split(b"/"), "links stay below")
        units.mount(link[0], link[1], 0o755)
        units.mount_name(link[0])


def _keyfile(data: bytes) -> None:
    found = keyfile.parse(data)
    for group, key in ((b"sysroot", b"readonly"), (b"a", b"b")):
        found.boolean(group, key)


def _lists(data: bytes) -> None:
    modules, _, rest = data.partition(b"\0")
    count = len(kmodules.parse(modules))
    index = kmodules.parse_index(rest, count)
    law(all(number < count for number in index.always), "numbers are of lines that are there")
    pattern, _, text = rest.partition(b"\n")
    kmodules.matches(pattern, text)
    fallback.Fallback.decode(data)


def _native(data: bytes) -> None:
    nativeroot.parse(data)


def _keys(data: bytes) -> None:
    law(all(len(key) == 32 for key in keys.parse(data)), "a key has 32 bytes")


def _base64(data: bytes) -> None:
    law(len(base64.decode(data)) == len(data.rstrip(b"=")) * 6 // 8, "8 bits for 6")


# ---- binary -----------------------------------------------------------------

_TYPES = ("a{sv}", commit.COMMIT_TYPE, "(tt)", "aay", "as", "v", "(sayas)", "a(ybnqiuxtds)", "ay")


def _gvariant(data: bytes) -> None:
    """The first byte chooses the type, or says that a type of its own follows."""
    kind = data[0] if data else 0
    if kind < 0x80:
        text, rest = _TYPES[kind % len(_TYPES)], data[1:]
    else:
        name, _, rest = data[1:].partition(b"\0")
        text = name.decode("latin-1")
    value = gvariant.decode(text, rest, kind % 2 == 1)
    again = gvariant.encode(text, value, kind % 2 == 1)
    law(repr(gvariant.decode(text, again, kind % 2 == 1)) == repr(value), "read as written")


def _commit(data: bytes) -> None:
    found = commit.decode_commit(data)
    law(len(found.tree) == 64 == len(found.tree_meta), "checksums have 64 digits")
    law(commit.object_path(found.tree, "dirtree").count(b"/") == 2, "a path of three names")
    law(0 <= found.timestamp < 1 << 64, "a time of 64 bits")
    if found.version is not None:
        show(found.version.encode())


def _commitmeta(data: bytes) -> None:
    for value in commit.decode_commitmeta(data).values():
        law(isinstance(value, Variant), "values are variants")


def _booted(data: bytes) -> None:
    BootedMetadata.decode(data).encode()


def _superblock(data: bytes) -> None:
    found = superblock.identify(data)
    if found is not None:
        law(found.describe().isprintable(), "a description can be printed")


# A superblock is a signature and what is around it: the rest of the device says nothing.
def _placed(data: bytes) -> None:
    """The first two bytes say where the rest is on the device."""
    at = int.from_bytes(data[:2], "little") * 2
    _superblock(bytes(at) + data[2:])


def _partitions(data: bytes) -> None:
    span = parttable.gpt_entries_span(data[:512], 512)
    if span is not None:
        offset, count, size = span
        law(count * size <= 1 << 22, "a table of at most 4 MiB")
        law(offset >= 1024, "a table behind its header")
        for found in parttable.gpt_partitions(data[512:], size):
            law(len(found.uuid) == 36, "a GUID")
    for found in parttable.mbr_partitions(data[:512]):
        law(len(found.uuid) == 11, "a signature and a number")


def _image(data: bytes) -> None:
    cfsimage.has_acl(data)


# ---- paths ------------------------------------------------------------------

DEPLOYMENT = "ostree/deploy/os/deploy/" + "a" * 64 + ".0"
_SECRET = b"only a way out of the root leads here"


class Place:
    """A root with a deployment, and the same tree around it, which nothing may reach."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "outer/root"
        for top in (directory, directory / "outer", self.root):
            (top / DEPLOYMENT / "usr").mkdir(parents=True)
            (top / "ostree/boot.1/os/b").mkdir(parents=True)
            (top / "secret").write_bytes(b"inside" if top == self.root else _SECRET)
        self.link = self.root / "ostree/boot.1/os/b/0"
        self.inside = {path.stat().st_ino for path in (self.root / "ostree/deploy").rglob("*")}

    def put(self, text: bytes) -> bool:
        """The link with `text`; False when no link can have it."""
        self.link.unlink(missing_ok=True)
        try:
            self.link.symlink_to(os.fsdecode(text))
        except (OSError, ValueError):
            return False
        return True


def path_target(directory: Path) -> Target:
    """Input: the link's text, a zero byte, and the argument or the path that is resolved."""
    place = Place(directory)
    root = os.fsencode(place.root)

    def call(data: bytes) -> None:
        text, _, path = data.partition(b"\0")
        if not place.put(text):
            return
        try:
            if b"\0" not in path:
                law(files.read_in_root(root, path) != _SECRET, "what is read is inside the root")
        except OSError:
            pass
        for line in (b"ostree=" + path, b"ostree=/ostree/boot.1/os/b/0"):
            try:
                found = target.find(root, line)
            except Failure:
                continue
            law(found.inode in place.inside, "a deployment is inside the root")
            law(target.split_path(found.path) is not None, "a deployment has its place")
            there = place.root / os.fsdecode(found.path)
            law(there.stat().st_ino == found.inode, "its path leads there")

    good = b"../../../deploy/os/deploy/" + b"a" * 64 + b".0"
    out = b"../" * 6 + DEPLOYMENT.encode()
    seeds = (
        good + b"\0/ostree/boot.1/os/b/0",
        out + b"\0/ostree/boot.1/os/b/0",
        b"/" + DEPLOYMENT.encode() + b"\0/ostree/boot.1/os/b/0",
        b"/proc/self/root" + str(directory).encode() + b"\0/ostree/boot.1/os/b/0",
        str(directory).encode() + b"/secret\0ostree/boot.1/os/b/0",
        b"../../../../secret\0../../secret",
        b"../../../../../secret\0/ostree/boot.1/os/b/0/../../../../../../secret",
    )
    words = (b"../", b"/", b".", DEPLOYMENT.encode(), b"secret", b"/proc/self/root", b"ostree")
    return Target(call, (), seeds, words)


# ---- the table --------------------------------------------------------------


def _commits() -> Iterator[bytes]:
    for parent, metadata in (
        (b"", {"version": Variant("s", "42.1")}),
        (b"\xab" * 32, {"ostree.composefs.digest.v0": Variant("ay", bytes(32))}),
    ):
        fields = (metadata, parent, [], "subject", "body", 1 << 56, bytes(32), bytes(32))
        yield gvariant.encode(commit.COMMIT_TYPE, fields, big=False)


def _gpt() -> bytes:
    head = b"EFI PART" + bytes(64) + (2).to_bytes(8, "little") + (128).to_bytes(4, "little")
    entry = bytes(range(1, 57)) + "root".encode("utf-16-le").ljust(72, b"\0")
    return (head + (128).to_bytes(4, "little")).ljust(512, b"\0") + entry * 2


_MBR = bytes(440) + b"\1\2\3\4\0\0" + (bytes(4) + b"\x83" + bytes(11)) * 4 + b"\x55\xaa"
_HEAD = (0xD078629A).to_bytes(4, "little") + b"\1\0\0\0\1" + bytes(1015)
_META = gvariant.encode("a{sv}", {"ostree.sign.ed25519": Variant("aay", [b"\1" * 64])})
_BOOTED = BootedMetadata(device=1, inode=2, composefs=True, transient_etc=b"/run/etc").encode()
_MAGICS = (b"XFSB", b"_BHRfS_M", b"\xe2\xe1\xf5\xe0", b"\x10\x20\xf5\xf2", b"\x53\xef", b"FAT32")

TARGETS = {
    "cmdline": Target(
        _cmdline,
        (FormatError, Failure),
        (
            b'root=UUID=1 rw rootwait=3 ostree=/ostree/boot.1/os/b/0 "a b"=c',
            b"composefs=?" + b"a" * 128 + b" ostree.prepare-root.composefs=signed",
            b"androidboot.slot_suffix=_a rootdelay=5 init=/bin/sh -- x",
        ),
        (b"ostree=", b"composefs=", b'"', b"rootwait", b"androidboot.slot_suffix=", b"="),
    ),
    "config": Target(
        _config,
        (FormatError,),
        (
            b"[sysroot]\nreadonly=true\n[etc]\ntransient=true\n[root]\ntransient=false\n",
            b"[composefs]\nenabled=signed\nkeypath=/etc/key\n[var]\nmount=auto\n",
            b"[links]\nhome = var/home\n/opt=\n[failure]\naction=reboot\ndelay=5\n",
        ),
        (b"[links]\n", b"[composefs]\n", b"enabled=", b"\\s", b"\n", b"=", b"../", b"delay="),
    ),
    "keyfile": Target(
        _keyfile,
        (FormatError,),
        (b"[core]\nmode=bare\n[sysroot]\nreadonly=1\n", b'[remote "a"]\nurl[de]=x\\n\n# c\n'),
        (b"[", b"]", b"\\", b"=", b"[sysroot]\nreadonly="),
    ),
    "lists": Target(
        _lists,
        (FormatError,),
        (
            b"/a.ko x=1\n/b.ko\n\0alias pci:v*d[0-9]? 0 1\nfs ext4 1\nalways 0\n",
            b"\0*a*b*c\nxaybzc",
        ),
        (b"alias ", b"fs ", b"always ", b"*", b"[a-z]", b" " + b"9" * 5000),
        longest=6000,
    ),
    "native": Target(
        _native,
        (FormatError,),
        (b'[root]\nmount = "overlay"\n[etc]\ntransient = true\n', b"# c\n[var]\nmount='none'\n"),
        (b'"', b"'", b"true", b"[", b"]", b"=", b"\\u00e4"),
    ),
    "keys": Target(_keys, (FormatError,), (b"A" * 43 + b"=\n", b"\n" + b"/+" * 21 + b"8=\n")),
    "base64": Target(_base64, (FormatError,), (b"QUJD", b"QQ==", b"QUI=")),
    "gvariant": Target(
        _gvariant,
        (FormatError,),
        (
            *(bytes([1]) + data for data in _commits()),
            b"\0" + _META,
            b"\x80a{sv}\0" + _BOOTED,
            b"\x06" + gvariant.encode("(sayas)", ("a", b"b", ["c", "d"])),
        ),
        (b"\0", b"a{sv}", b"(tt)", b"((((", b"\xff"),
    ),
    "commit": Target(_commit, (FormatError,), tuple(_commits()), (b"version", b"\0s", b"\0ay")),
    "commitmeta": Target(_commitmeta, (FormatError,), (_META,), (b"\0aay", b"\0v", b"\0a{sv}")),
    "booted": Target(
        _booted,
        (FormatError,),
        (_BOOTED, BootedMetadata(composefs_signed=b"/key", root_transient=True).encode()),
        (b"composefs", b"\0b", b"\0s", b"\0(tt)"),
    ),
    "superblock": Target(
        _placed,
        (FormatError,),
        (
            b"\0\0XFSB" + bytes(200),
            b"\x20\x80_BHRfS_M" + bytes(80),
            b"\0\2\xe2\xe1\xf5\xe0" + bytes(range(100)),
            b"\0\2\x10\x20\xf5\xf2" + bytes(range(250)),
            b"\x1c\2\x53\xef" + bytes(range(120)),
            b"\x1b\0FAT1" + bytes(20),
        ),
        _MAGICS,
    ),
    "partitions": Target(
        _partitions, (FormatError,), (_gpt(), _MBR), (b"EFI PART", b"\x55\xaa"), longest=1200
    ),
    "image": Target(
        _image,
        (FormatError,),
        (_HEAD + b"\xe2\xe1\xf5\xe0",),
        (b"\xe2\xe1\xf5\xe0",),
        longest=1100,
    ),
}
PATHS = "paths"
NAMES = (*TARGETS, PATHS)


def get(name: str, directory: Path) -> Target:
    """The target `name`; one that resolves paths makes its files in the empty `directory`."""
    return path_target(directory) if name == PATHS else TARGETS[name]
