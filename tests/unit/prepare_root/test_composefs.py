"""What of configuration and command line decides about a composefs root."""

import itertools

import pytest

from prepare_root import composefs
from prepare_root.errors import Failure
from prepare_root.formats import config as configuration

WORDS = ("no", "yes", "maybe", "verity", "signed")


def policy(word, argument=None):
    cmdline = b"quiet ostree=/x"
    if argument is not None:
        cmdline += f" ostree.prepare-root.composefs={argument} rw".encode()
    config = configuration.parse(f"[composefs]\nenabled={word}".encode())
    found = composefs.policy(config, cmdline)
    return found.enabled, found.verity, found.signed


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("no", ("no", False, False)),
        ("yes", ("yes", False, False)),
        ("maybe", ("maybe", False, False)),
        ("verity", ("yes", True, False)),
        ("signed", ("yes", True, True)),
    ],
)
def test_configuration(word, expected):
    assert policy(word) == expected


@pytest.mark.parametrize(("word", "argument"), list(itertools.product(WORDS, WORDS)))
def test_argument(word, argument):
    """It decides, but for fs-verity, which it never takes off."""
    enabled, verity, signed = policy(word, argument)
    assert enabled == (argument if argument in ("no", "maybe") else "yes")
    assert signed is (argument == "signed")
    assert verity is (word in ("verity", "signed") or argument in ("verity", "signed"))


@pytest.mark.parametrize(
    ("argument", "enabled"), [("1", "yes"), ("true", "yes"), ("0", "no"), ("false", "no")]
)
def test_other_words(argument, enabled):
    assert policy("maybe", argument)[0] == enabled


@pytest.mark.parametrize("argument", ["", "on", "Yes", "yes\t", "signed,verity", "\x1b[2J"])
def test_refused(argument):
    with pytest.raises(Failure) as caught:
        policy("yes", argument)
    shown = argument.replace("\t", "\\x09").replace("\x1b", "\\x1b")
    assert str(caught.value) == (
        "read kernel command line: ostree.prepare-root.composefs:"
        f" '{shown}' is not one of yes, no, maybe, signed, verity"
    )
