"""The variables that libostree reads, with the meaning that they have there."""

from collections.abc import Callable

VARIABLES = ("OSTREE_SYSROOT_OPTS", "OSTREE_SYSROOT_DEBUG")


def sysroot_words(environ: Callable[[str], str | None]) -> frozenset[str]:
    """Return the words of OSTREE_SYSROOT_OPTS and OSTREE_SYSROOT_DEBUG."""
    words: set[str] = set()
    for name in VARIABLES:
        text = environ(name) or ""
        words.update(word for word in text.replace(":", ",").replace(";", ",").split(",") if word)
    return frozenset(words)
