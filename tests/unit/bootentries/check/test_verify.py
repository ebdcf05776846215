"""Each damage gives its code and nothing else; a sound sysroot gives nothing."""

import os
from pathlib import Path

import pytest
from damages import DAMAGES
from victims import EXTENSIONS, state

from bootentries.booted import BootedRoot, Staged
from bootentries.check.codes import CODES
from bootentries.check.finding import Report
from bootentries.check.verify import check_all, verify
from bootentries.root import Root, open_root

# Those that are about the running system have tests of their own, below.
RUNNING = {"run-state", "booted-not-listed"}


def codes(path: Path) -> set[str]:
    with open_root(str(path)) as root:
        return {finding.code.name for finding in verify(root).findings}


def test_a_sound_sysroot_gives_nothing(sound):
    with open_root(str(sound.path)) as root:
        verdict = verify(root)
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.sound
    assert verdict.bootversion == 1
    assert [item.checksum for item in verdict.deployments] == sound.checksums


@pytest.mark.parametrize("extend", EXTENSIONS)
def test_a_sound_extension_gives_nothing(victim, extend):
    extend(victim)
    with open_root(str(victim.top)) as root:
        assert [str(finding) for finding in verify(root).findings] == []


@pytest.mark.parametrize(
    ("code", "damage"), [pytest.param(*pair, id=pair[1].__name__) for pair in DAMAGES]
)
def test_a_damage_gives_its_code_and_changes_nothing(victim, code, damage):
    damage(victim)
    before = state(victim.top)
    assert codes(victim.top) == {code}
    assert state(victim.top) == before


def test_every_code_has_a_damage():
    """Those about EFI partitions have theirs in `test_esp`."""
    others = {code for code in CODES if not code.startswith("esp-")}
    assert {code for code, _ in DAMAGES} | RUNNING == others


def checked(path: Path, booted: BootedRoot | None = None, staged: Staged | None = None):
    with open_root(str(path)) as root:
        return check_all(root, booted, staged, Report())


def test_the_booted_deployment_has_to_be_in_the_list(sound):
    found = sound.deployment(1).stat()
    assert checked(sound.path, BootedRoot(found.st_dev, found.st_ino)).findings == ()
    (finding,) = checked(sound.path, BootedRoot(found.st_dev, 1)).findings
    assert finding.code.name == "booted-not-listed"
    assert finding.place == "ostree/deploy"
    assert finding.reason.startswith("none of the 2 in the list is the one")


def test_what_run_says_has_to_make_sense(sound, run):
    """The root directory of this machine stands in for that of a booted system."""
    Path(run, "ostree-booted").write_bytes(b"\xff")
    with open_root(str(sound.path)) as root:
        slash = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        try:
            verdict = verify(Root("/", slash, root.boot_fd, "/boot"), run)
        finally:
            os.close(slash)
    finding = verdict.findings[0]
    assert finding.code.name == "run-state"
    assert finding.place == f"{run}/ostree-booted"
    assert not verdict.sound


def test_what_is_staged_has_to_be_there(victim):
    (finding, *_) = checked(victim.top, None, Staged("testos", f"{'c' * 64}.0", "d" * 64)).findings
    assert finding.code.name == "deployment-missing"
    assert finding.place == f"ostree/deploy/testos/deploy/{'c' * 64}.0"
    assert finding.reason == "no such directory, and it is staged"


def test_what_is_staged_is_not_a_leftover(victim):
    staged = Staged("testos", f"{'c' * 64}.0", "d" * 64)
    (victim.deploy / staged.name).mkdir()
    (victim.top / f"boot/ostree/testos-{staged.bootcsum}").mkdir()
    for index, item in enumerate(("c" * 64, *(item.checksum for item in victim.found.deployments))):
        (victim.refs / f"{victim.n}/{victim.m}/{index}").write_text(f"{item}\n")
    assert checked(victim.top, None, staged).findings == ()
    found = {finding.code.name for finding in checked(victim.top).findings}
    assert found == {"deployment-unused", "payload-unused", "refs-out-of-step", "ref-unused"}


@pytest.mark.parametrize("layout", ["nothing", "stateroot"])
def test_a_sysroot_without_deployments_is_sound(tmp_path, layout):
    (tmp_path / "boot").mkdir()
    (tmp_path / "ostree/repo").mkdir(parents=True)
    (tmp_path / "ostree/repo/config").write_text("[core]\nrepo_version=1\nmode=bare\n")
    if layout == "stateroot":
        (tmp_path / "ostree/deploy/testos/var").mkdir(parents=True)
    verdict = checked(tmp_path)
    assert verdict.findings == ()
    assert verdict.bootversion is None


def test_an_empty_list_is_sound(victim):
    """What libostree leaves when the last deployment was undeployed."""
    for index in (0, 1):
        victim.entry(index).unlink()
        victim.bootlink(index).unlink()
        (victim.refs / f"{victim.n}/{victim.m}/{index}").unlink()
    found = {finding.code.name for finding in checked(victim.top).findings}
    assert found == {"deployment-unused", "payload-unused"}


def test_it_does_not_stop_at_the_first_fault(victim):
    victim.kernel().unlink()
    (victim.deployment() / "ostree").unlink()
    (victim.loader / "entries/ostree-8.conf").write_bytes(b"\xff")
    (victim.top / "ostree/repo/config").unlink()
    verdict = checked(victim.top)
    assert [finding.code.name for finding in verdict.findings] == [
        "repo-config", "entry-not-utf8", "deployment-link", "kernel-missing",
    ]  # fmt: skip


def test_leftovers_wait_until_the_list_is_known(victim):
    """The entry that cannot be read may be the one that uses them."""
    (victim.loader / "entries/ostree-8.conf").write_bytes(b"\xff")
    (victim.top / f"boot/ostree/testos-{'d' * 64}").mkdir()
    assert codes(victim.top) == {"entry-not-utf8"}


def test_a_finding_says_where_why_and_what_to_do(victim):
    path = victim.kernel()
    path.unlink()
    (finding,) = checked(victim.top).findings
    assert finding.to_json() == {
        "code": "kernel-missing",
        "severity": "fault",
        "place": str(path.relative_to(victim.top)),
        "reason": "no such file",
        "remedy": "copy it from the deployment to the place that is named",
    }


@pytest.mark.parametrize(
    "name", ["loader", "ostree", "loader.1/entries", "loader.1/entries/x.conf"]
)
def test_files_in_place_of_directories_never_make_it_raise(victim, name):
    path = victim.top / "boot" / name
    if path.is_dir() and not path.is_symlink():
        path.rename(victim.top / "away")
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(b"")
    checked(victim.top)
