"""base64 (RFC 4648), for the lines of a key file: text in, bytes out.

The core of Python has no `binascii`.
"""

from prepare_root.formats import FormatError

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Base64Error(FormatError):
    """Text that is no base64."""


def decode(text: bytes) -> bytes:
    """The bytes that `text` stands for; padding may be missing.  Raises Base64Error."""
    digits = text.rstrip(b"=")
    if len(text) - len(digits) > 2 or len(digits) % 4 == 1:
        raise Base64Error("not base64: it is too short or too long")
    value = 0
    for digit in digits:
        at = _ALPHABET.find(digit)
        if at < 0:
            raise Base64Error(f"not base64: byte {digit:#04x} in it")
        value = value << 6 | at
    size = len(digits) * 6 // 8
    return (value >> (len(digits) * 6 - size * 8)).to_bytes(size, "big")
