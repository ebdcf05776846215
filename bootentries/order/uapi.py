"""Comparing versions as the UAPI group's version format wants it, as systemd does it.

Source: the UAPI group's "Version Format Specification" (UAPI.10) and what systemd 252, 257
and 262 answer.  Where the two differ, this follows systemd, because it is systemd that
sorts menus: the text takes an absent number for 0, systemd for less than any number, so
that `a` < `0`.
"""

import re

_OUTSIDE = re.compile(r"[^A-Za-z0-9~.^-]*")
_DIGITS = re.compile(r"[0-9]*")
_LETTERS = re.compile(r"[A-Za-z]*")
# In the order in which they are looked at; whoever has one is the lower.
_MARKS = "-^."


def compare(left: str, right: str) -> int:
    """Return a negative number, zero or a positive one.

    A total preorder: different texts may be equal (`1_` and `1`, `01` and `1`).
    """
    while True:
        left, right = _without(_OUTSIDE, left), _without(_OUTSIDE, right)
        left, right, result = _at_mark(left, right, "~")
        if result:
            return result
        if not left or not right:
            return bool(left) - bool(right)
        for mark in _MARKS:
            left, right, result = _at_mark(left, right, mark)
            if result:
                return result
        ours, theirs = _run(_DIGITS, left), _run(_DIGITS, right)
        if ours or theirs:
            result = _compare_numbers(ours, theirs)
        else:
            # What is the start of a longer word is the lower one.
            ours, theirs = _run(_LETTERS, left), _run(_LETTERS, right)
            result = (ours > theirs) - (ours < theirs)
        if result:
            return result
        left, right = left[len(ours) :], right[len(theirs) :]


def _at_mark(left: str, right: str, mark: str) -> tuple[str, str, int]:
    """Return both without a leading `mark`, and what is known when only one has it."""
    known = right.startswith(mark) - left.startswith(mark)
    return left.removeprefix(mark), right.removeprefix(mark), known


def _compare_numbers(left: str, right: str) -> int:
    """Compare digits; none at all is less than any number."""
    ours, theirs = left.lstrip("0"), right.lstrip("0")
    one, two = (bool(left), len(ours), ours), (bool(right), len(theirs), theirs)
    return (one > two) - (one < two)


def _run(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    return found[0] if found else ""


def _without(pattern: re.Pattern[str], text: str) -> str:
    return text[len(_run(pattern, text)) :]
