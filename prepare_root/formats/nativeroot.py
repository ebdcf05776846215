"""bootc's native composefs roots: the kernel argument, and the configuration of the mounts.

The argument is `composefs=HEX`, or the newer `composefs.digest=VERSION-HASH-12:HEX`; a `?`
before the digest means that fs-verity may be missing (composefs-rs: composefs-boot, cmdline).
The configuration is a subset of TOML: tables, and keys with a string or a boolean (bootc:
setup-root-conf.toml).
"""

from prepare_root.errors import show
from prepare_root.formats import FormatError
from prepare_root.formats import cmdline as kernel_cmdline

KARG, NEW_KARG = b"composefs", b"composefs.digest"
NONE, BIND, OVERLAY, TRANSIENT = "none", "bind", "overlay", "transient"

_HEX = b"0123456789abcdef"
_HASHES = {b"sha256": 64, b"sha512": 128}
_VERSIONS = (b"v1", b"v2")
_MOUNTS = {
    "none": NONE,
    "root": NONE,
    "bind": BIND,
    "overlay": OVERLAY,
    "transient": TRANSIENT,
    "volatile": TRANSIENT,
}


class NativeError(FormatError):
    """An argument or a configuration that cannot be used."""


class Wanted:
    """The image that the command line asks for: its fs-verity digest, in hex.

    `optional` says that a kernel or filesystem without fs-verity will do.
    """

    __slots__ = ("digest", "optional")

    def __init__(self, digest: bytes, optional: bool) -> None:
        self.digest = digest
        self.optional = optional


def wanted(cmdline: bytes) -> Wanted | None:
    """What `cmdline` asks for, or None.  Raises NativeError for a digest that is none."""
    pairs = kernel_cmdline.parse(cmdline)
    value = kernel_cmdline.get_first(pairs, NEW_KARG)
    if value is not None:
        return _new(value)
    value = kernel_cmdline.get_first(pairs, KARG)
    if value is None:
        return None
    digest = value.removeprefix(b"?")
    return Wanted(_checked(digest, tuple(_HASHES.values()), KARG, value), value != digest)


def _new(value: bytes) -> Wanted:
    text = value.removeprefix(b"?")
    kind, _, digest = text.partition(b":")
    version, _, rest = kind.partition(b"-")
    name, _, block = rest.partition(b"-")
    if version not in _VERSIONS or name not in _HASHES or block != b"12":
        raise NativeError(f"{show(NEW_KARG)}: '{show(value)}' is not v1-HASH-12:HEX")
    return Wanted(_checked(digest, (_HASHES[name],), NEW_KARG, value), value != text)


def _checked(digest: bytes, sizes: tuple[int, ...], key: bytes, value: bytes) -> bytes:
    if len(digest) not in sizes or digest.strip(_HEX):
        numbers = " or ".join(map(str, sizes))
        raise NativeError(f"{show(key)}: '{show(value)}' is not {numbers} lower-case hex digits")
    return digest


class Mounts:
    """How `/etc` and `/var` are mounted, and whether changes to the root are forgotten."""

    __slots__ = ("etc", "root_transient", "var")

    def __init__(self, etc: str = BIND, var: str = BIND, root_transient: bool = False) -> None:
        self.etc = etc
        self.var = var
        self.root_transient = root_transient


def parse(data: bytes) -> Mounts:
    """The configuration in `data`.  Raises NativeError with the number of a bad line.

    Tables and keys that mean nothing here are not read at all.
    """
    tables: dict[str, dict[str, str | bool]] = {"etc": {}, "var": {}, "root": {}}
    current: dict[str, str | bool] | None = None
    known = False
    for number, raw in enumerate(_text(data).split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            current = tables.get(_table(line, number))
            known = True
        elif not known or current is not None:
            key, value = _pair(line, number)
            if current is None:
                if key.split(".")[0] in tables:
                    raise _error(number, f"'{key}': write it below [{key.split('.')[0]}]")
                continue
            if key in ("mount", "transient"):
                current[key] = _value(key, value, number)
    return Mounts(_kind(tables["etc"]), _kind(tables["var"]), bool(tables["root"].get("transient")))


def _kind(table: dict[str, str | bool]) -> str:
    """`mount` decides, else `transient`, else the default."""
    mount = table.get("mount")
    if isinstance(mount, str):
        return _MOUNTS[mount]
    return TRANSIENT if table.get("transient") else BIND


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise NativeError("not UTF-8") from None


def _table(line: str, number: int) -> str:
    name, bracket, rest = line[1:].partition("]")
    if not bracket or (rest.strip() and not rest.strip().startswith("#")):
        raise _error(number, "not a table")
    return name.strip()


def _pair(line: str, number: int) -> tuple[str, str]:
    key, equals, value = line.partition("=")
    if not equals or not key.strip():
        raise _error(number, "not a table, a key or a comment")
    return key.strip(), value.strip()


def _value(key: str, text: str, number: int) -> str | bool:
    if key == "transient":
        word = text.partition("#")[0].strip()
        if word not in ("true", "false"):
            raise _error(number, f"transient: '{word}' is not true or false")
        return word == "true"
    quote = text[:1]
    word, closed, rest = text[1:].partition(quote) if quote in ('"', "'") else ("", "", "")
    if not closed or (rest.strip() and not rest.strip().startswith("#")) or word not in _MOUNTS:
        raise _error(number, f"mount: {text} is not one of " + ", ".join(_MOUNTS))
    return word


def _error(number: int, reason: str) -> NativeError:
    return NativeError(f"line {number}: {show(reason.encode('utf-8'))}")
