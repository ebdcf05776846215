"""Escapes are removed, however the text is cut; a screen shows what a person would see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootvm.terminal import Screen, Stripper

TABLE = [
    ("plain\r\n", "plain\n"),
    ("\x1b[0;32m  OK  \x1b[0m] Started", "  OK  ] Started"),
    ("\x1b[2;24HGNU GRUB", "GNU GRUB"),
    ("\x1b[?25hlogin:", "login:"),
    ("\x1b]0;title\x07text", "text"),
    ("\x1b]3008;start=x\x1b\\text", "text"),
    ("\x1b(Btext", "text"),
    ("\x1b[6n\x1b[!p", ""),
    ("\x1bctext", "text"),
    ("a\0b", "ab"),
]


@pytest.mark.parametrize(("text", "plain"), TABLE)
def test_stripper(text: str, plain: str) -> None:
    assert Stripper().feed(text) == plain


@given(st.lists(st.sampled_from([text for text, _ in TABLE]), max_size=6), st.data())
def test_stripper_is_the_same_for_any_cut(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    whole = Stripper().feed(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    stripper = Stripper()
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(stripper.feed(piece) for piece in pieces) == whole


def test_stripper_gives_up_on_an_escape_that_never_ends() -> None:
    stripper = Stripper()
    shown = stripper.feed("\x1b]0;" + "x" * 400) + stripper.feed("end")
    assert shown.endswith("end")


def test_screen_places_text_and_marks_the_highlighted_row() -> None:
    screen = Screen()
    screen.feed("\x1b[2J\x1b[5;3H\x1b[m One \x1b[6;3H\x1b[7m*Two\x1b[m\x1b[6;40H|")
    assert screen.lines()[4].strip() == "One"
    assert screen.lines()[5].split() == ["*Two", "|"]
    assert screen.highlighted() == [5]


def test_screen_takes_a_coloured_background_for_a_highlight() -> None:
    screen = Screen()
    screen.feed("\x1b[0;37;40m\x1b[10;30HFirst\x1b[0;30;47m\x1b[11;30HSecond")
    assert screen.highlighted() == [10]


def test_screen_follows_a_highlight_that_moves() -> None:
    screen = Screen()
    screen.feed("\x1b[1;1H\x1b[7mOne\x1b[m\x1b[2;1HTwo")
    screen.feed("\x1b[1;1HOne\x1b[2;1H\x1b[7mTwo\x1b[m")
    assert screen.highlighted() == [1]


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        ("abc\rX", "Xbc"),
        ("abc\b\bX", "aXc"),
        ("abc\x1b[1;2H\x1b[K", "a"),
        ("abc\x1b[2D-", "a-c"),
        ("abc\x1b[2J", ""),
    ],
)
def test_screen_control(keys: str, first: str) -> None:
    screen = Screen()
    screen.feed(keys)
    assert screen.lines()[0] == first


@given(st.text(alphabet="\x1b[;0123456789HJKmABCD\r\n\bxy?]\x07", max_size=200))
def test_screen_survives_any_bytes(text: str) -> None:
    screen = Screen(rows=5, columns=8)
    screen.feed(text)
    assert len(screen.lines()) == 5
