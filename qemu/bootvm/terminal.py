"""What a serial terminal shows: text without its escape sequences, and a screen of cells.

`Stripper` gives the text that people mean when they wait for "login:".  `Screen` keeps
rows, columns and highlighting, which is what a boot menu consists of.
"""

import re

# CSI …, OSC …, and two-character sequences (ECMA-48); a lone ESC at the end is unfinished.
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78cDEHMNOZ])"
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[()])?\Z")
_LONGEST = 256  # an unfinished sequence longer than this is just text


class Stripper:
    """Removes terminal escapes from text that arrives in pieces."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The plain text of this piece; an escape cut off at its end is kept for the next."""
        text = self._held + text
        cut = _UNFINISHED.search(text)
        self._held = ""
        if cut and len(text) - cut.start() < _LONGEST:
            text, self._held = text[: cut.start()], text[cut.start() :]
        return _ESCAPE.sub("", text).replace("\r", "").replace("\0", "")


class Screen:
    """A screen of fixed size, as far as boot menus use one: position, clear, highlight."""

    __slots__ = ("_background", "_column", "_held", "_reverse", "_row", "cells", "marked", "rows")

    def __init__(self, rows: int = 100, columns: int = 200) -> None:
        self.rows = rows
        self.cells = [[" "] * columns for _ in range(rows)]
        self.marked = [[False] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._reverse = False
        self._background = 0
        self._held = ""

    def feed(self, text: str) -> None:
        text = self._held + text
        cut = _UNFINISHED.search(text)
        self._held = ""
        if cut and len(text) - cut.start() < _LONGEST:
            text, self._held = text[: cut.start()], text[cut.start() :]
        at = 0
        for found in _ESCAPE.finditer(text):
            self._write(text[at : found.start()])
            self._obey(found.group())
            at = found.end()
        self._write(text[at:])

    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.cells]

    def highlighted(self) -> list[int]:
        """Rows whose text is mainly shown in reverse or on a coloured background."""
        found = []
        for number, (row, marks) in enumerate(zip(self.cells, self.marked, strict=True)):
            shown = [mark for cell, mark in zip(row, marks, strict=True) if cell.strip(" |│┃")]
            if shown and sum(shown) * 2 > len(shown):
                found.append(number)
        return found

    def _write(self, text: str) -> None:
        for char in text:
            if char == "\r":
                self._column = 0
            elif char == "\n":
                self._row = min(self._row + 1, self.rows - 1)
            elif char == "\b":
                self._column = max(self._column - 1, 0)
            elif char >= " ":
                if self._column < len(self.cells[0]):
                    self.cells[self._row][self._column] = char
                    self.marked[self._row][self._column] = self._reverse or self._background > 0
                self._column += 1

    def _obey(self, sequence: str) -> None:
        if not sequence.startswith("\x1b["):
            return
        final, body = sequence[-1], sequence[2:-1]
        numbers = [int(word) if word.isdigit() else 0 for word in body.split(";")]
        first = numbers[0]
        match final:
            case "H" | "f":
                column = numbers[1] if len(numbers) > 1 else 1
                self._row = min(max(first, 1), self.rows) - 1
                self._column = max(column, 1) - 1
            case "J" if first in (0, 2):
                self._clear(0 if first == 2 else self._row)
            case "K":
                for column in range(self._column, len(self.cells[0])):
                    self.cells[self._row][column] = " "
                    self.marked[self._row][column] = False
            case "A":
                self._row = max(self._row - max(first, 1), 0)
            case "B":
                self._row = min(self._row + max(first, 1), self.rows - 1)
            case "C":
                self._column += max(first, 1)
            case "D":
                self._column = max(self._column - max(first, 1), 0)
            case "m":
                self._colour(numbers)

    def _clear(self, start: int) -> None:
        for row in range(start, self.rows):
            self.cells[row] = [" "] * len(self.cells[row])
            self.marked[row] = [False] * len(self.marked[row])

    def _colour(self, numbers: list[int]) -> None:
        for number in numbers:
            if number == 0:
                self._reverse, self._background = False, 0
            elif number in (7, 27):
                self._reverse = number == 7
            elif 40 <= number <= 47:
                self._background = number - 40
            elif number == 49:
                self._background = 0
