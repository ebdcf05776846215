"""loader.conf: ours by its first line, and always of one size."""

import pytest

from bootentries.esp.loaderconf import default_pattern, is_ours, loader_conf


@pytest.mark.parametrize("timeout", [0, 5, 3600])
def test_it_is_one_sector(timeout):
    text = loader_conf(timeout)
    assert len(text.encode()) == 512
    assert text.splitlines()[1:3] == ["default bootchain-*", f"timeout {timeout}"]
    assert set(text.splitlines()[3]) == {"#", " "}
    assert is_ours(text)
    assert default_pattern(text) == "bootchain-*"


def test_without_its_first_line_it_is_somebody_elses():
    assert not is_ours(loader_conf(5).partition("\n")[2])


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", None), ("timeout 3\n", None), ("default a\ndefault b\n", "b"),
        ("\tdefault\t x* \n", "x*"), ("#default x\n", None), ("default\n", None),
        ("defaults x\n", None),
    ],
)  # fmt: skip
def test_the_pattern(text, pattern):
    assert default_pattern(text) == pattern
