"""What systemd makes of libostree's units with our drop-ins."""

import re

import pytest
from chroots import CHECKOUT, machine
from unittree import PACKAGES, SETUP

from bootentries.units import hooks
from bootentries.units.dropins import TAKEOVERS

pytestmark = pytest.mark.ns

UNITS = [takeover.unit for takeover in TAKEOVERS]


@pytest.fixture
def inside(tmp_path):
    """A way to run programs in a Debian system with libostree's units."""
    with machine("trixie", tmp_path, packages=PACKAGES) as box:
        base = tmp_path / "units"
        environ = {"BASE": str(base), "CHROOT": str(box.root), "CHECKOUT": str(CHECKOUT)}
        box.run(["bash", "-c", SETUP], environ)
        environ = {"PYTHONDONTWRITEBYTECODE": "1", "SYSTEMD_LOG_LEVEL": "debug"}
        yield lambda *argv: box.attempt(["chroot", f"{base}/root", *argv], environ)


def commands(inside):
    """What the units run, as systemd reads them; it has to find no fault."""
    done = inside("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *UNITS)
    assert done.returncode == 0, done.stderr
    text = done.stdout + done.stderr
    found = re.findall(r"(?:->|→) Unit (\S+):|Exec(Start|Stop):\s+Command Line: (.*)", text)
    result: dict[str, set[str]] = {}
    unit = ""
    for name, kind, line in found:
        unit = name or unit
        if kind and unit in UNITS:
            result.setdefault(unit, set()).add(f"{kind} {line}")
    return result


def test_they_run_our_commands_and_no_others(inside):
    before = commands(inside)
    install = ("python3", "-I", "-m", "bootentries", "install-units", "--root=/")
    done = inside(*install, "--dry-run")
    assert "    ExecStop=\n    ExecStop=/usr/bin/python3 -I -S" in done.stdout
    assert commands(inside) == before
    done = inside(*install)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    paths = (*(item.path for item in TAKEOVERS), *hooks.PATHS)
    assert lines == [f"write usr/lib/systemd/system/{path}" for path in paths]
    found = inside("systemd-analyze", "verify", "--man=no", "multi-user.target")
    assert f"Wants: {hooks.SERVICE}" in found.stdout + found.stderr, found.stderr
    found = inside("systemd-analyze", "verify", "--man=no", hooks.SERVICE)
    assert found.returncode == 0, found.stderr
    after = commands(inside)
    assert sorted(after) == sorted(before) == sorted(UNITS)
    for takeover in TAKEOVERS:
        (old,), (new,) = before[takeover.unit], after[takeover.unit]
        kind = takeover.setting.removeprefix("Exec")
        assert re.match(rf"{kind} /usr/bin/ostree admin", old)
        assert new.startswith(f"{kind} /usr/bin/python3 -I -S -c")
        assert new.endswith(takeover.verb)
    done = inside(*install, "--uninstall")
    assert len(done.stdout.splitlines()) == len(paths)
    assert commands(inside) == before


def test_the_command_works_as_it_is_written(inside):
    """Not booted, each ends at once; -S and -I leave enough to import."""
    text = TAKEOVERS[0].text(("/usr/lib/python3/dist-packages",))
    command = text.splitlines()[-1].removeprefix("ExecStop=")
    done = inside("sh", "-c", command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = inside("sh", "-c", command.replace("finalize-staged", "status --no-such"))
    assert "bootentries: usage: No such option" in done.stderr
