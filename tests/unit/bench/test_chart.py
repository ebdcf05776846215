"""The chart says what the page says, and is one that a browser reads."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import chart
from bench.errors import BenchError

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = """\
| initramfs / dracut's | 1,500,000 bytes | 12,000,000 bytes | 0.13 |
| in programs | 100,000,000 instructions | 1,000,000,000 instructions | 0.10 |
| in the kernel | 60,000,000 instructions | 3,000,000,000 instructions | 0.02 |
"""
SVG = "{http://www.w3.org/2000/svg}"


def test_the_one_in_the_documentation_is_of_the_page_beside_it() -> None:
    assert (DOCS / "bench.svg").read_text() == chart.svg((DOCS / "bench.md").read_text())
    assert "(bench.svg)" in (DOCS / "bench.md").read_text()


def test_bars_are_as_long_as_their_numbers() -> None:
    top = ET.fromstring(chart.svg(PAGE))
    texts = [element.text for element in top.iter(f"{SVG}text")]
    assert "1.5 MB (1/8.0)" in texts
    assert "12.0 MB" in texts
    assert "160.0 million (1/25.0)" in texts
    assert "4,000.0 million" in texts
    _, *rects = top.iter(f"{SVG}rect")
    width = [float(rect.attrib["width"]) for rect in rects]
    assert width[0] / width[1] == pytest.approx(1 / 8, abs=0.01)
    assert [one / (width[4] + width[5]) for one in width[2:]] == pytest.approx(
        [0.025, 0.015, 0.25, 0.75], abs=0.01
    )
    # Parts of a bar touch, and nothing is outside.
    assert float(rects[3].attrib["x"]) == float(rects[2].attrib["x"]) + width[2]
    edge = float(top.attrib["width"])
    assert all(float(rect.attrib["x"]) + float(rect.attrib["width"]) < edge for rect in rects)


def test_a_page_without_the_rows() -> None:
    assert chart.shown(PAGE)
    page = PAGE.replace("in the kernel", "elsewhere")
    assert not chart.shown(page)
    with pytest.raises(BenchError) as caught:
        chart.svg(page)
    assert str(caught.value) == "draw chart: in the kernel: the page has no such row"
