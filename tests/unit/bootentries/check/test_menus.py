"""Files of loaders other than GRUB; what the damages leave open."""

import pytest
from damages import use
from victims import put, relink

from bootentries.check.verify import verify
from bootentries.loaders.detect import choose_loader
from bootentries.loaders.read import read_menu
from bootentries.root import open_root
from bootentries.sysroot import load


def codes(victim):
    with open_root(str(victim.top)) as root:
        return [finding.code.name for finding in verify(root).findings]


@pytest.fixture
def syslinux(victim):
    """A sysroot with syslinux and the file that it needs; returns the file's path."""
    use(victim, "syslinux")
    path = victim.loader / "syslinux.cfg"
    put(path, "TIMEOUT 50")
    put(victim.top / "boot/syslinux/.keep", "")
    relink(victim.top / "boot/syslinux/syslinux.cfg", "../loader/syslinux.cfg")
    with open_root(str(victim.top)) as root:
        present = load(root)
        menu = read_menu(root, present.bootversion)
        (written,) = choose_loader(root, present.config).before_swap(menu)
    put(path, written.text)
    return path


def test_blank_lines_mean_nothing(victim, syslinux):
    assert codes(victim) == []
    text = syslinux.read_text()
    # As libostree leaves it where the file before had no last line feed.
    put(syslinux, text.replace("TIMEOUT 50\n", "TIMEOUT 50\n\n"))
    assert codes(victim) == []
    put(syslinux, text.replace("quiet", "debug"))
    assert codes(victim) == ["menu-differs"]
