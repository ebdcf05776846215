"""`loader/loader.conf`: what systemd-boot boots by itself, and when.

Ours has a fixed size of one sector, so that a new text replaces an old one in one write.
"""

HEADER = "# Written by bootentries; it stays as you change it when this line is gone."
PATH = "loader/loader.conf"
PATTERN = "bootchain-*"
_SIZE = 512


def loader_conf(timeout: int) -> str:
    """Return the text; `timeout` is in seconds, 0 for no menu."""
    text = f"{HEADER}\ndefault {PATTERN}\ntimeout {timeout}\n"
    return f"{text}#{' ' * (_SIZE - len(text) - 2)}\n"


def is_ours(text: str) -> bool:
    """Return whether a text was written by us, and not changed since."""
    return text.startswith(HEADER)


def default_pattern(text: str) -> str | None:
    """Return the value of `default`, the last one of several, or None."""
    found = None
    for line in text.splitlines():
        key, _, value = line.strip(" \t").replace("\t", " ").partition(" ")
        if key == "default" and value.strip():
            found = value.strip()
    return found
