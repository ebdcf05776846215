"""/run/ostree-booted: what prepare-root tells the booted system about its root.

A bare GVariant `a{sv}`, in native byte order, with the keys in the order that libostree
writes them (names: libostree's otcore.h).  libostree finds the booted deployment by
`backing-root-device-inode`; an empty file is legal and says only "booted".
"""

from prepare_root.formats import gvariant
from prepare_root.formats.gvariant import GVariantError, Variant


class BootedMetadata:
    """Device and inode of the deployment directory, and how the root was built.

    `composefs` is None when the root is not a composefs image; `composefs_signed` and
    `transient_etc` are paths or None.
    """

    __slots__ = (
        "composefs",
        "composefs_signed",
        "composefs_verity",
        "device",
        "inode",
        "root_transient",
        "root_transient_ro",
        "sysroot_ro",
        "transient_etc",
    )

    def __init__(
        self,
        *,
        device: int | None = None,
        inode: int | None = None,
        root_transient: bool = False,
        root_transient_ro: bool = False,
        composefs: bool | None = None,
        composefs_verity: bool = False,
        composefs_signed: bytes | None = None,
        sysroot_ro: bool = False,
        transient_etc: bytes | None = None,
    ) -> None:
        self.device = device
        self.inode = inode
        self.root_transient = root_transient
        self.root_transient_ro = root_transient_ro
        self.composefs = composefs
        self.composefs_verity = composefs_verity
        self.composefs_signed = composefs_signed
        self.sysroot_ro = sysroot_ro
        self.transient_etc = transient_etc

    def encode(self) -> bytes:
        """Return the file's bytes; raises GVariantError when a path is not UTF-8."""
        table: dict[object, object] = {}
        if self.device is not None and self.inode is not None:
            table["backing-root-device-inode"] = Variant("(tt)", (self.device, self.inode))
        table["root.transient"] = Variant("b", self.root_transient)
        table["root.transient-ro"] = Variant("b", self.root_transient_ro)
        if self.composefs_signed is not None:
            table["composefs.signed"] = Variant("s", _text(self.composefs_signed))
        if self.composefs is not None:
            table["composefs"] = Variant("b", self.composefs)
            table["composefs.verity"] = Variant("b", self.composefs_verity)
        table["sysroot-ro"] = Variant("b", self.sysroot_ro)
        if self.transient_etc is not None:
            table["transient-etc"] = Variant("s", _text(self.transient_etc))
        return gvariant.encode("a{sv}", table)

    @staticmethod
    def decode(data: bytes) -> "BootedMetadata":
        """Return what the file says; raises GVariantError on malformed bytes or a wrong type."""
        table = gvariant.decode("a{sv}", data)
        if not isinstance(table, dict):
            raise GVariantError("booted metadata is not a dictionary")
        composefs = table.get("composefs")
        pair = _typed(table, "backing-root-device-inode", "(tt)")
        device, inode = pair if isinstance(pair, tuple) else (None, None)
        return BootedMetadata(
            device=device,
            inode=inode,
            root_transient=bool(_typed(table, "root.transient", "b")),
            root_transient_ro=bool(_typed(table, "root.transient-ro", "b")),
            composefs=None if composefs is None else bool(_typed(table, "composefs", "b")),
            composefs_verity=bool(_typed(table, "composefs.verity", "b")),
            composefs_signed=_path(_typed(table, "composefs.signed", "s")),
            sysroot_ro=bool(_typed(table, "sysroot-ro", "b")),
            transient_etc=_path(_typed(table, "transient-etc", "s")),
        )


def _typed(table: dict[object, object], key: str, type_string: str) -> object:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, Variant) or value.type != type_string:
        raise GVariantError(f"key {key!r} is not of type {type_string!r}")
    return value.value


def _path(value: object) -> bytes | None:
    return value.encode("utf-8") if isinstance(value, str) else None


def _text(path: bytes) -> str:
    try:
        return path.decode("utf-8")
    except UnicodeDecodeError:
        raise GVariantError(f"path {path!r} is not UTF-8") from None
