"""The part about finalisation is one that the page can hold."""

from bench import finalize_page, page
from bench.table import Row


def test_a_part_of_its_own() -> None:
    rows = (Row("finalisation", "instructions", 50, 100),)
    part = finalize_page.text(rows, "peer: x", "make bench")
    assert part.startswith("# Finalisation beside libostree's\n\nMade by `make bench`")
    assert "| finalisation | 50 instructions | 100 instructions | 0.50 |" in part
    assert page.with_part(part, part) == part
    assert page.with_part("# Other\n\ntext\n", part) == f"# Other\n\ntext\n\n{part}"
