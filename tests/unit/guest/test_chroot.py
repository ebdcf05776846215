"""The shell text that builds a root: order and quoting."""

from pathlib import Path

from guest.chroot import Bind, Filesystem, script


def test_later_layers_lie_on_top() -> None:
    text = script(Path("/tree"), ["true"], "/s", [Path("/low"), Path("/high")])
    assert "lowerdir=/high:/low:/tree," in text


def test_words_are_quoted() -> None:
    text = script(Path("/tree"), ["echo", "a b", "$x;"], "/s")
    assert text.splitlines()[-1] == "chroot /s/root echo 'a b' '$x;'"


def test_mounts_come_before_the_program(tmp_path: Path) -> None:
    mounts = [Bind(tmp_path, "/run/a b"), Filesystem(Path("/i"), 512, 1024, "/run/t")]
    lines = script(Path("/tree"), ["true"], "/s", mounts=mounts).splitlines()
    assert f"mount --rbind {tmp_path} '/s/root/run/a b'" in lines
    assert "mount -t ext4 -o loop,offset=512,sizelimit=1024 /i /s/root/run/t" in lines
    assert lines[-1] == "chroot /s/root true"
