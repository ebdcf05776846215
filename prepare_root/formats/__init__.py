"""Formats that the boot side and the host side share: bytes in, values out.

Nothing here touches the outside world.  Every parser raises a `FormatError` whose text
says what is wrong and where, and never anything else, whatever the bytes are.
"""


class FormatError(ValueError):
    """Bytes that do not follow their format; the text names the place and the reason."""
