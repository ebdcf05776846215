"""The page: all results are on it, in tables that Markdown takes."""

import pytest

from bench import page
from bench.instructions import Count
from bench.page import Results
from bench.startup import Profile
from bench.table import Row

RESULTS = Results(
    "make bench BENCH='--write docs/bench.md'",
    "peer: libostree-1-1=2025.2-1; kernel 6.12",
    (Row("initramfs / dracut's", "bytes", 1745917, 13655679), Row("time", "ms", 5.03, 3.62)),
    (Count(18_000_000, 82_000_000), Count(1_300_000_000, 700_000_000)),
    (Profile("floor", 0.7, 26, 15, None), Profile("prepare-root", 3.3, 471, 25, 16703079)),
)


def test_everything_is_there() -> None:
    text = page.text(RESULTS)
    for line in (
        "Made by `make bench BENCH='--write docs/bench.md'`, in one run. Times vary with the"
        " machine; read the ratios.",
        "peer: libostree-1-1=2025.2-1; kernel 6.12.",
        "| initramfs / dracut's | 1,745,917 bytes | 13,655,679 bytes | 0.13 |",
        "| time | 5.03 ms | 3.62 ms | 1.39 |",
        "| in programs | 18,000,000 instructions | 1,300,000,000 instructions | 0.01 |",
        "| in the kernel | 82,000,000 instructions | 700,000,000 instructions | 0.12 |",
        "| floor | 0.70 ms | 26 | 15 | - |",
        "| prepare-root | 3.30 ms | 471 | 25 | 16,703,079 |",
    ):
        assert line in text.splitlines()


def test_tables_stand_alone() -> None:
    """Markdown takes lines for a table only with an empty line before and the same columns."""
    blocks = [block.splitlines() for block in page.text(RESULTS).split("\n\n")]
    tables = [block for block in blocks if any(line.startswith("|") for line in block)]
    assert len(tables) == 3
    for block in tables:
        assert {line.count("|") for line in block} == {block[0].count("|")}
        assert block[1].startswith("| --- |")


def test_ends_with_one_newline() -> None:
    text = page.text(RESULTS)
    assert text.endswith(".\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize(
    ("present", "result"),
    [
        ("", "# A\n\nnew\n"),
        ("# A\n\nold\n", "# A\n\nnew\n"),
        ("# B\n\nb\n", "# B\n\nb\n\n# A\n\nnew\n"),
        ("# A\n\nold\n\n## A\n\nbelow\n\n# B\n\nb\n", "# A\n\nnew\n\n# B\n\nb\n"),
        ("# B\n\nb\n\n# A\nold", "# B\n\nb\n\n# A\n\nnew\n"),
        ("# AA\n\naa\n", "# AA\n\naa\n\n# A\n\nnew\n"),
    ],
)
def test_with_part(present: str, result: str) -> None:
    assert page.with_part(present, "# A\n\nnew\n") == result
    assert page.with_part(result, "# A\n\nnew\n") == result
