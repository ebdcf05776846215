"""What GRUB reads, by its own program."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bootvm.crash.grubview import GrubError, GrubView

pytestmark = pytest.mark.skipif(
    shutil.which("grub-fstest") is None, reason="grub-common is not installed"
)


def test_files_and_links(tmp_path: Path) -> None:
    top, image = tmp_path / "top", tmp_path / "image"
    (top / "boot/loader.1/entries").mkdir(parents=True)
    (top / "boot/loader").symlink_to("loader.1")
    data = bytes(range(256)) * 40
    (top / "boot/loader.1/entries/ostree-1.conf").write_bytes(data)
    (top / "boot/loader.1/entries/b.conf").write_text("title b\n")
    with image.open("wb") as file:
        file.truncate(8 << 20)
    env = {"PATH": "/usr/sbin:/usr/bin"}
    features = "^metadata_csum_seed,^orphan_file"
    words = ["mkfs.ext4", "-q", "-O", features, "-d", top, image]
    subprocess.run(words, check=True, capture_output=True, env=env)
    view = GrubView(image)
    assert view.listing("/boot/loader/entries") == ["b.conf", "ostree-1.conf"]
    assert view.listing("/boot/loader/nothing") == []
    assert view.read("/boot/loader/entries/ostree-1.conf") == data
    with pytest.raises(GrubError, match=r"grub: /boot/none: cannot open .*not found"):
        view.read("/boot/none")
