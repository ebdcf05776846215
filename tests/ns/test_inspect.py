"""`prepare-root-image inspect` beside the distribution's own lister, on dracut's image."""

import json
import re
import subprocess

import pytest

from guest import initramfs, tree
from prepare_root.image import inspect

pytestmark = pytest.mark.ns


def listed_by_lsinitrd(root, image) -> dict[str, tuple[str, str]]:
    """Name of each member to its mode and its size, for a device its numbers."""
    done = subprocess.run(
        [root / "usr/bin/lsinitrd", image], capture_output=True, text=True, check=True
    )
    line = re.compile(r"([-dlcb][rwxsStT-]{9}) +\d+ +\S+ +\S+ +(\d+, +\d+|\d+) .{12} (.*)")
    found = {}
    for text in done.stdout.splitlines():
        match = line.fullmatch(text)
        if match is not None:
            found[match[3].partition(" -> ")[0]] = (match[1], match[2].replace(" ", ""))
    return found


def test_it_agrees_with_lsinitrd_on_dracuts_image(capsys):
    made = tree.get()
    image = initramfs.dracut(made)
    inspect.command.main([str(image), "--list"], standalone_mode=False)
    ours = {}
    for text in capsys.readouterr().out.splitlines():
        match = re.fullmatch(r"([-dlcb][rwxsStT-]{9}) +\d+ +\d+ +(\d+, \d+|\d+) (.*)", text)
        if match is not None:
            ours[match[3].partition(" -> ")[0]] = (match[1], match[2].replace(" ", ""))
    theirs = listed_by_lsinitrd(made.path, image)
    assert len(theirs) > 300
    assert ours == theirs


def test_it_says_whose_prepare_root_dracut_put_in(capsys):
    made = tree.get()
    inspect.command.main([str(initramfs.dracut(made)), "--json"], standalone_mode=False)
    report = json.loads(capsys.readouterr().out)
    assert report["prepare-root"] == [
        {"path": "usr/lib/ostree/ostree-prepare-root", "of": "libostree"}
    ]
    assert {"virtio_blk", "erofs"} <= set(report["modules"][made.kernel])
