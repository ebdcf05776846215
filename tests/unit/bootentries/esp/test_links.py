"""Boot links that outlive a list."""

import re

import pytest

from bootentries.esp.links import (
    BASE,
    find_link,
    make_link,
    remove_links,
    sync_links,
    unused_links,
)
from bootentries.sysroot import load

# libostree reads the stateroot from the kernel argument by this; 2025.2 and 2026.4.
PATTERN = r"^/ostree/boot.([01])/([^/]+)/([^/]+)/([0-9]+)$"


@pytest.fixture
def items(root):
    return load(root).deployments


def test_a_link_is_made_once_and_leads_to_the_deployment(fake, root, items):
    assert find_link(root, items[0]) is None
    links = [make_link(root, item) for item in items]
    sync_links(root)
    assert [make_link(root, item) for item in items] == links
    assert [find_link(root, item) for item in items] == links
    for index, link in enumerate(links):
        found = re.fullmatch(PATTERN, link)
        assert found is not None
        assert found[2] == fake.stateroot
        assert (fake.path / link.lstrip("/")).samefile(fake.deployment(index))


def test_a_number_that_is_in_use_is_not_given_again(fake, root, items):
    first, second = (make_link(root, item) for item in items)
    (fake.path / first.lstrip("/")).unlink()
    assert make_link(root, items[0]) == second.removesuffix("1") + "2"


def test_what_is_not_used_goes_with_its_directories(fake, root, items):
    first, second = (make_link(root, item) for item in items)
    unused = unused_links(root, frozenset({first}))
    assert unused == (second.lstrip("/"),)
    remove_links(root, unused)
    assert (find_link(root, items[0]), find_link(root, items[1])) == (first, None)
    remove_links(root, unused_links(root, frozenset()))
    assert not (fake.path / BASE).exists()
    assert unused_links(root, frozenset()) == ()


def test_what_is_no_link_of_ours_stays(fake, root, items):
    make_link(root, items[0])
    other = fake.path / BASE / fake.stateroot / "note"
    other.mkdir()
    remove_links(root, unused_links(root, frozenset()))
    assert other.is_dir()
