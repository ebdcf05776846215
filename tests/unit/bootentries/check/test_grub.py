"""GRUB's files; what the damages leave open."""

import pytest
from victims import put, relink, with_grub

from bootentries.check.finding import Report
from bootentries.check.grub import check_target
from bootentries.check.verify import verify
from bootentries.root import open_root


def codes(victim):
    with open_root(str(victim.top)) as root:
        return [finding.code.name for finding in verify(root).findings]


@pytest.fixture
def menu(victim):
    """A sysroot with GRUB; returns the menu's path."""
    with_grub(victim)
    return victim.loader / "grub.cfg"


def test_somebody_elses_menu_that_boots_the_same(victim, menu):
    """grub2-mkconfig with libostree's script writes another text, and other titles."""
    options = [item.options for item in victim.found.deployments]
    text = "".join(f"menuentry 'x' {{\n linux16 /boot/v {words}\n}}\n" for words in options)
    put(menu, "### BEGIN ###\n" + text)
    assert codes(victim) == []
    put(menu, text + text.replace("boot.1/", "boot.0/"))
    assert "menu-stale" in codes(victim)


@pytest.mark.parametrize(
    "stub", ["configfile ($root)/boot/loader/grub.cfg\n", "insmod blscfg\nblscfg\n"]
)
def test_somebody_elses_stub(victim, menu, stub):
    """Without our stub nothing reads a last good menu."""
    del menu
    put(victim.top / "boot/grub/grub.cfg", stub)
    (victim.top / "boot/grub/bootchain-last-good.cfg").unlink()
    assert codes(victim) == []


def test_libostrees_link_for_a_stub(victim, menu):
    del menu
    relink(victim.top / "boot/grub/grub.cfg", "../loader/grub.cfg")
    assert codes(victim) == []


def test_one_target(victim, menu):
    link = victim.item().options.split("ostree=")[1]
    report = Report()
    with open_root(str(victim.top)) as root:
        check_target(root, "loader.1/grub.cfg", link, report)
        assert report.findings == []
        check_target(root, "loader.1/grub.cfg", link[:-1], report)
        menu.unlink()
        check_target(root, "loader.1/grub.cfg", link, report)
    assert [finding.code.name for finding in report.findings] == ["menu-stale", "menu-missing"]
    assert report.findings[0].reason == f"{link[:-1]} is not in it"
