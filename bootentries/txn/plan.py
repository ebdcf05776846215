"""From a present and a wanted deployment list to the operations between them."""

from dataclasses import dataclass, replace
from enum import Enum

from bootentries.deployment import Bootlink, Deployment, Entry, overlay_checksums
from bootentries.entries.bls import format_entry
from bootentries.entries.names import entry_name
from bootentries.entries.render import Target, payload_dir, render, title_of
from bootentries.kargs import KernelArgs
from bootentries.loaders import Loader, Menu, MenuItem
from bootentries.sysroot import DEPLOY, Sysroot
from bootentries.txn import ops
from bootentries.txn.cleanup import cleanup
from bootentries.txn.listing import CURRENT, BootListing
from bootentries.txn.ops import Op
from bootentries.txn.staged import DropStaged


@dataclass(frozen=True, slots=True)
class Plan:
    """Operations up to and with the swap; then those that cannot fail it any more."""

    before: tuple[Op, ...]
    after: tuple[Op, ...]
    swap: bool
    bootversion: int
    subbootversion: int
    count_change: int
    atomic_loader: bool = False
    # The list is already what it should be: nothing but cleaning up.
    unchanged: bool = False

    def describe(self) -> list[str]:
        """Return one line for each operation."""
        return [op.describe() for op in (*self.before, *self.after)]

    def result(self) -> str:
        """Return the line that libostree prints for the same write; empty for no write."""
        if self.unchanged:
            return ""
        done = (
            "Transaction complete" if self.atomic_loader or not self.swap else "Bootloader updated"
        )
        swap = "yes" if self.swap else "no"
        return (
            f"{done}; bootconfig swap: {swap}; "
            f"bootversion: boot.{self.bootversion}.{self.subbootversion}, "
            f"deployment count change: {self.count_change}"
        )


class HookTime(Enum):
    """When hooks follow a write: at once, only those for a shutdown, or none yet."""

    NOW = "now"
    SHUTDOWN = "shutdown"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Write:
    """How a list is written.

    `renew` writes one that is there already; `keep_staged` leaves the staged deployment,
    which has to be the first of the new list; `clean` and `prune` tidy up afterwards.
    `follows` comes right after the swap.
    `reason` and `hooks` are for the hooks that follow.
    """

    renew: bool = False
    keep_staged: bool = False
    clean: bool = True
    prune: bool = True
    follows: tuple[Op, ...] = ()
    reason: str = "write"
    hooks: HookTime = HookTime.NOW


USUAL = Write()


def plan(
    present: Sysroot,
    targets: tuple[Target, ...],
    boot: BootListing,
    loader: Loader,
    how: Write = USUAL,
) -> Plan:
    """Return what makes `targets` the deployment list of a sysroot.

    When the boot configurations are equal only the boot links change; otherwise the
    inactive `loader.N` is written and swapped in.
    """
    wanted = tuple(target.deployment for target in targets)
    titled = _has_templates_titles(present, targets)
    if wanted == present.on_disk and titled and not how.renew:
        todo = _plan_nothing(present, targets, boot, how)
    elif titled and same_configuration(present.on_disk, targets):
        todo = _plan_links(present, targets, boot, loader, how)
    else:
        todo = _plan_swap(present, targets, boot, loader, how)
    return replace(todo, before=(*loader.resume(), *todo.before), after=(*how.follows, *todo.after))


def same_configuration(present: tuple[Deployment, ...], targets: tuple[Target, ...]) -> bool:
    """Return whether the two lists boot the same things with the same arguments."""
    wanted = tuple(target.deployment for target in targets)
    if len(present) != len(wanted):
        return False
    return all(_configuration(a) == _configuration(b) for a, b in zip(present, wanted, strict=True))


def _configuration(item: Deployment) -> tuple[object, ...]:
    overlays = overlay_checksums(item.entry.bls, item.entry.name) if item.entry else ()
    options = str(KernelArgs.parse(item.options).replace("ostree="))
    return (item.bootcsum, overlays, options, item.version, item.stateroot, item.label)


def _has_templates_titles(present: Sysroot, targets: tuple[Target, ...]) -> bool:
    """Return whether the entries have the titles that a template, if there is one, makes."""
    if present.config.title is None:
        return True
    several = len({target.deployment.stateroot for target in targets}) > 1
    return [item.entry and item.entry.bls.get("title") for item in present.on_disk] == [
        title_of(target, index, several=several, config=present.config)
        for index, target in enumerate(targets)
    ]


def bootlinks(targets: tuple[Target, ...], bootversion: int) -> tuple[Bootlink, ...]:
    """Return each target's boot link; the serial counts equal bootcsums in list order."""
    seen: dict[str, int] = {}
    links = []
    for target in targets:
        item = target.deployment
        serial = seen.get(item.bootcsum, 0)
        seen[item.bootcsum] = serial + 1
        links.append(Bootlink(bootversion, item.stateroot, item.bootcsum, serial))
    return tuple(links)


def _plan_nothing(
    present: Sysroot, targets: tuple[Target, ...], boot: BootListing, how: Write
) -> Plan:
    bootversion, sub = present.bootversion, present.subbootversion
    after = (
        *_drop_staged(present, how),
        *_cleaning(present, targets, boot, (bootversion, sub), how),
    )
    return Plan((), after, False, bootversion, sub, 0, unchanged=True)


def _plan_links(
    present: Sysroot, targets: tuple[Target, ...], boot: BootListing, loader: Loader, how: Write
) -> Plan:
    bootversion = present.bootversion
    sub = 1 - present.subbootversion
    link = f"ostree/boot.{bootversion}"
    links = bootlinks(targets, bootversion)
    before = (
        *_link_ops(targets, links, f"ostree/boot.{bootversion}.{sub}"),
        ops.StageSymlink(link, f"boot.{bootversion}.{sub}"),
        ops.Sync(),
        ops.CommitSymlink(link, f"boot.{bootversion}.{sub}"),
        ops.Sync(),
        ops.Touch(DEPLOY),
    )
    items = tuple(
        MenuItem(item.entry, target.deployment)
        for item, target in zip(present.on_disk, targets, strict=True)
        if item.entry is not None
    )
    after = (
        *_drop_current(targets, boot),
        *loader.after_relink(Menu(bootversion, items, boot.on_root)),
        *_drop_staged(present, how),
        *_cleaning(present, targets, boot, (bootversion, sub), how),
    )
    return Plan(before, after, False, bootversion, sub, len(targets) - len(present.on_disk))


def _plan_swap(
    present: Sysroot, targets: tuple[Target, ...], boot: BootListing, loader: Loader, how: Write
) -> Plan:
    bootversion = 1 - present.bootversion
    sub = 1 - (boot.subbootversions[bootversion] or 0)
    links = bootlinks(targets, bootversion)
    entries = _entries(present, targets, links, boot)
    directory = f"boot/loader.{bootversion}/entries"
    menu = Menu(
        bootversion,
        tuple(
            MenuItem(entry, target.deployment)
            for entry, target in zip(entries, targets, strict=True)
        ),
        boot.on_root,
    )
    writes = [
        ops.WriteFile(f"{directory}/{entry.name}", format_entry(entry.bls)) for entry in entries
    ]
    loader_writes = loader.before_swap(menu)
    link = f"ostree/boot.{bootversion}"
    target_text = f"loader.{bootversion}"
    before: tuple[Op, ...] = (
        ops.ResetDir(directory),
        *kernel_ops(targets),
        *writes,
        *_link_ops(targets, links, f"ostree/boot.{bootversion}.{sub}"),
        ops.EnsureSymlink(link, f"boot.{bootversion}.{sub}"),
        *loader_writes,
        ops.EnsureSymlink("boot/boot", "."),
        ops.StageSymlink("boot/loader", target_text),
        ops.Sync(),
        *_read_backs(targets, links, (*writes[:1], *loader_writes)),
        ops.Freeze(),
        ops.CommitSymlink("boot/loader", target_text),
        ops.Freeze(),
        ops.Touch(DEPLOY),
    )
    # When the loader's program fails, what follows it is left undone.
    after = (
        *_drop_current(targets, boot),
        *_drop_staged(present, how),
        *loader.after_swap(menu),
        *_cleaning(present, targets, boot, (bootversion, sub), how),
    )
    change = len(targets) - len(present.on_disk)
    return Plan(before, after, True, bootversion, sub, change, loader.atomic)


def _entries(
    present: Sysroot, targets: tuple[Target, ...], links: tuple[Bootlink, ...], boot: BootListing
) -> tuple[Entry, ...]:
    count = len(targets)
    several = len({target.deployment.stateroot for target in targets}) > 1
    entries = []
    for index, (target, link) in enumerate(zip(targets, links, strict=True)):
        item = target.deployment
        bls = render(
            target, index=index, count=count, link=link, several=several, config=present.config
        )
        name = entry_name(
            count - index,
            item.stateroot if boot.naming_1 else None,
            present.config.tries,
            item.entry.counters if item.entry and item.entry.name else None,
        )
        entries.append(Entry(name, bls))
    return tuple(entries)


def kernel_ops(targets: tuple[Target, ...]) -> list[Op]:
    """Return what brings the kernels of these deployments to /boot."""
    result: list[Op] = []
    seen: set[str] = set()
    for target in targets:
        directory = f"boot/{payload_dir(target.deployment)}"
        if directory in seen:
            continue
        seen.add(directory)
        result.append(ops.MakeDir(directory))
        root = target.deployment.path
        kernel = target.kernel
        result += [
            ops.InstallFile(f"{root}/{part.source}", f"{directory}/{part.name}")
            for part in kernel.files()
        ]
        if kernel.dtb is not None:
            tree = f"{root}/{kernel.dtb.source}"
            result.append(ops.InstallTree(tree, f"{directory}/{kernel.dtb.name}"))
    return result


def _link_ops(targets: tuple[Target, ...], links: tuple[Bootlink, ...], base: str) -> list[Op]:
    result: list[Op] = [ops.ResetDir(base)]
    for target, link in zip(targets, links, strict=True):
        item = target.deployment
        directory = f"{base}/{link.stateroot}/{link.bootcsum}"
        if ops.MakeDir(directory) not in result:
            result.append(ops.MakeDir(directory))
        text = f"../../../deploy/{item.stateroot}/deploy/{item.name}"
        result.append(ops.MakeSymlink(f"{directory}/{link.bootserial}", text))
    return result


def _read_backs(
    targets: tuple[Target, ...], links: tuple[Bootlink, ...], written: tuple[Op, ...]
) -> list[Op]:
    """The default's kernel, entry, loader files and boot link have to be on storage."""
    if not targets:
        return []
    default = targets[0].deployment
    result: list[Op] = kernel_read_backs(targets[0])
    result += [ops.ReadBack(op.path, op.text) for op in written if isinstance(op, ops.WriteFile)]
    result.append(ops.CheckLink(str(links[0]).lstrip("/"), default.path))
    return result


def kernel_read_backs(target: Target) -> list[Op]:
    """Return what compares a kernel in /boot, as it is on storage, with the deployment's."""
    directory = f"boot/{payload_dir(target.deployment)}"
    return [
        ops.ReadBackCopy(f"{target.deployment.path}/{part.source}", f"{directory}/{part.name}")
        for part in target.kernel.files()
    ]


def _drop_current(targets: tuple[Target, ...], boot: BootListing) -> tuple[Op, ...]:
    """Old versions of libostree kept a link to the default; a new list makes it a lie."""
    listed = {target.deployment.stateroot for target in targets}
    return tuple(
        ops.Remove(f"{DEPLOY}/{name}/{CURRENT}") for name in boot.current if name in listed
    )


def _drop_staged(present: Sysroot, how: Write) -> tuple[Op, ...]:
    staged = any(item.staged for item in present.deployments)
    return (DropStaged(),) if staged and not how.keep_staged else ()


def _cleaning(
    present: Sysroot,
    targets: tuple[Target, ...],
    boot: BootListing,
    version: tuple[int, int],
    how: Write,
) -> tuple[Op, ...]:
    if not how.clean:
        return ()
    staged = tuple(item for item in present.deployments if item.staged and how.keep_staged)
    listed = (*staged, *(target.deployment for target in targets))
    return cleanup(listed, boot, version, how.prune)
