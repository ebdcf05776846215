"""A shell in which `ostree admin` means `bootentries`, beside one in which it does not.

The same script runs in both, on two equal sysroots.  What it prints to standard output, every
exit status and the whole trees have to be the same.  Messages on standard error are not.
"""

import json
import os
from difflib import unified_diff

import pytest
from bootedchroot import run_booted
from sidebyside import OURS, THEIRS, Pair, pair
from trees import PLAIN, TREES, build

from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import Variant, encode

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
# `command` keeps the function from calling itself.
FUNCTION = """
bootentries() {
    PYTHONPATH=/tmp/checkout PYTHONPYCACHEPREFIX=/tmp/pycache python3 -P -m bootentries "$@"
}
ostree() { [ "$1" = admin ] && { shift; bootentries "$@"; } || command ostree "$@"; }
"""
# What scripts do; `try` shows each command and how it ended.
SCRIPT = """
try() { echo "+ $*"; "$@"; echo "= $?"; }
mkdir $S/new
try ostree admin init-fs --modern $S/new
try ostree admin init-fs $S/none
try ostree admin os-init --sysroot=$S second
try ostree admin stateroot-init third --sysroot=$S
try ostree admin --sysroot=$S os-init second
try ostree admin status --sysroot=$S
try ostree admin --sysroot=$S --print-current-dir
try ostree admin deploy --sysroot=$S --os=testos --karg=root=UUID=a --karg quiet plain
try ostree admin --sysroot=$S deploy next --os=testos --retain --karg-append=a=1
try ostree admin --sysroot=$S deploy --stateroot second --karg-none nosuch
try ostree admin -v --sysroot=$S deploy --os=second --karg-none --no-merge next --retain
try ostree admin deploy -v --sysroot=$S --not-as-default --retain --os=testos plain
try ostree admin deploy --sysroot=$S plain
try ostree admin deploy --sysroot=$S --os=testos
try ostree admin status --sysroot=$S
try ostree admin --sysroot=$S status -S
try ostree admin status -D --sysroot=$S
try ostree admin status --is-default --sysroot $S
try ostree admin status -V --sysroot=$S
try ostree admin --print-current-dir --sysroot=$S
try ostree admin pin 1 2 --sysroot=$S
try ostree admin pin 1 --sysroot=$S
try ostree admin --sysroot=$S pin booted
try ostree admin status --sysroot=$S
try ostree admin pin --unpin 1 --sysroot=$S
for file in $S/ostree/deploy/testos/deploy/*.0/etc/example.conf; do echo b=2 >> $file; done
echo new > $S/ostree/deploy/testos/deploy/$CHECKSUM.0/etc/new.conf
try ostree admin config-diff --os=testos --sysroot=$S
try ostree admin --sysroot=$S config-diff
export OSTREE_SYSROOT=$S
try ostree admin status
try ostree admin set-default 1
try ostree admin set-default 9
try ostree admin instutil set-kargs --merge --append=console=ttyS0 --replace=quiet=1
try ostree admin instutil set-kargs "x y" z
try ostree admin instutil nosuch
try ostree admin instutil
try ostree admin kargs edit-in-place --append-if-missing=late=1
try ostree admin kargs
try ostree admin set-origin --index=0 --set=gpg-verify=false up http://localhost/repo stable
try ostree admin set-origin up
try ostree admin undeploy 3
try ostree admin undeploy 3
try ostree admin undeploy x
try ostree admin undeploy
try ostree admin cleanup
try ostree admin upgrade --os=nosuch
try ostree admin switch --os=testos --sysroot=$S nosuch:ref
try ostree admin unlock
try ostree admin post-copy
try ostree admin nosuch
try ostree admin
try ostree admin --sysroot=/nowhere status
try ostree admin status --nosuch
try ostree refs --repo=$S/ostree/repo --list
if ostree admin status | grep -q '^\\*'; then echo booted; else echo not booted; fi
ostree admin status | awk '/^ / && NF >= 2 && $2 ~ /^[0-9a-f]+\\.[0-9]+$/ { print $1, $2 }'
"""


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    with pair(request.param, tmp_path) as found:
        found.commit(build(tmp_path / "trees", PLAIN), "plain", "1.0")
        found.commit(build(tmp_path / "trees", TREES[1]), "next", "2.0")
        yield found


def run_script(both: Pair, who: str, script: str) -> str:
    """What a script prints in the chroot, with the sysroot's path made the same for both."""
    checksum = both.ostree("rev-parse", f"--repo={both.sysroot(who)}/ostree/repo", "plain").strip()
    text = f"S={both.sysroot(who)} CHECKSUM={checksum}\n{script}"
    path = both.box.root / "tmp/script"
    both.box.run(["sh", "-c", 'printf %s "$TEXT" > "$PLACE"'], {"TEXT": text, "PLACE": str(path)})
    done = both.chroot("sh", "/tmp/script")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.replace(both.sysroot(who), "SYSROOT")


def test_a_script_does_not_notice(both):
    theirs = run_script(both, THEIRS, SCRIPT)
    ours = run_script(both, OURS, FUNCTION + SCRIPT)
    difference = list(unified_diff(theirs.splitlines(), ours.splitlines(), THEIRS, OURS, n=1))
    assert not difference, "\n".join(difference)
    both.compare()
    # The script did what it is for.
    assert theirs.count("= 0\n") > 25
    assert theirs.count("= 1\n") > 15
    assert "\n    Pinned: yes\n" in theirs


def test_json_has_all_that_libostrees_has(both):
    if both.suite == "trixie":
        pytest.skip("2025.2 has no status --json")
    deploy = "ostree admin deploy --sysroot=$S --os=testos --karg=root=UUID=a plain >/dev/null\n"
    for option in ("--json", "-J"):
        script = f"{deploy}ostree admin status --sysroot=$S {option}"
        theirs, ours = (
            json.loads(run_script(both, who, before + script))["deployments"]
            for who, before in ((THEIRS, ""), (OURS, FUNCTION))
        )
        assert len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            assert their.items() <= our.items()


def test_version_is_a_success_before_and_after_the_verb(both):
    script = "ostree admin --version && ostree admin status --version && ostree --version"
    # Each says its own name.
    assert run_script(both, THEIRS, script).count("libostree:") == 3
    ours = run_script(both, OURS, FUNCTION + script)
    assert ours.count("bootentries, version ") == 2
    assert ours.count("libostree:") == 1


DIFFERENT = {
    # libostree takes no notice of words that a verb has no use for.
    "ostree admin status extra --sysroot=$S": (0, 1),
    "ostree admin cleanup extra --sysroot=$S": (0, 1),
    # And it wants the value of an option before the verb behind a `=` there.
    "ostree admin --print-current-dir --sysroot $S": (1, 0),
}


@pytest.mark.parametrize("command", DIFFERENT)
def test_differences_that_are_wanted(both, command):
    deploy = "ostree admin deploy --sysroot=$S --os=testos plain >/dev/null\n"
    script = f"{deploy}{command} >/dev/null 2>&1; echo $?"
    found = run_script(both, THEIRS, script), run_script(both, OURS, FUNCTION + script)
    assert tuple(map(int, found)) == DIFFERENT[command]
    both.compare()


VERBS = ("status", "status -D", "set-default 2", "status", "pin booted pending", "status -S")


def test_status_in_a_running_system(both):
    for name in ("plain", "next", "plain"):
        both.by_theirs("deploy", "--os=testos", "--retain", "--karg=a", name)
    theirs, ours = (run_booted(both, who, *VERBS, index=1) for who in (THEIRS, OURS))
    assert ours.output == theirs.output
    text = "\n".join(ours.output)
    assert "(pending)" in text
    assert "(rollback)" in text
    assert "\n* testos " in text
    both.compare()


def staged_file(both: Pair, who: str, locked: bool) -> bytes:
    """What libostree keeps about a staged deployment: here the one that has no entry."""
    names = {path.name for path in both.view(who).glob("ostree/deploy/testos/deploy/*.[0-9]")}
    listed = {
        os.path.basename(link.readlink())  # noqa: PTH119 - the last part of a link's text
        for link in both.view(who).glob("ostree/boot.[01].[01]/testos/*/*")
    }
    (name,) = names - listed
    target = {
        "name": Variant("s", name),
        "osname": Variant("s", "testos"),
        "bootcsum": Variant("s", "d" * 64),
    }
    table = {"target": Variant("a{sv}", target)}
    if locked:
        table["locked"] = Variant("b", True)
    return encode("a{sv}", {**table, "kargs": Variant("as", ["quiet"])})


@pytest.mark.parametrize("locked", [False, True])
def test_status_of_staged_and_soft_rebooted(both, locked):
    for name in ("plain", "next", "plain"):
        both.by_theirs("deploy", "--os=testos", "--retain", "--karg=a", name)
    output = []
    for who in (THEIRS, OURS):
        copy = next(both.view(who).glob("ostree/deploy/testos/deploy/*.1"))
        # A deployment that is in no list, as one is until it is finalised.
        both.box.run(["cp", "-a", str(copy), str(copy.with_suffix(".7"))])
        target = next(both.view(who).glob("ostree/deploy/testos/deploy/*.1")).stat()
        files = {
            "ostree/staged-deployment": staged_file(both, who, locked),
            "ostree/nextroot-booted": BootedMetadata(
                device=target.st_dev, inode=target.st_ino
            ).encode(),
        }
        # One that is staged cannot be pinned.
        output.append(run_booted(both, who, "status", "pin 0", index=1, files=files))
    theirs, ours = output[0].output, output[1].output
    assert ours[-1] == "status 1"
    assert "pin: 0: a staged deployment cannot be pinned" in output[1].errors
    if both.suite == "trixie":
        # 2025.2 reads the state of a soft reboot, but does not show it.
        assert "\n".join(ours).count(" (soft-reboot)") == 1
        ours = [line.removesuffix(" (soft-reboot)") for line in ours]
    assert ours == theirs
    assert f"({'finalization locked' if locked else 'staged'})" in ours[0]
