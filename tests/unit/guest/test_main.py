"""The recipes' command line: bad words are named, and nothing is made of them."""

from pathlib import Path

import pytest

from guest import __main__ as command
from guest import tree


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "the following arguments are required: command"),
        (["disk", "--link", "cellar=link"], "'cellar' is not one of home, root, opt"),
        (["disk", "--link", "home=full?"], "'full?' is not one of missing, link, empty, full"),
        (["palace"], "invalid choice: 'palace'"),
    ],
)
def test_misuse(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(words)
    assert caught.value.code == 2
    assert text in capsys.readouterr().err


def test_missing_initramfs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tree.Tree(Path("/tree"), "6", "a=1\n")
    monkeypatch.setattr(tree, "get", lambda: made)
    assert command.main(["disk", "--initramfs", "/not/there"]) == 1
    assert "guest: make disk: /not/there: no such file" in capsys.readouterr().err


def test_only_root_makes_a_tree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert command.main(["tree"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == ["guest: make tree: trixie: not root", "hint: mmdebstrap and chroot need root"]
