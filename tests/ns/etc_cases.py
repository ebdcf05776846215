"""What a merge of /etc has to do, case by case; each is one consequence of the rules.

A case runs on plain directories with our merge, and beside the real `ostree`.
"""

import struct
from dataclasses import dataclass, field, replace

from etc_model import DEVICE, FIFO, FILE, LINK, SOCKET, Node, Spec, d, edited, f, ln

IGNORED = "Ignoring non-regular/non-symlink file found during /etc merge: "
NEWLY = "etc/{0}x: Modified config file newly defaults to directory '{0}x', cannot merge"
_BELOW = "etc/{{0}}x: in the new tree this is {}, so local changes below cannot be merged"
NO_DIRECTORY = _BELOW.format("no directory")
TO_NOTHING = _BELOW.format("a link to nothing")
IN_A_CIRCLE = _BELOW.format("a link in a circle of links")
BIG = "0123456789abcdef" * 200_000


@dataclass(frozen=True, slots=True)
class Case:
    """`expect` is the new /etc afterwards; `fails` says why there is none.

    `notes` are what the user is told.  In both, {} stands for the directory of the case.
    """

    name: str
    default: Spec
    edits: dict[str, Node | None]
    new: Spec
    expect: Spec = field(default_factory=dict)
    fails: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def local(self) -> dict[str, Node]:
        return edited(self.default, self.edits)


_LABEL = (("security.selinux", b"system_u:object_r:shadow_t:s0\0"),)
_TRUSTED = (("trusted.mine", b"1"),)
# struct posix_acl_xattr of linux/posix_acl_xattr.h: version 2, then tag, permissions, id.
_ACCESS = struct.pack(
    "<I" + "HHI" * 5, 2,
    1, 6, 0xFFFFFFFF, 2, 4, 12, 4, 4, 0xFFFFFFFF, 16, 4, 0xFFFFFFFF, 32, 4, 0xFFFFFFFF,
)  # fmt: skip
LABELLED = Node(
    FILE, "mine", 0o644, xattrs=(*_LABEL, ("system.posix_acl_access", _ACCESS), *_TRUSTED)
)


def _labelled(node: Node) -> Node:
    return replace(node, xattrs=_LABEL + _TRUSTED)


A, B, MINE = f("a"), f("b"), f("mine")

CASES = (
    Case("local content beats the new default", {"x": A}, {"x": MINE}, {"x": B}, {"x": MINE}),
    Case("an untouched file takes the new default", {"x": A}, {}, {"x": B}, {"x": B}),
    Case("an untouched file goes with its default", {"x": A, "y": A}, {}, {"y": A}, {"y": A}),
    Case("a file deleted locally stays deleted", {"x": A}, {"x": None}, {"x": B}, {}),
    Case("a directory deleted locally stays deleted", {"x": d(), "x/y": A}, {"x": None},
         {"x": d(), "x/y": B, "x/z": d(), "x/z/new": B}, {}),
    Case("a file deleted locally may be gone anyway", {"x": A, "y": d(), "y/z": A},
         {"x": None, "y/z": None}, {}, {}),
    Case("a file deleted locally stays deleted when it is a directory now", {"x": A},
         {"x": None}, {"x": d(), "x/y": B}, {}),
    Case("an added file is kept", {}, {"x": MINE}, {}, {"x": MINE}),
    Case("an added file beats a new default", {}, {"x": MINE}, {"x": B}, {"x": MINE}),
    Case("an added tree is kept whole", {},
         {"x": d(0o750), "x/y": d(0o711), "x/y/z": MINE, "x/e": d(), "x/l": ln("y/z")}, {},
         {"x": d(0o750), "x/y": d(0o711), "x/y/z": MINE, "x/e": d(), "x/l": ln("y/z")}),
    Case("an added tree and a new default directory become one", {},
         {"x": d(0o750), "x/mine": MINE, "x/both": MINE}, {"x": d(), "x/new": B, "x/both": B},
         {"x": d(0o750), "x/mine": MINE, "x/both": MINE, "x/new": B}),
    Case("an added tree beats a new default file", {}, {"x": d(), "x/y": MINE}, {"x": B},
         {"x": d(), "x/y": MINE}),
    Case("new files in a default directory appear", {"x": d(), "x/a": A}, {"x/a": MINE},
         {"x": d(), "x/a": A, "x/b": B}, {"x": d(), "x/a": MINE, "x/b": B}),
    Case("an empty default directory appears", {}, {"y": MINE}, {"x": d(0o700)},
         {"x": d(0o700), "y": MINE}),
    Case("an added file whose directory left the defaults is kept", {"x": d(0o750), "x/a": A},
         {"x/mine": MINE}, {}, {"x": d(0o750), "x/mine": MINE}),
    Case("modes of a chain of directories are kept",
         {"a": d(0o700), "a/b": d(0o770), "a/b/c": d(0o777), "a/b/c/d": d(0o707)},
         {"a/b/c/d/x": MINE}, {},
         {"a": d(0o700), "a/b": d(0o770), "a/b/c": d(0o777), "a/b/c/d": d(0o707),
          "a/b/c/d/x": MINE}),
    Case("the parent of a change is as it is locally, its ancestors as in the new tree",
         {"a": d(0o700, (1, 1)), "a/b": d(0o710, (2, 2))}, {"a/b/x": MINE},
         {"a": d(0o755, (3, 3)), "a/b": d(0o750, (4, 4))},
         {"a": d(0o755, (3, 3)), "a/b": d(0o710, (2, 2)), "a/b/x": MINE}),
    Case("extended attributes of the parent are added to those of the new tree",
         {"a": d(local=b"1", both=b"1")}, {"a/x": MINE}, {"a": d(new=b"2", both=b"2")},
         {"a": d(local=b"1", both=b"1", new=b"2"), "a/x": MINE}),
    Case("owner, mode and extended attributes of a file are kept", {"x": A},
         {"x": f("mine", 0o4750, (12, 34), one=b"1", two=b"\0\xff")}, {"x": f("b", 0o600)},
         {"x": f("mine", 0o4750, (12, 34), one=b"1", two=b"\0\xff")}),
    Case("a file without any permission is kept", {}, {"x": f("secret", 0)}, {},
         {"x": f("secret", 0)}),
    Case("a change of a file's mode counts", {"x": A}, {"x": f("a", 0o600)}, {"x": B},
         {"x": f("a", 0o600)}),
    Case("a change of a file's owner counts", {"x": A}, {"x": f("a", owner=(1, 0))}, {"x": B},
         {"x": f("a", owner=(1, 0))}),
    Case("a change of a file's group counts", {"x": A}, {"x": f("a", owner=(0, 1))}, {"x": B},
         {"x": f("a", owner=(0, 1))}),
    Case("a change of extended attributes alone does not count", {"x": A},
         {"x": f("a", mine=b"1")}, {"x": B}, {"x": B}),
    Case("a change of the time alone does not count", {"x": A},
         {"x": Node("file", "a", mtime=2_000_000_000)}, {"x": B}, {"x": B}),
    Case("a link with another target counts", {"x": ln("a")}, {"x": ln("mine")}, {"x": ln("b")},
         {"x": ln("mine")}),
    Case("a change of a link's owner counts", {"x": ln("a")}, {"x": ln("a", (5, 6))},
         {"x": ln("b")}, {"x": ln("a", (5, 6))}),
    Case("a link to nothing is kept", {}, {"x": ln("/no/such/thing")}, {},
         {"x": ln("/no/such/thing")}),
    Case("a link to a directory is not followed", {"t": d(), "t/x": A, "l": ln("t")},
         {"t/x": MINE}, {"t": d(), "t/x": B, "l": ln("t")},
         {"t": d(), "t/x": MINE, "l": ln("t")}),
    Case("a file that became a link locally", {"x": A, "y": A}, {"x": ln("y")},
         {"x": B, "y": A}, {"x": ln("y"), "y": A}),
    Case("a link that became a file locally", {"x": ln("y"), "y": A}, {"x": MINE},
         {"x": ln("y"), "y": B}, {"x": MINE, "y": B}),
    Case("a local file in place of a link to a directory", {"x": A}, {"x": MINE},
         {"x": ln("t"), "t": d()}, {"x": MINE, "t": d()}),
    Case("a directory turned into a file fails while the new tree has the directory",
         {"x": d(), "x/y": A}, {"x": MINE}, {"x": d(), "x/y": A},
         fails=NEWLY),
    Case("a directory turned into a link fails while the new tree has the directory",
         {"x": d(), "t": d()}, {"x": ln("t")}, {"x": d(), "t": d()},
         fails=NEWLY),
    Case("a directory turned into a file is fine once the new tree drops it",
         {"x": d(), "x/y": A}, {"x": MINE}, {}, {"x": MINE}),
    Case("a changed file fails when it is a directory in the new tree", {"x": A}, {"x": MINE},
         {"x": d()},
         fails=NEWLY),
    Case("an added file fails when it is a directory in the new tree", {}, {"x": MINE},
         {"x": d()},
         fails=NEWLY),
    Case("a fifo fails when it is a directory in the new tree", {}, {"x": Node(FIFO)},
         {"x": d()},
         fails=NEWLY),
    Case("a file turned into a directory is kept with all in it", {"x": A},
         {"x": d(0o700), "x/y": MINE, "x/s": d(0o711), "x/s/z": MINE}, {"x": B},
         {"x": d(0o700), "x/y": MINE, "x/s": d(0o711), "x/s/z": MINE}),
    Case("a file turned into a directory loses its content to a new default directory",
         {"x": A}, {"x": d(0o700), "x/y": MINE}, {"x": d(), "x/n": B}, {"x": d(), "x/n": B},
         notes=("etc/{}x: a local directory in place of a default file is not merged, because the "
                "new tree has a directory there",)),
    Case("an empty directory in place of a file loses nothing to a new one like it",
         {"x": A}, {"x": d()}, {"x": d(), "x/n": B}, {"x": d(), "x/n": B}),
    Case("a change of a directory's mode alone is lost when the new tree has it",
         {"x": d(0o755), "x/y": A}, {"x": d(0o700)}, {"x": d(0o755), "x/y": B},
         {"x": d(0o755), "x/y": B},
         notes=("etc/{}x: the local owner and mode (0:0 0700) are lost, "
                "because nothing else was changed in this directory of the new tree",)),
    Case("a change of a directory's mode is kept when a file in it changed, too",
         {"x": d(0o755), "x/y": A}, {"x": d(0o700), "x/y": MINE}, {"x": d(0o755), "x/y": B},
         {"x": d(0o700), "x/y": MINE}),
    Case("a directory with another mode is kept whole when the new tree drops it",
         {"x": d(), "x/y": A, "x/s": d(), "x/s/z": A, "x/gone": A},
         {"x": d(0o700), "x/mine": MINE, "x/gone": None}, {},
         {"x": d(0o700), "x/y": A, "x/s": d(), "x/s/z": A, "x/mine": MINE}),
    Case("a directory with another mode is kept whole in place of a link",
         {"x": d(), "x/y": A}, {"x": d(0o700)}, {"x": ln("t"), "t": d()},
         {"x": d(0o700), "x/y": A, "t": d()}),
    Case("a directory with another mode is kept whole in place of a file",
         {"x": d(), "x/y": A}, {"x": d(0o700), "x/y": MINE}, {"x": B},
         {"x": d(0o700), "x/y": MINE}),
    Case("an empty added directory takes the new default's mode", {}, {"x": d(0o700)},
         {"x": d(0o755)}, {"x": d(0o755)},
         notes=("etc/{}x: the local owner and mode (0:0 0700) are lost, "
                "because nothing else was changed in this directory of the new tree",)),
    Case("a fifo is left out", {}, {"x": Node(FIFO), "y": MINE}, {}, {"y": MINE},
         notes=(IGNORED + "{}x",)),
    Case("a socket is left out", {}, {"x": Node(SOCKET), "y": MINE}, {}, {"y": MINE},
         notes=(IGNORED + "{}x",)),
    Case("a device is left out", {}, {"x": Node(DEVICE), "y": MINE}, {}, {"y": MINE},
         notes=(IGNORED + "{}x",)),
    Case("a fifo in an added directory is left out", {}, {"x": d(), "x/y": Node(FIFO)}, {},
         {"x": d()}, notes=(IGNORED + "{}x/y",)),
    Case("a fifo in a file turned into a directory is left out", {"x": A},
         {"x": d(), "x/y": Node(FIFO)}, {}, {"x": d()}, notes=(IGNORED + "{}x/y",)),
    Case("a fifo in place of a default file removes the new default, too", {"x": A},
         {"x": Node(FIFO)}, {"x": B}, {}, notes=(IGNORED + "{}x",)),
    Case("a change below a directory that is a file in the new tree fails",
         {"x": d(), "x/y": A}, {"x/y": MINE}, {"x": B},
         fails=NO_DIRECTORY),
    Case("an addition below a directory that is a file in the new tree fails",
         {"x": d()}, {"x/y": d(), "x/y/z": MINE}, {"x": B},
         fails=NO_DIRECTORY),
    Case("a removal below a directory that is a file in the new tree fails",
         {"x": d(), "x/y": A}, {"x/y": None}, {"x": B}, fails=NO_DIRECTORY),
    Case("a removal below a directory with another mode that is a file in the new tree fails",
         {"x": d(), "x/y": A}, {"x": d(0o700), "x/y": None}, {"x": B}, fails=NO_DIRECTORY),
    Case("a change below a directory that is below a file in the new tree fails",
         {"x": d(), "x/y": d(), "x/y/z": A}, {"x/y/z": MINE}, {"x": B}, fails=NO_DIRECTORY),
    Case("a parent that became a link is followed", {"x": d(), "x/y": A},
         {"x/y": MINE, "x/z": MINE}, {"x": ln("t"), "t": d(0o700), "t/y": B},
         {"x": ln("t"), "t": d(), "t/y": MINE, "t/z": MINE}),
    Case("a removal follows a parent that became a link", {"x": d(), "x/y": A},
         {"x/y": None}, {"x": ln("t"), "t": d(0o700), "t/y": B},
         {"x": ln("t"), "t": d(0o700)}),
    Case("an addition follows an ancestor that became a link", {"x": d()},
         {"x/y": d(0o711), "x/y/z": MINE}, {"x": ln("t"), "t": d(0o700)},
         {"x": ln("t"), "t": d(), "t/y": d(0o711), "t/y/z": MINE}),
    Case("a parent that became a link to nothing fails", {"x": d(), "x/y": A}, {"x/y": MINE},
         {"x": ln("none")},
         fails=TO_NOTHING),
    Case("a parent that became a link in a circle fails", {"x": d(), "x/y": A}, {"x/y": MINE},
         {"x": ln("x")}, fails=IN_A_CIRCLE),
    Case("a removal below a link to nothing", {"x": d(), "x/y": A}, {"x/y": None},
         {"x": ln("none")}, {"x": ln("none")}),
    Case("a removed file that is a link in the new tree", {"x": A}, {"x": None},
         {"x": ln("t"), "t": d(), "t/y": A}, {"t": d(), "t/y": A}),
    Case("security labels, trusted attributes and access lists are kept",
         {"d": d(), "e": d()},
         {"x": LABELLED, "l": Node(LINK, "x", 0o777, xattrs=_LABEL + _TRUSTED), "d": _labelled(d()),
          "d/y": LABELLED, "n": _labelled(d()), "n/l": Node(LINK, "x", 0o777, xattrs=_LABEL)},
         {"d": d(), "e": d()},
         {"x": LABELLED, "l": Node(LINK, "x", 0o777, xattrs=_LABEL + _TRUSTED), "d": _labelled(d()),
          "d/y": LABELLED, "n": _labelled(d()), "n/l": Node(LINK, "x", 0o777, xattrs=_LABEL),
          "e": d()}),
    Case("names of every kind", {}, {"new\nline": MINE, "-n": MINE, "sp ace": d(),
         "sp ace/%s": MINE, "bad\udcff": MINE, "M    x": MINE}, {},
         {"new\nline": MINE, "-n": MINE, "sp ace": d(), "sp ace/%s": MINE, "bad\udcff": MINE,
          "M    x": MINE}),
    Case("a large file", {"x": f(BIG), "y": f(BIG)}, {"x": f(BIG[:-1] + "!"), "z": f(BIG + "0")},
         {"x": f(BIG), "y": f(BIG)}, {"x": f(BIG[:-1] + "!"), "y": f(BIG), "z": f(BIG + "0")}),
    Case("an empty default /etc is accepted", {}, {}, {}, {}),
)  # fmt: skip
