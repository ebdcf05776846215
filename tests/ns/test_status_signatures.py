"""`status` with real signatures: those of a commit that was pulled from a signing remote."""

import os

import pytest
from chroots import PACKAGES
from sidebyside import OURS, THEIRS, Pair, pair
from trees import PLAIN, build

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
SIGN = """
set -e
mkdir -p -m 700 /tmp/gpg
export GNUPGHOME=/tmp/gpg
gpg="gpg --batch --quiet --pinentry-mode loopback"
$gpg --passphrase '' --quick-generate-key 'Signer <signer@example.com>' ed25519 sign never
$gpg --export > /tmp/key.gpg
key=$($gpg --list-keys --with-colons | awk -F: '/^fpr/ { print $10; exit }')
ostree --repo=/tmp/up init --mode=archive
ostree --repo=/tmp/up pull-local $S/ostree/repo plain
ostree --repo=/tmp/up gpg-sign --gpg-homedir=/tmp/gpg plain $key
gpgconf --kill all
"""
# The remotes: with the key, with another's key only, and without verification.
REMOTES = """
set -e
ostree --repo=$S/ostree/repo remote add --gpg-import=/tmp/key.gpg signed file:///tmp/up
ostree --repo=$S/ostree/repo remote add --no-gpg-verify open file:///tmp/up
for remote in signed open; do ostree --repo=$S/ostree/repo pull $remote plain; done
ostree --repo=$S/ostree/repo remote add keyless file:///tmp/up
ostree --repo=$S/ostree/repo refs --create=keyless:plain plain
"""
MADE, GOOD = "GPG: Signature made ", 'GPG: Good signature from "Signer <signer@example.com>"'
MISSING = "Can't check signature: public key not found"


@pytest.fixture(scope="module", params=SUITES)
def both(request, tmp_path_factory):
    work = tmp_path_factory.mktemp("signatures")
    with pair(request.param, work, packages=(*PACKAGES, "gnupg")) as found:
        found.commit(build(work / "trees", PLAIN), "plain", "1.0")
        script(found, THEIRS, SIGN)
        for who in (THEIRS, OURS):
            script(found, who, REMOTES)
        yield found


def script(both: Pair, who: str, text: str) -> str:
    done = both.chroot("env", f"S={both.sysroot(who)}", "sh", "-c", text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def deployed(both: Pair, *refspecs: str) -> None:
    """Let these be the only deployments, the last one the default."""
    for who in (THEIRS, OURS):
        for index, refspec in enumerate(refspecs):
            retain = ["--retain"] if index else ["--no-merge"]
            where = f"--sysroot={both.sysroot(who)}"
            done = both.chroot("ostree", "admin", "deploy", where, "--os=testos", *retain, refspec)
            assert done.returncode == 0, done.stderr


CASES = {
    "a good signature": (("signed:plain",), {"": 0, "-V": 0, "-S": 0, "-V -S": 0, "-D": 0}),
    "two of them": (("signed:plain", "signed:plain"), {"": 0, "-V": 0}),
    "nobody asks for one": (("open:plain",), {"": 0, "-V": 1, "-S": 0, "-S -V": 1}),
    "the key is missing": (("keyless:plain",), {"": 0, "-V": 1, "-S": 0}),
    "a ref of no remote": (("plain",), {"": 0, "-V": 1, "-S": 0}),
    "the default is bad": (("signed:plain", "keyless:plain"), {"": 0, "-V": 1}),
    "another one is bad": (("keyless:plain", "signed:plain"), {"": 0, "-V": 1}),
}


@pytest.mark.parametrize("case", CASES)
def test_both_say_the_same(both, case):
    refspecs, statuses = CASES[case]
    deployed(both, *refspecs)
    for options, status in statuses.items():
        theirs, ours = (run("status", *options.split()) for run in (both.theirs, both.ours))
        assert theirs.returncode == status, theirs.stderr
        assert ours.returncode == status, ours.stderr
        assert ours.stdout == theirs.stdout, options
        shown = "-S" not in options.split() or "-V" in options.split()
        good = "signed:plain" in ours.stdout and shown
        assert (GOOD in ours.stdout) == good, options
        if status:
            assert ours.stderr.startswith("bootentries: verify signature: testos ")


FAULTS = {
    "open:plain": "the remote 'open' has gpg-verify=false",
    "keyless:plain": f"no good signature: {MADE.removeprefix('GPG: ')}",
    "plain": "its origin 'plain' names no remote, so nobody says who signs it",
}


@pytest.mark.parametrize("refspec", FAULTS)
@pytest.mark.parametrize("option", ["-V", "--verify"])
def test_the_reason_is_named(both, refspec, option):
    deployed(both, refspec)
    done = both.ours("status", option)
    assert done.returncode == 1
    assert FAULTS[refspec] in done.stderr
    assert (MISSING in done.stderr) == (refspec == "keyless:plain")
    assert both.ours("status", option, "--json").returncode == 1


def test_json_lists_what_is_verified(both):
    deployed(both, "signed:plain")
    done = both.ours("status", "-V", "--json")
    assert done.returncode == 0, done.stderr
    assert '"refspec": "signed:plain"' in done.stdout


def test_a_commit_whose_signature_is_gone(both):
    """Last: the signatures do not come back."""
    deployed(both, "open:plain", "signed:plain")
    for who in (THEIRS, OURS):
        script(both, who, "rm $S/ostree/repo/objects/*/*.commitmeta")
    for options in ((), ("-V",), ("-S",)):
        theirs, ours = both.theirs("status", *options), both.ours("status", *options)
        assert ours.returncode == theirs.returncode, options
        # libostree stops where it is; without -V our list goes on to its end.
        assert ours.stdout.startswith(theirs.stdout)
        assert ours.stdout.count("testos") == (1 if options == ("-V",) else 2)
        if options != ("-S",):
            assert ours.returncode == 1
            assert "the commit is not signed" in ours.stderr
