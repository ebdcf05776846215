"""The convenience links of a deployment root: `/home -> var/home` and its sisters.

What stands at the name decides; users' files are never moved or hidden:

| at the name             | what happens                                              |
|-------------------------|-----------------------------------------------------------|
| the right symlink       | its target is made, when that lies below `var` or `run`   |
| nothing                 | the symlink is made                                       |
| an empty directory      | the target is bound there: now when prepare-root mounted  |
|                         | `/var` and can make targets, else by a unit, once `/var`  |
|                         | is up                                                     |
| anything else           | left alone and reported                                   |
"""

from prepare_root import files, units
from prepare_root.errors import show
from prepare_root.formats.config import Link
from prepare_root.linkops import LinkBind, LinkTarget, MakeLink
from prepare_root.ops import Op, WriteFile

ABSENT, RIGHT, EMPTY, OTHER = "absent", "right", "empty", "other"

UNITS = b"/run/systemd/system"
TMPFILES = b"/run/tmpfiles.d/bootchain-links.conf"

_PRIVATE_TARGETS = (b"var/roothome",)


class Found:
    """One link: its name and wanted text, what stands there, and that in words."""

    __slots__ = ("kind", "name", "text", "words")

    def __init__(self, name: bytes, text: bytes, kind: str, words: str = "") -> None:
        self.name = name
        self.text = text
        self.kind = kind
        self.words = words

    @property
    def target(self) -> bytes:
        """Where the link leads, as a path from the root without a leading slash."""
        return resolve(self.name, self.text)

    @property
    def mode(self) -> int:
        """The mode that its target gets when it has to be made."""
        return 0o700 if self.target in _PRIVATE_TARGETS else 0o755


def resolve(name: bytes, text: bytes) -> bytes:
    """Where a symlink at `name` with `text` leads, both as paths from one root.

    A `..` at the root stays there, as in the kernel.
    """
    parts = [] if text.startswith(b"/") else name.split(b"/")[:-1]
    for part in text.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def look(root: bytes, links: tuple[Link, ...]) -> list[Found]:
    """What stands at each link's name below the deployment at path `root`.

    Raises OSError only when the deployment cannot be read at all.
    """
    return [_look(root, name, text) for name, text in links]


def _look(root: bytes, name: bytes, text: bytes) -> Found:
    path = root + b"/" + name
    stat = files.lstat(path)
    if stat is None:
        if files.is_dir(files.lstat(path.rpartition(b"/")[0])):
            return Found(name, text, ABSENT)
        return Found(name, text, OTHER, "the directory above it is missing")
    if files.is_link(stat):
        there = files.readlink(path)
        if resolve(name, there) == resolve(name, text):
            return Found(name, text, RIGHT)
        return Found(name, text, OTHER, f"a link to {show(there)} stands there")
    if not files.is_dir(stat):
        return Found(name, text, OTHER, "a file stands there")
    if files.is_empty_dir(path):
        return Found(name, text, EMPTY)
    return Found(name, text, OTHER, "a directory with content stands there")


class Places:
    """Where things are while links are set up, all as absolute paths.

    `deployment` and `var` are reached through the physical root; `new_root` is where the
    root is being built.  `var_is_ours` says that prepare-root mounts the stateroot's `var`
    itself, `var_is_stateroot` that `/var` will be the stateroot's whoever mounts it.
    `labelled` says that the tree has an SELinux policy: making targets is then left to the
    tree's own tmpfiles.d, which labels them.  With `filesystem_ro` nothing can be made on the
    physical root before the system remounts it.  With `image` the root is no directory of
    the physical root, and what is missing in it is not made there.
    """

    __slots__ = (
        "deployment",
        "filesystem_ro",
        "image",
        "labelled",
        "new_root",
        "var",
        "var_is_ours",
        "var_is_stateroot",
    )

    def __init__(
        self,
        deployment: bytes,
        var: bytes,
        new_root: bytes,
        var_is_ours: bool,
        var_is_stateroot: bool,
        *,
        labelled: bool = False,
        filesystem_ro: bool = False,
        image: bool = False,
    ) -> None:
        self.deployment = deployment
        self.var = var
        self.new_root = new_root
        self.var_is_ours = var_is_ours
        self.var_is_stateroot = var_is_stateroot
        self.labelled = labelled
        self.filesystem_ro = filesystem_ro
        self.image = image


def before_mounts(found: list[Found], places: Places) -> list[Op]:
    """What is done on the deployment and the stateroot's `var` before anything is mounted."""
    ops: list[Op] = []
    for link in found:
        step = f"link {show(link.name)}"
        if link.kind == OTHER:
            continue
        if not places.labelled:
            ops += _make_target(step, link, places)
        if link.kind == ABSENT and not places.image:
            ops += missing([link], places.deployment)
    return ops


def missing(found: list[Found], top: bytes) -> list[Op]:
    """The symlinks that are made below `top`, since nothing stands at their names."""
    ops: list[Op] = []
    for link in found:
        if link.kind == ABSENT:
            above, _, name = (top + b"/" + link.name).rpartition(b"/")
            ops.append(MakeLink(f"link {show(link.name)}", above, name, link.text))
    return ops


def sealed(found: list[Found]) -> list[Found]:
    """`found` for a root that nothing can be added to: what is missing stays missing."""
    words = "nothing stands there, and nothing can be added to the image"
    return [
        Found(link.name, link.text, OTHER, words) if link.kind == ABSENT else link for link in found
    ]


def after_mounts(found: list[Found], places: Places) -> list[Op]:
    """Binds on empty directories, or the units that make them once `/var` is up."""
    ops: list[Op] = []
    late: list[Found] = []
    for link in found:
        step = f"link {show(link.name)}"
        if link.kind != OTHER and (places.filesystem_ro or not places.var_is_stateroot):
            late.append(link)
        if link.kind != EMPTY:
            continue
        if not _below(link.target, b"var") and not _below(link.target, b"run"):
            continue  # what is there is not ours to know
        if _bound_now(link, places):
            top, _, path = link.target.partition(b"/")
            base = b"/run" if top == b"run" else places.new_root + b"/var"
            ops.append(LinkBind(step, base, path, places.new_root + b"/" + link.name))
            continue
        unit = units.mount_name(link.name)
        text = units.mount(link.name, link.target, link.mode)
        ops.append(WriteFile(step, UNITS + b"/" + unit, text))
        ops.append(
            WriteFile(step, UNITS + b"/local-fs.target.d/50-" + unit + b".conf", units.wants(unit))
        )
    lines = b"".join(
        units.tmpfiles_directory(link.target, link.mode)
        for link in late
        if _below(link.target, b"var")
    )
    if lines:
        ops.append(WriteFile("link targets", TMPFILES, lines))
    return ops


def reports(found: list[Found]) -> list[str]:
    """One line for each name that is left alone."""
    return [
        f"link: /{show(link.name)}: left alone, not made to lead to"
        f" /{show(link.target)}: {link.words}"
        for link in found
        if link.kind == OTHER
    ]


def _below(path: bytes, top: bytes) -> bool:
    return path.startswith(top + b"/")


def _make_target(step: str, link: Found, places: Places) -> list[Op]:
    target = link.target
    if _below(target, b"run"):
        return [LinkTarget(step, b"/run", target[4:], link.mode)]
    if _below(target, b"var") and places.var_is_stateroot:
        return [LinkTarget(step, places.var, target[4:], link.mode)]
    return []


def _bound_now(link: Found, places: Places) -> bool:
    """Whether the target is, or could be made, there before the system is up."""
    if _below(link.target, b"run"):
        return not places.labelled
    return places.var_is_ours and not places.labelled and not places.filesystem_ro
