"""The entry of one deployment, as it stands in a given place of a given list."""

from dataclasses import dataclass

from bootentries.deployment import Bootlink, Deployment
from bootentries.entries.bls import BlsEntry, new_entry
from bootentries.entries.title import Titled, entry_title
from bootentries.kargs import KernelArgs
from bootentries.kernel import KernelFile, KernelLayout
from bootentries.labels import with_label
from bootentries.repo import RepoConfig

# Run in place of init where there is no initramfs.
_STATIC_INIT = "usr/lib/ostree/ostree-prepare-root"


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment that belongs into the new list, with what its tree says.

    `deployment.options` are the wanted arguments (an `ostree=` in them is replaced);
    `deployment.entry` is the entry to continue, None for a new one.
    """

    deployment: Deployment
    kernel: KernelLayout
    pretty_name: str


def payload_dir(deployment: Deployment) -> str:
    """Return the directory of a deployment's kernel, relative to the boot directory."""
    return f"ostree/{deployment.stateroot}-{deployment.bootcsum}"


def render(
    target: Target, *, index: int, count: int, link: Bootlink, several: bool, config: RepoConfig
) -> BlsEntry:
    """Return the entry text's value for place `index` of `count`.

    `link` is what `ostree=` will name; `several` says that the list spans stateroots.
    """
    item, kernel = target.deployment, target.kernel
    base = item.entry.bls if item.entry is not None else new_entry()
    prefix = "/boot/" if config.bootprefix else "/"
    payload = f"{prefix}{payload_dir(item)}"
    title = title_of(target, index, several=several, config=config)
    entry = base.with_value("title", title).with_value("version", str(count - index))
    entry = entry.with_value("options", boot_options(item.options, kernel, link))
    entry = _set(entry, "devicetree", _in(payload, kernel.devicetree))
    entry = entry.with_value("linux", f"{payload}/{kernel.linux.name}")
    entry = _with_initrd(entry, _in(payload, kernel.initramfs))
    entry = _set(entry, "fdtdir", _in(payload, kernel.dtb))
    if kernel.aboot is not None:
        entry = entry.with_value("aboot", f"/{payload_dir(item)}/{kernel.aboot.name}")
        entry = entry.with_value("abootcfg", f"/{item.path}/usr/lib/ostree-boot/aboot.cfg")
    return _except_default(with_label(entry, item), index, config)


def title_of(target: Target, index: int, *, several: bool, config: RepoConfig) -> str:
    """Return the title of a deployment at place `index` of the list."""
    item = target.deployment
    what = Titled(
        name=target.pretty_name,
        version=item.version,
        label=item.label,
        kernel=target.kernel.release,
        stateroot=item.stateroot,
        checksum=item.checksum[:12],
    )
    return entry_title(what, index, several=several, template=config.title)


def boot_options(options: str, kernel: KernelLayout, link: Bootlink) -> str:
    """Return the arguments with `ostree=`, and `init=` where there is no initramfs."""
    args = KernelArgs.parse(options)
    if kernel.initramfs is None:
        args = args.replace(f"init={link}/{_STATIC_INIT}")
    return str(args.replace(f"ostree={link}"))


def _in(directory: str, part: KernelFile | None) -> str | None:
    return None if part is None else f"{directory}/{part.name}"


def _set(entry: BlsEntry, key: str, value: str | None) -> BlsEntry:
    return entry.without(key) if not value else entry.with_value(key, value)


def _with_initrd(entry: BlsEntry, primary: str | None) -> BlsEntry:
    if not primary:
        return entry.without("initrd")
    return entry.with_values("initrd", (primary, *entry.initrds()[1:]))


def _except_default(entry: BlsEntry, index: int, config: RepoConfig) -> BlsEntry:
    """Set the configured keys on every entry but the default, which loses them again."""
    for key, value in config.except_default:
        if index:
            entry = entry.with_value(key, value)
        elif entry.get(key) == value:
            entry = entry.without(key)
    return entry
