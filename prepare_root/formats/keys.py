"""Files of Ed25519 public keys: one key a line, in base64; blank lines mean nothing."""

from prepare_root.formats import FormatError, base64

KEY_SIZE = 32


class KeysError(FormatError):
    """A file that has no keys, or something else; the text says in which line."""


def parse(text: bytes) -> list[bytes]:
    """The keys in `text`, at least one.  Raises KeysError."""
    keys = []
    for number, line in enumerate(text.split(b"\n"), 1):
        word = line.strip()
        if not word:
            continue
        try:
            key = base64.decode(word)
        except FormatError as error:
            raise KeysError(f"line {number}: {error}") from error
        if len(key) != KEY_SIZE:
            raise KeysError(f"line {number}: a key takes {KEY_SIZE} bytes, {len(key)} are there")
        keys.append(key)
    if not keys:
        raise KeysError("there is no key in it")
    return keys
