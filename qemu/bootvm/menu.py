"""Choosing from a boot menu over the serial line: GRUB's, and systemd-boot's under OVMF.

The console's bytes are played onto a screen, so what is listed and what is highlighted are
read the way a person would read them.
"""

import time

from bootvm.console import Console
from bootvm.errors import ConsoleError
from bootvm.terminal import Screen

DOWN = "\x1b[B"
ENTER = "\r"


class Menu:
    """The menu on `console`; `start` is where in its raw text the menu's screen begins."""

    def __init__(self, console: Console, start: int = 0) -> None:
        self._console = console
        self._start = start

    def _screen(self) -> Screen:
        screen = Screen()
        screen.feed(self._console.raw[self._start :])
        return screen

    def lines(self) -> list[str]:
        """The screen's lines that carry text, without frame."""
        shown = (line.strip(" |│┃*") for line in self._screen().lines())
        return [line for line in shown if line]

    def selected(self) -> str:
        """The highlighted line, or an empty string."""
        screen = self._screen()
        rows = screen.highlighted()
        return screen.lines()[rows[0]].strip(" |│┃*") if rows else ""

    def wait(self, title: str, timeout: float) -> None:
        """Waits until a line with `title` is shown and some line is highlighted."""
        deadline = time.monotonic() + timeout
        while not (any(title in line for line in self.lines()) and self.selected()):
            if time.monotonic() > deadline:
                self._fail(title, f"not in a menu after {timeout:g} s")
            time.sleep(0.05)

    def choose(self, title: str, timeout: float = 30) -> None:
        """Moves down until the line with `title` is highlighted, then presses enter.

        One key at a time, each awaited: firmware drops keys that come faster than it reads.
        """
        self.wait(title, timeout)
        deadline = time.monotonic() + timeout
        for _ in range(64):
            before = self.selected()
            if title in before:
                self._console.send(ENTER)
                return
            self._console.send(DOWN)
            again = time.monotonic() + 3
            while self.selected() in (before, "") and time.monotonic() < again:
                time.sleep(0.02)
            if time.monotonic() > deadline:
                break
        self._fail(title, f"could not be highlighted; {self.selected()!r} is")

    def _fail(self, title: str, why: str) -> None:
        shown = "\n".join(f"  | {line}" for line in self.lines()[-24:]) or "  | (nothing)"
        raise ConsoleError(
            "menu",
            repr(title),
            f"{why}; the screen:\n{shown}",
            f"the whole console: less -R {self._console.log}",
        )
