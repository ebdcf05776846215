"""Files of the command line: where they go, and what would not work in the image."""

import subprocess
from pathlib import Path

import pytest

from prepare_root.image import include
from prepare_root.image.contents import Item
from prepare_root.image.errors import ImageError


def seen(items: list[Item]) -> list[tuple[str, int, bytes | None, str]]:
    return [(item.name, item.mode, item.data, item.target) for item in items]


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a:b"
    path.write_bytes(b"text")
    path.chmod(0o750)
    here = str(path).lstrip("/")
    assert seen(include.items([str(path)])) == [(here, 0o750, b"text", "")]
    assert seen(include.items([f"{path}:/etc/x"])) == [("etc/x", 0o750, b"text", "")]


def test_a_link_that_is_named_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    assert [item.data for item in include.items([f"{tmp_path}/link:/x"])] == [b"text"]


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "top/sub").mkdir(parents=True)
    (tmp_path / "top/sub/file").write_bytes(b"1")
    (tmp_path / "top/link").symlink_to("sub/file")
    for path in (tmp_path / "top/sub/file",):
        path.chmod(0o644)
    assert seen(include.items([f"{tmp_path}/top:/usr/share/x"])) == [
        ("usr/share/x", 0o755, None, ""),
        ("usr/share/x/link", 0o777, None, "sub/file"),
        ("usr/share/x/sub", 0o755, None, ""),
        ("usr/share/x/sub/file", 0o644, b"1", ""),
    ]


@pytest.mark.parametrize("text", ["", "x:/", "x:/../y", "x:/a/../../y", ":/y", "/"])
def test_no_place(text: str) -> None:
    with pytest.raises(ImageError) as caught:
        include.items([text])
    assert str(caught.value) == f"include file: {text!r}: not a place in the image"
    assert caught.value.hint == "SOURCE or SOURCE:/PLACE, without .."


@pytest.mark.parametrize(
    ("source", "reason"),
    [("/none", "No such file or directory"), ("/dev/null", "neither a file nor a directory")],
)
def test_no_source(source: str, reason: str) -> None:
    with pytest.raises(ImageError) as caught:
        include.items([f"{source}:/x"])
    assert str(caught.value) == f"include file: {source}: {reason}"


OWN = (Item("etc", 0o755), Item("etc/initrd-release", 0o644, b"x"), Item("init", 0o755, b"x"))


@pytest.mark.parametrize(
    ("added", "text"),
    [
        ([Item("init", 0o755, b"y")], "/init: there is such a file in the image already"),
        ([Item("init", 0o755)], "/init: there is such a file in the image already"),
        ([Item("etc", 0o644, b"y")], "/etc: there is such a file in the image already"),
        ([Item("a", 0o644, b""), Item("a", 0o644, b"")],
         "/a: there is such a file in the image already"),
        ([Item("init/x", 0o644, b"")], "/init/x: /init is no directory in the image"),
        ([Item("l", 0o777, target="etc"), Item("l/x", 0o644, b"")],
         "/l/x: /l is no directory in the image"),
    ],
)  # fmt: skip
def test_two_in_one_place(added: list[Item], text: str) -> None:
    with pytest.raises(ImageError) as caught:
        include.check(added, OWN)
    assert str(caught.value) == f"include file: {text}"


def test_directories_may_be_there() -> None:
    include.check([Item("etc", 0o755), Item("etc/x", 0o644, b"")], OWN)


def program(path: Path, *words: str) -> bytes:
    subprocess.run(
        ["gcc", *words, "-nostdlib", "-x", "c", "-", "-o", path],
        input=b"void _start(void) { for (;;) ; }\n",
        check=True,
    )
    return path.read_bytes()


def test_a_program_needs_its_loader(tmp_path: Path) -> None:
    data = program(tmp_path / "shared", "-pie", "-Wl,--dynamic-linker=/lib/ld.so")
    shell = Item("bin/sh", 0o755, data)
    with pytest.raises(ImageError) as caught:
        include.check([shell], OWN)
    assert str(caught.value) == (
        "include file: /bin/sh: not static: it asks for /lib/ld.so, which is not in the image"
    )
    assert "busybox-static has a shell" in caught.value.hint
    include.check([shell, Item("lib/ld.so", 0o755, b"")], OWN)
    include.check([Item("bin/sh", 0o755, program(tmp_path / "static", "-static"))], OWN)
    include.check([Item("bin/sh", 0o755, b"\x7fELF, or so")], OWN)
