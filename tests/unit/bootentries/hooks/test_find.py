"""Which files are hooks, and why the others are not."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.hooks.find import DIRECTORIES, Hook, _fault, find_hooks

USR, ETC = DIRECTORIES


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for directory in DIRECTORIES:
        (tmp_path / directory).mkdir(parents=True)
    return tmp_path


def put(top: Path, path: str, text: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
    place = top / path
    place.write_text(text)
    place.chmod(mode)
    return str(place)


def test_none(tmp_path):
    found = find_hooks(str(tmp_path))
    assert (found.hooks, found.ignored) == ((), ())


def test_order_and_what_goes_before_what(top):
    paths = [put(top, f"{USR}/{name}") for name in ("50-b", "10-a", "90-c.shutdown")]
    mine = put(top, f"{ETC}/50-b")
    extra = put(top, f"{ETC}/60-mine")
    found = find_hooks(str(top))
    assert found.hooks == (
        Hook("10-a", paths[1]), Hook("50-b", mine), Hook("60-mine", extra),
        Hook("90-c.shutdown", paths[2]),
    )  # fmt: skip
    assert [hook.at_shutdown for hook in found.hooks] == [False, False, False, True]
    assert found.ignored == ((paths[0], f"{mine} takes its place"),)


def test_masks(top):
    put(top, f"{USR}/10-a")
    put(top, f"{USR}/20-b")
    put(top, f"{ETC}/10-a", "")
    (top / ETC / "20-b").symlink_to("/dev/null")
    found = find_hooks(str(top))
    assert found.hooks == ()
    assert dict(found.ignored)[str(top / ETC / "10-a")] == "masked"
    assert dict(found.ignored)[str(top / ETC / "20-b")] == "masked"


def test_a_link_to_a_program_is_one(top):
    put(top, "program")
    (top / ETC / "10-link").symlink_to(top / "program")
    assert [hook.name for hook in find_hooks(str(top)).hooks] == ["10-link"]


IGNORED = [
    ("README", 0o644, "not executable"),
    ("10-a", 0o775, "others than its owner may write to it"),
    ("10-a", 0o757, "others than its owner may write to it"),
    ("10-a~", 0o755, "its name is none for a hook"),
    ("10-a.dpkg-old", 0o755, "its name is none for a hook"),
    ("10-a.rpmsave", 0o755, "its name is none for a hook"),
    ("10-a.swp", 0o755, "its name is none for a hook"),
    ("10 a", 0o755, "its name is none for a hook"),
    ("-a", 0o755, "its name is none for a hook"),
]


@pytest.mark.parametrize(("name", "mode", "reason"), IGNORED)
def test_what_is_none(top, name, mode, reason):
    path = put(top, f"{ETC}/{name}", mode=mode)
    found = find_hooks(str(top))
    assert (found.hooks, found.ignored) == ((), ((path, reason),))


def test_other_kinds_of_files(top):
    (top / ETC / "dir").mkdir()
    (top / ETC / "dangling").symlink_to("nowhere")
    (top / ETC / ".hidden").write_text("x")
    os.mkfifo(top / ETC / "pipe")
    found = find_hooks(str(top))
    assert found.hooks == ()
    assert [(Path(path).name, reason) for path, reason in found.ignored] == [
        ("dangling", "No such file or directory"), ("dir", "not a regular file"),
        ("pipe", "not a regular file"),
    ]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_what_is_not_roots_is_none(top):
    path = put(top, f"{ETC}/10-a")
    os.chown(path, 1, 0)
    assert find_hooks(str(top)).ignored == ((path, "not owned by root"),)


def test_a_directory_that_others_may_write_to_holds_none(top):
    put(top, f"{ETC}/10-a")
    put(top, f"{USR}/20-b")
    (top / ETC).chmod(0o777)
    found = find_hooks(str(top))
    assert [hook.name for hook in found.hooks] == ["20-b"]
    assert found.ignored == ((str(top / ETC), "others than its owner may write to it"),)


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1))
def test_names_are_safe_for_lines_and_variables(name):
    if _fault(name, "/usr/bin/env") is None:
        assert name.isascii()
        assert not set(name) & set(" =:\n'\"$")
