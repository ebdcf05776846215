"""Our whole units beside libostree's with our drop-ins: the same order, conditions and stops."""

import re

import pytest
from chroots import CHECKOUT, machine
from unittree import PACKAGES, SETUP

from bootentries.units.dropins import TAKEOVERS

pytestmark = pytest.mark.ns

UNITS = [takeover.unit for takeover in TAKEOVERS]
DIRECTORY = "usr/lib/systemd/system"
INSTALL = ("python3", "-I", "-m", "bootentries", "install-units", "--root=/")
# What is asked of systemd in another way, or not needed.
DIFFERS = {
    ("ostree-boot-complete.service", "MountFlags", "slave"): "it makes a namespace of its own",
    ("ostree-finalize-staged-hold.service", "Type", "exec"): "Type=notify of the drop-in",
}


def settings(text: str) -> set[tuple[str, str]]:
    """The settings of a unit that count, one word of a list each."""
    found = set()
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if not equals or key.startswith("#") or key in ("Description", "Documentation"):
            continue
        if key.startswith("Exec"):
            continue
        words = value.split() if key in ("After", "Before", "RequiresMountsFor") else [value]
        found |= {(key, word) for word in words}
    return found


def test_they_stand_for_libostrees(tmp_path):
    with machine("sid", tmp_path, packages=PACKAGES) as box:
        base = tmp_path / "units"
        environ = {"BASE": str(base), "CHROOT": str(box.root), "CHECKOUT": str(CHECKOUT)}
        box.run(["bash", "-c", SETUP], environ)

        def inside(*argv: str) -> str:
            words = ["chroot", f"{base}/root", *argv]
            done = box.attempt(words, {"PYTHONDONTWRITEBYTECODE": "1"})
            assert done.returncode == 0, done.stderr
            return str(done.stdout)

        theirs = {unit: inside("cat", f"/{DIRECTORY}/{unit}") for unit in UNITS}
        inside("rm", *(f"/{DIRECTORY}/{unit}" for unit in UNITS))
        said = inside(*INSTALL)
        assert said.splitlines()[:3] == [f"write {DIRECTORY}/{unit}" for unit in UNITS]
        ours = {unit: inside("cat", f"/{DIRECTORY}/{unit}") for unit in UNITS}
        # systemd finds no fault in them, and reads what they run.
        inside("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *UNITS)

        for takeover in TAKEOVERS:
            unit = takeover.unit
            wanted = settings(theirs[unit]) | settings(takeover.text(("/usr/lib/python3",)))
            wanted -= {(key, value) for name, key, value in DIFFERS if name == unit}
            assert settings(ours[unit]) == wanted, unit
            (run,) = re.findall(r"^Exec\w+=.*", ours[unit], re.MULTILINE)
            assert run.startswith(f"{takeover.setting}={takeover.prefix}/usr/bin/python3 -I -S")
            assert run.endswith(f'" {takeover.verb}')
        # And away again; nothing of ours is left.
        inside(*INSTALL, "--uninstall")
        left = inside("sh", "-c", f"grep -rl 'bootentries install-units' /{DIRECTORY} || true")
        assert left == ""
