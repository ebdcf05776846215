"""The order of zipl and Petitboot."""

from ordercases import named, names

from bootentries.order.filename import order


def test_the_highest_name_comes_first():
    entries = named("ostree-9.conf", "ostree-10.conf", "debian.conf", "ostree-1.conf.new")
    assert names(order(entries)) == ["ostree-10.conf", "ostree-9.conf", "debian.conf"]


def test_zeros_in_front_make_a_fraction():
    assert names(order(named("ostree-01.conf", "ostree-1.conf"))) == [
        "ostree-1.conf", "ostree-01.conf",
    ]  # fmt: skip
