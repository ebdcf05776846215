"""What is read from the repository: its configuration and its commits."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from prepare_root.formats import FormatError, keyfile
from prepare_root.formats.commit import Commit, decode_commit, object_path

if TYPE_CHECKING:
    from bootentries.entries.template import Template

REPO = "ostree/repo"
LOADERS = ("auto", "none", "grub2", "syslinux", "uboot", "zipl", "aboot")
_GROUP = b"sysroot"
_TRIES = re.compile(r"0*[0-5]")
# What libostree, too, takes for one object of metadata.
_COMMIT_LIMIT = 128 << 20


@dataclass(frozen=True, slots=True)
class RepoConfig:
    """The `[sysroot]` group of the repository's configuration.

    `title` is `title-template` of the group `[bootchain]`, which libostree leaves alone.
    """

    bootloader: str = "auto"
    bootprefix: bool = False
    tries: int = 0
    except_default: tuple[tuple[str, str], ...] = ()
    title: "Template | None" = None


def read_config(root_fd: int) -> RepoConfig:
    """Return the configuration of the sysroot's repository; raises BootentriesError."""
    try:
        data = fs.read_optional(root_fd, f"{REPO}/config")
    except OSError as error:
        raise from_os_error("read repository", error, f"{REPO}/config") from error
    if data is None:
        raise BootentriesError(
            "read repository", f"{REPO}/config", "no such file",
            hint="is this the physical root of an OSTree system?",
        )  # fmt: skip
    try:
        return parse_config(data)
    except FormatError as error:
        raise BootentriesError("read repository", f"{REPO}/config", str(error)) from error


def parse_config(data: bytes) -> RepoConfig:
    """Return what a configuration says; raises FormatError that names the key."""
    parsed = keyfile.parse(data)
    bootloader = _text(parsed, b"bootloader", "auto")
    if bootloader not in LOADERS:
        raise FormatError(
            f"[sysroot] bootloader: {bootloader!r} is not one of {', '.join(LOADERS)}"
        )
    tries = _text(parsed, b"boot-counting-tries", "0").strip()
    if not _TRIES.fullmatch(tries):
        raise FormatError(f"[sysroot] boot-counting-tries: {tries!r} is not a number from 0 to 5")
    return RepoConfig(
        bootloader=bootloader,
        bootprefix=bool(parsed.boolean(_GROUP, b"bootprefix")),
        tries=int(tries),
        except_default=_pairs(_text(parsed, b"bls-append-except-default", "")),
        title=_template(parsed.string(b"bootchain", b"title-template")),
    )


def read_commit(root_fd: int, checksum: str) -> Commit | None:
    """Return a commit, or None when the repository lacks it; raises BootentriesError."""
    try:
        path = f"{REPO}/{object_path(checksum, 'commit').decode()}"
        data = fs.read_optional(root_fd, path, _COMMIT_LIMIT)
        return None if data is None else decode_commit(data)
    except OSError as error:
        raise from_os_error("read commit", error, checksum) from error
    except FormatError as error:
        raise BootentriesError("read commit", checksum, str(error)) from error


def _text(parsed: keyfile.KeyFile, key: bytes, default: str) -> str:
    value = parsed.string(_GROUP, key)
    return default if value is None else value.decode()


def _template(value: bytes | None) -> "Template | None":
    if value is None:
        return None
    # Loaded late: most sysroots have none.
    from bootentries.entries.template import Template  # noqa: PLC0415

    try:
        return Template.parse(value.decode())
    except FormatError as error:
        raise FormatError(f"[bootchain] title-template: {error}") from error


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in text.split(";"):
        key, equals, value = item.partition("=")
        if not item:
            continue
        if not equals:
            raise FormatError(f"[sysroot] bls-append-except-default: {item!r} has no value")
        pairs.append((key, value))
    return tuple(pairs)
