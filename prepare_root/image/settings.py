"""What an image is told by files: its prepare-root.conf, and the keys of signed roots."""

import os
from collections.abc import Iterable
from pathlib import Path

from prepare_root.formats import FormatError, keys
from prepare_root.formats import config as formats_config
from prepare_root.image.contents import Item
from prepare_root.image.errors import ImageError

DEFAULT = """\
# Nothing is set: no composefs, nothing transient, and sysroot.readonly as the
# repository's own configuration says.
"""


def read(path: Path) -> str:
    """The text of a prepare-root.conf; raises ImageError when it is unreadable or wrong.

    A mistake in it would stop the machine when it boots, so it stops the build instead.
    """
    try:
        text = path.read_text(encoding="utf-8")
        formats_config.parse(text.encode())
    except FormatError as error:
        raise ImageError("read configuration", str(path), str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageError("read configuration", str(path), reason) from error
    return text


def key_items(config_text: str, path: Path | None) -> list[Item]:
    """The file of public keys, where the configuration looks for it.

    Raises ImageError for a file that has none, and for a signed root without.
    """
    config = formats_config.parse(config_text.encode())
    place = os.fsdecode(config.composefs_keypath)
    if path is None:
        if config.composefs == b"signed":
            raise ImageError(
                "read configuration",
                "[composefs] enabled=signed",
                "no key to check signatures with, so that the machine would not boot",
                "give the file of public keys with --key",
            )
        return []
    try:
        data = path.read_bytes()
        keys.parse(data)
    except FormatError as error:
        raise ImageError("read keys", str(path), str(error)) from error
    except OSError as error:
        raise ImageError("read keys", str(path), error.strerror or str(error)) from error
    return [Item(place.strip("/"), 0o644, data, str(path))]


def shell_note(config_text: str, names: Iterable[str]) -> str:
    """What is to be said where a failure would end in a shell that no file of `names` is."""
    config = formats_config.parse(config_text.encode())
    if config.failure_action != b"shell" or "bin/sh" in names:
        return ""
    return (
        "[failure] action=shell, and the image has no /bin/sh: the machine would reboot;"
        " add one with --include, or by an overlay"
    )
