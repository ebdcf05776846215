"""The menu driver against a small menu that behaves like GRUB's on a serial line."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootvm.console import Console
from bootvm.errors import ConsoleError
from bootvm.menu import Menu


class FakeMenu:
    """Draws titles, moves a highlight at each Down, and records what Enter chose."""

    def __init__(self, stream: socket.socket, titles: tuple[str, ...]) -> None:
        self.stream, self.titles, self.at = stream, titles, 0
        self.chosen: list[str] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def draw(self) -> None:
        rows = ["\x1b[2;24HGNU GRUB"]
        for number, title in enumerate(self.titles):
            mark = "\x1b[7m*" if number == self.at else " "
            rows.append(f"\x1b[{number + 5};3H{mark}{title}  \x1b[m\x1b[{number + 5};79H|")
        self.stream.sendall("".join(rows).encode())

    def serve(self) -> None:
        self.draw()
        while keys := self.stream.recv(16):
            if keys == b"\x1b[B":
                self.at = min(self.at + 1, len(self.titles) - 1)
                self.draw()
            elif keys == b"\r":
                self.chosen.append(self.titles[self.at])


@pytest.fixture
def menu(tmp_path: Path) -> Iterator[tuple[Menu, FakeMenu]]:
    theirs, ours = socket.socketpair()
    console = Console(ours, tmp_path / "log", lambda: "")
    fake = FakeMenu(theirs, ("Linux 2 (ostree:0)", "Linux 1 (ostree:1)", "Other"))
    yield Menu(console), fake
    console.close()
    fake.thread.join(5)
    theirs.close()


@pytest.mark.parametrize("title", ["Linux 2", "Linux 1 (ostree:1)", "Other"])
def test_chooses_by_title(menu: tuple[Menu, FakeMenu], title: str) -> None:
    driver, fake = menu
    driver.choose(title, timeout=10)
    driver._console.close()
    fake.thread.join(5)
    assert len(fake.chosen) == 1
    assert title in fake.chosen[0]


def test_reads_lines_and_selection(menu: tuple[Menu, FakeMenu]) -> None:
    driver, _ = menu
    driver.wait("Other", 5)
    assert driver.lines() == ["GNU GRUB", "Linux 2 (ostree:0)", "Linux 1 (ostree:1)", "Other"]
    assert driver.selected() == "Linux 2 (ostree:0)"


def test_missing_title_shows_the_screen(menu: tuple[Menu, FakeMenu]) -> None:
    driver, fake = menu
    with pytest.raises(ConsoleError, match=r"menu: 'Absent': not in a menu after 0.3 s") as caught:
        driver.choose("Absent", timeout=0.3)
    assert "  | Linux 1 (ostree:1)" in str(caught.value)
    assert fake.chosen == []
