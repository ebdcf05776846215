"""The units that follow the list, and how they come and go with the others."""

from bootentries.units import install
from bootentries.units.dropins import program
from bootentries.units.esp import PATHS, esp_units

PLACE = "/usr/lib/python3/dist-packages"
DIRECTORY = "usr/lib/systemd/system"


def test_what_they_say():
    files = dict(esp_units((PLACE,)))
    assert tuple(files) == PATHS
    command = f"{program((PLACE,))} esp sync --if-enabled --lock-timeout=120\n"
    boot = files["bootentries-esp.service"]
    assert f"\nExecStart={command}ExecStop={command}" in boot
    # Stopped after it, because it starts before it.
    assert "\nBefore=ostree-finalize-staged.service final.target\n" in boot
    assert "bless" not in boot
    follow = files["bootentries-esp-follow.service"]
    assert f"\nExecStart={command}" in follow
    assert "RemainAfterExit" not in follow
    assert "\nStartLimitIntervalSec=0\n[Service]" in follow
    assert "\nPathChanged=/sysroot/ostree/deploy\n" in files["bootentries-esp-follow.path"]


def test_they_come_only_when_asked_for_and_go_with_the_others(tree):
    def names():
        return sorted(str(path.relative_to(tree)) for path in (tree / DIRECTORY).rglob("*"))

    before = names()
    plain = install.plan(str(tree), DIRECTORY, (PLACE,))
    todo = install.plan(str(tree), DIRECTORY, (PLACE,), with_esp=True)
    assert [path for path, _ in todo[len(plain) :]] == [f"{DIRECTORY}/{name}" for name in PATHS]
    assert todo[: len(plain)] == plain
    install.install(str(tree), todo)
    install.uninstall(str(tree), install.installed(str(tree)))
    assert names() == before
