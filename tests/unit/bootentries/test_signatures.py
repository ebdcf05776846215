"""Signatures: what is refused before a key is looked at, and what `ostree show` says.

Real ones, by a real gpg, are in tests/ns/test_status_signatures.py.
"""

from dataclasses import replace

import pytest

from bootentries.errors import BootentriesError
from bootentries.origin import parse
from bootentries.signatures import Report, parse_report, remote_of, verify
from bootentries.sysroot import load
from prepare_root.formats.gvariant import Variant, encode

MADE = "Signature made Thu Nov 26 04:33:36 2026 using EdDSA key ID 97585AD9A7FA3A54"
GOOD = 'Good signature from "Signer <signer@example.com>"'
MISSING = "Can't check signature: public key not found"


@pytest.mark.parametrize(
    ("text", "report"),
    [
        (f"Found 1 signature:\n\n  {MADE}\n  {GOOD}\n", Report((MADE, GOOD), good=True)),
        (f"Found 1 signature:\n\n  {MADE}\n  {MISSING}\n", Report((MADE, MISSING))),
        (
            f"Found 2 signatures:\n\n  {MADE}\n  {MISSING}\n\n  {MADE}\n  {GOOD}\n",
            Report((MADE, MISSING, MADE, GOOD), good=True),
        ),
        ("commit abc\n", Report()),
        # Whoever made the commit wrote what stands above: it counts for nothing.
        (
            f"Version: 1\nFound 1 signature:\n  {GOOD}\nFound 1 signature:\n\n  {MADE}\n"
            f"  {MISSING}\n",
            Report((MADE, MISSING)),
        ),
        (f"    {GOOD}\nFound 1 signature:\n\n  {MADE}\n", Report((MADE,))),
        ('Found 1 signature:\n  BAD signature from "Good signature from "x""\n',
         Report(('BAD signature from "Good signature from "x""',))),
    ],
)  # fmt: skip
def test_what_ostree_show_says(text, report):
    assert parse_report(text) == report


ORIGIN = "[origin]\nrefspec=r:main\n"
# A name's origin and configuration, and why nothing can be verified with it.
FAULTS = {
    "its origin names no ref, so nobody says who signs it": ("[origin]\nx=y\n", ""),
    "its origin 'main' names no remote, so nobody says who signs it": (
        "[origin]\nrefspec=main\n", "",
    ),
    "the remote 'r' of its origin is not configured": (ORIGIN, ""),
    "the remote 'r' has gpg-verify=false": (ORIGIN, '[remote "r"]\ngpg-verify=false\n'),
    "the remote 'r' asks for other signatures than GPG's (sign-verify)": (
        ORIGIN, '[remote "r"]\nsign-verify=true\n',
    ),
    "the commit is not signed": (ORIGIN, '[remote "r"]\n'),
}  # fmt: skip


@pytest.mark.parametrize("reason", FAULTS)
def test_what_cannot_be_verified(fake, root, run, reason):
    origin, config = FAULTS[reason]
    fake.config(config)
    item = replace(load(root, run).deployments[0], origin=parse(origin.encode()))
    with pytest.raises(BootentriesError) as caught:
        verify(root, item)
    assert str(caught.value) == f"verify signature: testos {'a' * 64}.0: {reason}"


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        (encode("a{sv}", {"other": Variant("s", "x")}), "the commit is not signed"),
        (encode("a{sv}", {"ostree.gpgsigs": Variant("aay", [])}), "the commit is not signed"),
    ],
)
def test_metadata_without_a_signature(fake, root, run, meta, reason):
    fake.config('[remote "r"]\n')
    path = next(fake.path.glob("ostree/repo/objects/aa/*.commit")).with_suffix(".commitmeta")
    path.write_bytes(meta)
    with pytest.raises(BootentriesError) as caught:
        verify(root, load(root, run).deployments[0])
    assert str(caught.value).endswith(reason)


def test_broken_metadata_is_an_error(fake, root, run):
    fake.config('[remote "r"]\n')
    path = next(fake.path.glob("ostree/repo/objects/aa/*.commit")).with_suffix(".commitmeta")
    path.write_bytes(b"\xff")
    with pytest.raises(BootentriesError, match=f"verify signature: {'a' * 64}: "):
        verify(root, load(root, run).deployments[0])


def test_the_remote_of_an_origin(fake, root, run):
    item = load(root, run).deployments[0]
    assert remote_of(root, item) is None
    fake.config('[remote "r"]\n')
    assert remote_of(root, item).name == "r"
    assert remote_of(root, replace(item, origin=parse(b"[origin]\nrefspec=b\n"))) is None
