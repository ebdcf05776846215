"""Kernel modules: which ones an image needs, in which order, and who asks for them at boot.

kmod answers what depends on what, about a kernel's tree as `moduletree` shows it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from prepare_root.image.errors import ImageError
from prepare_root.image.moduletree import SUFFIXES, ModuleTree, kmod_view
from prepare_root.image.run import attempt

# What no dependency records: a disk driver works only with the bus or the disk layer
# that it meets at run time, and a filesystem may ask for a character set when it mounts.
COMPANIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("ahci", "ata_piix", "ufshcd_pci", "vmw_pvscsi", "hv_storvsc"),
            *("megaraid_sas", "mpt3sas", "smartpqi", "hpsa", "aacraid"),
        ),
        ("sd_mod",),
    ),
    "mmc_block": ("sdhci_pci", "sdhci_acpi"),
    "nvme": ("vmd",),
    "usb_storage": ("xhci_pci", "ehci_pci", "sd_mod"),
    "uas": ("usb_storage", "xhci_pci", "ehci_pci", "sd_mod"),
    "vfat": ("nls_cp437", "nls_ascii", "nls_iso8859_1", "nls_utf8"),
    "virtio_blk": ("virtio_pci",),
    "virtio_scsi": ("virtio_pci", "sd_mod"),
}

# Aliases with a colon that no device has: udev makes such nodes before there is a driver.
_NOT_DEVICES = frozenset({"devname"})

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:.-]*")


@dataclass(frozen=True, slots=True)
class Request:
    """A module that is wanted, by name or alias, with its parameters.

    One that is not `required` is left out silently when the kernel has no such thing.  Without
    `companions`, what it meets at run time is asked for by others.
    """

    name: str
    required: bool = True
    params: str = ""
    filesystem: bool = False
    companions: bool = True

    @classmethod
    def parse(cls, text: str, filesystem: bool = False) -> "Request":
        """`NAME [PARAM=VALUE ...]`; raises ImageError for anything else."""
        words = text.split()
        if not words or not _NAME.fullmatch(words[0]):
            raise ImageError("read module name", repr(text), "not a module name")
        for word in words[1:]:
            if not word.isprintable() or word.startswith("="):
                raise ImageError("read module name", repr(text), f"not a parameter: {word!r}")
        return cls(words[0], True, " ".join(words[1:]), filesystem)


@dataclass(frozen=True, slots=True)
class KernelModule:
    """A module that goes into an image; `path` is where in the image, relative to `/`."""

    name: str
    source: Path
    path: str
    params: str = ""

    @property
    def load_line(self) -> str:
        """Its line in the image's load list."""
        return f"/{self.path} {self.params}".rstrip()


@dataclass(frozen=True, slots=True)
class Trigger:
    """What asks for modules at boot: `kind` and `name` as in the image's index, and which.

    `modules` are names in load order, dependencies first.
    """

    kind: str
    name: str
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closure:
    """The modules of an image in load order, and what was wanted but is not a module.

    `triggers` say what asks for which of them.
    """

    modules: tuple[KernelModule, ...]
    builtin: tuple[str, ...]
    absent: tuple[str, ...]
    triggers: tuple[Trigger, ...] = ()

    def index(self) -> str:
        """The text of the image's index (its format: `prepare_root.kmodules`)."""
        numbers = {module.name: str(number) for number, module in enumerate(self.modules)}
        lines = []
        for trigger in self.triggers:
            words = [trigger.kind, *([trigger.name] if trigger.name else [])]
            lines.append(" ".join([*words, *(numbers[name] for name in trigger.modules)]))
        return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def resolve(
    tree: ModuleTree, requests: Sequence[Request], modaliases: Sequence[str] = ()
) -> Closure:
    """Everything that `requests` need, each module after those that it depends on.

    So do the devices with `modaliases`, as far as the kernel has modules for them.  Soft
    dependencies are in; what is built into the kernel is not.  Raises ImageError for a required
    module which the kernel has neither as a module nor built in.
    """
    modules: dict[str, KernelModule] = {}
    builtin: list[str] = []
    absent: list[str] = []
    triggers: list[Trigger] = []
    named = {request.name for request in requests}
    with kmod_view(tree) as view:
        aliases = _aliases(view / "usr/lib/modules" / tree.kver / "modules.alias")
        asked = [
            Request(name, required=False, companions=False) for name in _served(modaliases, aliases)
        ]
        for request in _with_companions([*asked, *requests]):
            lines = _show_depends(view, tree, request)
            if lines is None:
                if request.required:
                    raise ImageError(
                        "find module",
                        request.name,
                        f"not in kernel {tree.kver}, neither as a module nor built in",
                        f"its modules are below {tree.directory}",
                    )
                if request.name in named:
                    absent.append(request.name)
                continue
            own = [_module(tree, value) for kind, value in lines if kind == "insmod"]
            builtin += [value for kind, value in lines if kind == "builtin"]
            for module in own:
                modules.setdefault(module.name, module)
            if own:
                names = tuple(module.name for module in own)
                triggers += _triggers(request, names, aliases)
            if request.params:
                _set_params(modules, request, lines)
    return Closure(
        tuple(modules.values()), tuple(dict.fromkeys(builtin)), tuple(absent), tuple(triggers)
    )


def _aliases(path: Path) -> dict[str, list[str]]:
    """The lines of modules.alias: the aliases of each module."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "alias":
            found.setdefault(words[2].replace("-", "_"), []).append(words[1])
    return found


def _served(modaliases: Sequence[str], aliases: dict[str, list[str]]) -> list[str]:
    """The modules with an alias that matches one of `modaliases`, in their order."""
    found = []
    for modalias in modaliases:
        bus = modalias.partition(":")[0] + ":"
        for module, patterns in aliases.items():
            if any(one.startswith(bus) and fnmatchcase(modalias, one) for one in patterns):
                found.append(module)
    return list(dict.fromkeys(found))


def _triggers(
    request: Request, modules: tuple[str, ...], aliases: dict[str, list[str]]
) -> Iterator[Trigger]:
    """What asks for the last of `modules`: devices and filesystems by its aliases, or nothing.

    A module that depends on another one's device, as a SCSI disk's does, has aliases of its
    own for that.
    """
    own = aliases.get(modules[-1], ())
    asked = False
    for alias in own:
        bus, colon, _ = alias.partition(":")
        if alias.startswith("fs-"):
            yield Trigger("fs", alias.removeprefix("fs-"), modules)
        elif colon and bus not in _NOT_DEVICES:
            yield Trigger("alias", alias, modules)
        else:
            continue
        asked = True
    if request.filesystem:
        yield Trigger("fs", request.name, modules)
    elif not asked:
        yield Trigger("always", "", modules)


def _with_companions(requests: Iterable[Request]) -> list[Request]:
    """The requests, each with its companions; a name asked for twice counts once."""
    wanted: dict[str, Request] = {}
    for request in requests:
        name = request.name.replace("-", "_")
        known = wanted.get(name)
        if known is None or (request.required and not known.required):
            wanted[name] = request
    for name in [name for name, request in wanted.items() if request.companions]:
        for companion in COMPANIONS.get(name, ()):
            wanted.setdefault(companion, Request(companion, required=False))
    return list(wanted.values())


def _show_depends(view: Path, tree: ModuleTree, request: Request) -> list[tuple[str, str]] | None:
    """kmod's answer as (kind, path or name) pairs; None when it knows no such module."""
    names = [request.name]
    if request.filesystem:
        names.insert(0, f"fs-{request.name}")
    for name in names:
        # /dev/null: the build machine's modprobe.d is not the image's.
        argv = ("modprobe", "-C", "/dev/null", "-d", str(view), "-S", tree.kver, "-D", name)
        done = attempt(argv, "resolve module")
        if done.returncode == 0:
            return _parse_depends(done.stdout.decode(), tree.kver)
        said = done.stderr.decode(errors="replace").strip()
        if "not found in directory" not in said:
            raise ImageError("resolve module", request.name, said.splitlines()[-1] if said else "?")
    return None


def _parse_depends(text: str, kver: str) -> list[tuple[str, str]]:
    """Lines `insmod FILE [OPTIONS]` and `builtin NAME`; FILE relative to the kernel's directory.

    The options are dropped: kmod takes them from this machine's kernel command line.
    """
    found = []
    for line in text.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "insmod":
            rest = rest.partition(f"/modules/{kver}/")[2]
        value = rest.split(" ")[0]
        if kind in {"insmod", "builtin"} and value:
            found.append((kind, value))
    return found


def _module(tree: ModuleTree, below: str) -> KernelModule:
    stem = _stem(below)
    name = stem.rpartition("/")[2].replace("-", "_")
    path = f"usr/lib/modules/{tree.kver}/{stem}.ko"
    return KernelModule(name, tree.directory / below, path)


def _stem(below: str) -> str:
    """A module's file name without what says how it is stored."""
    for suffix in SUFFIXES:
        if below.endswith(suffix):
            return below.removesuffix(suffix)
    return below


def _set_params(
    modules: dict[str, KernelModule], request: Request, lines: list[tuple[str, str]]
) -> None:
    """Give the requested module its parameters; an alias means the last that kmod shows."""
    names = [_stem(value).rpartition("/")[2].replace("-", "_") for _, value in lines]
    own = request.name.replace("-", "_")
    at = names.index(own) if own in names else len(names) - 1
    if lines[at][0] == "builtin":
        raise ImageError(
            "set module parameters",
            names[at],
            "built into this kernel",
            f"put {names[at]}.{request.params.split()[0]} on the kernel command line",
        )
    old = modules[names[at]]
    modules[old.name] = KernelModule(old.name, old.source, old.path, request.params)
