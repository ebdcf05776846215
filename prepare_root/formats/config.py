"""prepare-root.conf: what the image's builder decided about the root.

The groups `[composefs]`, `[root]`, `[etc]` and `[sysroot]` are libostree's
(ostree-prepare-root(1)); `[boot]`, `[var]`, `[links]`, `[failure]` and `[record]` are ours
and mean nothing to libostree, which ignores unknown groups.  Values go in as the text of a
key file and come out validated, so that nothing later can meet a bad one.
"""

from prepare_root.errors import show
from prepare_root.formats import FormatError, keyfile

# (name under the deployment root, text of the symlink)
Link = tuple[bytes, bytes]
DEFAULT_LINKS: tuple[Link, ...] = (
    (b"home", b"var/home"),
    (b"root", b"var/roothome"),
    (b"opt", b"var/opt"),
    (b"srv", b"var/srv"),
    (b"mnt", b"var/mnt"),
    (b"media", b"run/media"),
    (b"usr/local", b"../var/usrlocal"),
)


# What libostree's dracut module puts the key at.
DEFAULT_KEYPATH = b"/etc/ostree/initramfs-root-binding.key"


class ConfigError(FormatError):
    """A configuration that cannot be used; the text names group, key and value."""


class Config:
    """The configuration after validation; every field has libostree's or our default."""

    __slots__ = (
        "boot_mount",
        "composefs",
        "composefs_keypath",
        "etc_transient",
        "failure_action",
        "failure_delay",
        "links",
        "record_mounts",
        "root_transient",
        "root_transient_ro",
        "sysroot_readonly",
        "var_mount",
    )

    def __init__(self) -> None:
        self.composefs: bytes = b"no"  # no, yes, maybe, signed, verity
        self.composefs_keypath: bytes = DEFAULT_KEYPATH  # Ed25519 keys, in the initramfs
        self.root_transient = False
        self.root_transient_ro = False
        self.etc_transient = False
        self.sysroot_readonly: bool | None = None  # None: not said here
        self.boot_mount = True
        self.var_mount: bytes = b"auto"  # auto, yes, no
        self.links: tuple[Link, ...] = DEFAULT_LINKS
        self.failure_action: bytes = b"reboot"  # reboot, halt, shell
        self.failure_delay = 60
        self.record_mounts = False


def parse(data: bytes) -> Config:
    """The configuration in `data`, the bytes of a prepare-root.conf.

    Raises `FormatError`; unknown groups and keys are ignored, as in libostree, except in
    `[links]`, where every key is a name.
    """
    file = keyfile.parse(data)
    config = Config()
    config.composefs = _composefs(file)
    keypath = file.string(b"composefs", b"keypath")
    if keypath is not None:
        config.composefs_keypath = keypath.rstrip()
    config.root_transient_ro = file.boolean(b"root", b"transient-ro") or False
    config.root_transient = file.boolean(b"root", b"transient") or False
    if config.root_transient and config.root_transient_ro:
        raise ConfigError("[root] transient and transient-ro exclude each other")
    config.root_transient = config.root_transient or config.root_transient_ro
    config.etc_transient = file.boolean(b"etc", b"transient") or False
    config.sysroot_readonly = file.boolean(b"sysroot", b"readonly")
    config.boot_mount = _switch(file, b"boot", b"mount", True)
    config.record_mounts = _switch(file, b"record", b"mounts", False)
    config.var_mount = _choice(file, b"var", b"mount", (b"auto", b"yes", b"no"))
    config.failure_action = _failure_action(file, config.composefs == b"signed")
    config.failure_delay = _seconds(file, b"failure", b"delay", 60)
    config.links = _links(file)
    return config


def _bad(group: bytes, key: bytes, value: bytes, wanted: str) -> ConfigError:
    return ConfigError(f"[{show(group)}] {show(key)}: '{show(value)}' is not {wanted}")


def _switch(file: keyfile.KeyFile, group: bytes, key: bytes, default: bool) -> bool:
    """Our own switches, which read `yes` and `no` too."""
    value = file.string(group, key)
    if value is None:
        return default
    if value in (b"yes", b"true", b"1"):
        return True
    if value in (b"no", b"false", b"0"):
        return False
    raise _bad(group, key, value, "yes or no")


def _choice(file: keyfile.KeyFile, group: bytes, key: bytes, choices: tuple[bytes, ...]) -> bytes:
    value = file.string(group, key)
    if value is None:
        return choices[0]
    if value in choices:
        return value
    raise _bad(group, key, value, "one of " + ", ".join(map(show, choices)))


def _failure_action(file: keyfile.KeyFile, signed: bool) -> bytes:
    """A machine that refused what was not signed should not do so in a loop."""
    if signed and file.raw(b"failure", b"action") is None:
        return b"halt"
    return _choice(file, b"failure", b"action", (b"reboot", b"halt", b"shell"))


def _seconds(file: keyfile.KeyFile, group: bytes, key: bytes, default: int) -> int:
    value = file.string(group, key)
    if value is None:
        return default
    if value.isdigit() and len(value) <= 6:
        return int(value)
    raise _bad(group, key, value, "a number of seconds")


def _composefs(file: keyfile.KeyFile) -> bytes:
    """As libostree reads it, but that it takes no blanks behind `signed` and `verity`."""
    value = file.string(b"composefs", b"enabled")
    plain = b"no" if value is None else value.rstrip()
    if plain in (b"no", b"false", b"0"):
        return b"no"
    if plain in (b"yes", b"true", b"1"):
        return b"yes"
    if plain in (b"maybe", b"signed", b"verity"):
        return plain
    raise _bad(b"composefs", b"enabled", value or b"", "one of yes, no, maybe, signed, verity")


def _links(file: keyfile.KeyFile) -> tuple[Link, ...]:
    """The links, in a fixed order: the defaults, then added names as they stand."""
    wanted: dict[bytes, bytes] = dict(DEFAULT_LINKS)
    for key in file.groups.get(b"links", {}):
        value = file.string(b"links", key) or b""
        if key == b"enabled":
            if not _switch(file, b"links", b"enabled", True):
                return ()
            continue
        name = key.strip(b"/")
        # one spelling a name: `a//b` or `./a` would get a mount unit that systemd refuses
        if any(part in (b"", b".", b"..") for part in name.split(b"/")):
            raise _bad(b"links", key, value, "a link for a name below the root")
        # no line of a unit can carry them, and nobody could read them in a message
        if any(byte < 0x20 or byte == 0x7F for byte in name + value):
            raise _bad(b"links", key, value, "a link without control characters")
        if value:
            wanted[name] = value
        else:
            wanted.pop(name, None)
    return tuple(wanted.items())
