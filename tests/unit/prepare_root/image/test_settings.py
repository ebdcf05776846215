"""The files that an image is told by: what is taken, and what stops the build."""

from pathlib import Path

import pytest

from prepare_root.formats import config
from prepare_root.image import settings
from prepare_root.image.errors import ImageError

KEY = b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


def test_the_default_sets_nothing() -> None:
    assert config.parse(settings.DEFAULT.encode()).failure_action == config.Config().failure_action
    assert [line for line in settings.DEFAULT.splitlines() if line[:1] != "#"] == []


def test_read(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("[etc]\ntransient=true\n")
    assert settings.read(tmp_path / "conf") == "[etc]\ntransient=true\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"[etc]\ntransient=perhaps\n", "[etc] transient: "),
        (b"[etc]\n\xff\n", "'utf-8' codec can't decode"),
    ],
)
def test_read_fails(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "conf").write_bytes(content)
    with pytest.raises(ImageError) as caught:
        settings.read(tmp_path / "conf")
    assert str(caught.value).startswith(f"read configuration: {tmp_path}/conf: ")
    assert reason in str(caught.value)


def test_keys_are_where_the_configuration_looks(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY)
    text = "[composefs]\nenabled=signed\nkeypath=/usr/lib/keys\n"
    (item,) = settings.key_items(text, tmp_path / "key")
    assert (item.name, item.mode, item.data) == ("usr/lib/keys", 0o644, KEY)
    assert settings.key_items("", None) == []


def test_a_signed_root_needs_one() -> None:
    with pytest.raises(ImageError) as caught:
        settings.key_items("[composefs]\nenabled=signed\n", None)
    assert caught.value.hint == "give the file of public keys with --key"


@pytest.mark.parametrize(
    ("config_text", "names", "said"),
    [
        ("[failure]\naction=shell\n", ["init"], True),
        ("[failure]\naction=shell\n", ["bin/sh"], False),
        ("[failure]\naction=halt\n", ["init"], False),
        ("", [], False),
    ],
)
def test_a_shell_that_is_not_there(config_text: str, names: list[str], said: bool) -> None:
    note = settings.shell_note(config_text, names)
    assert note.startswith("[failure] action=shell, and the image has no /bin/sh: ") == said
    assert bool(note) == said
