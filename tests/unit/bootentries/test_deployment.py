"""Names and links of deployments."""

import pytest

from bootentries.deployment import Deployment, overlay_checksums, parse_directory
from bootentries.entries.bls import parse
from bootentries.errors import BootentriesError
from bootentries.origin import parse as parse_origin

SUM = "a" * 64


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (f"{SUM}.0", (SUM, 0)),
        ("ab.12", ("ab", 12)),
        ("AB.0", None),
        ("ab.", None),
        (".0", None),
        ("ab", None),
        ("ab.0.origin", None),
        ("ab.-1", None),
        ("ab.0\n", None),
        ("ab.99999999999", None),
    ],
)
def test_directories(name, parts):
    assert parse_directory(name) == parts


def test_where_it_is_and_what_it_is():
    item = Deployment("os", SUM, 3, "b" * 64, index=1)
    assert item.path == f"ostree/deploy/os/deploy/{SUM}.3"
    assert item.identity == ("os", SUM, 3)
    assert not item.pinned
    pinned = parse_origin(b"[libostree-transient]\npinned=true\n")
    assert Deployment("os", SUM, 3, "b" * 64, origin=pinned).pinned


@pytest.mark.parametrize(
    ("text", "checksums"),
    [
        ("", ()),
        ("initrd /ostree/os-b/initramfs.img\n", ()),
        (f"initrd /i\ninitrd /ostree/initramfs-overlays/{SUM}.img\n", (SUM,)),
        (f"initrd /i\ninitrd {SUM}.img\ninitrd /x/{'b' * 64}.img\n", (SUM, "b" * 64)),
    ],
)
def test_overlays_follow_the_first_initrd(text, checksums):
    assert overlay_checksums(parse(text), "ostree-1.conf") == checksums


@pytest.mark.parametrize("name", ["short.img", f"{SUM}", f"{SUM}.img.gz", f"x{SUM}.img"])
def test_overlays_with_other_names(name):
    with pytest.raises(BootentriesError) as caught:
        overlay_checksums(parse(f"initrd /i\ninitrd /o/{name}\n"), "ostree-1.conf")
    assert str(caught.value) == f"read entry: ostree-1.conf: malformed overlay initrd '/o/{name}'"
