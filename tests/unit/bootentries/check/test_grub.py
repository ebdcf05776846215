"""GRUB's files; what the damages leave open."""

import pytest
from victims import put, relink, with_grub

from bootentries.check.explain import explain
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


def test_somebody_elses_stub(victim, menu):
    """It reads the menu; without our stub nothing reads a last good one."""
    put(victim.top / "boot/grub/grub.cfg", "configfile ($root)/boot/loader/grub.cfg\n")
    (victim.top / "boot/grub/bootchain-last-good.cfg").unlink()
    assert codes(victim) == []
    menu.unlink()
    assert codes(victim) == ["menu-missing"]


def test_grub_that_reads_the_entries(victim, menu):
    """Then there is no menu, or it is as good as none."""
    menu.unlink()
    put(victim.top / "boot/grub/grub.cfg", "insmod blscfg\nblscfg\n")
    assert codes(victim) == []
    relink(victim.top / "boot/grub/grub.cfg", "../loader/grub.cfg")
    put(menu, "insmod blscfg\nblscfg\n")
    assert codes(victim) == []
    with open_root(str(victim.top)) as root:
        (hop,) = (hop for hop in explain(root, 0).hops if hop.name == "menu")
    assert hop.found == "none: GRUB reads the entries themselves"


def test_libostrees_link_for_a_stub(victim, menu):
    relink(victim.top / "boot/grub/grub.cfg", "../loader/grub.cfg")
    assert codes(victim) == []
    put(menu, menu.read_text().replace("boot.1/", "boot.0/").replace("='1'", "='0'"))
    assert codes(victim) == ["menu-stale"]


def test_a_menu_in_grubs_own_file(victim, menu):
    """So libostree writes it on EFI: then nothing is read from `loader.N`."""
    own = victim.top / "boot/grub/grub.cfg"
    put(own, "".join(f"linux /v {item.options}\n" for item in victim.found.deployments))
    menu.unlink()
    assert codes(victim) == []
    put(own, own.read_text().replace("boot.1/", "boot.0/"))
    with open_root(str(victim.top)) as root:
        (finding,) = verify(root).findings
        assert explain(root, 0).fault.place == "boot/grub/grub.cfg"
    assert (finding.code.name, finding.place) == ("menu-stale", "boot/grub/grub.cfg")


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
