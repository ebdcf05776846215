"""What the timed process prints."""

import pytest

from bench import preparation
from bench.errors import BenchError


def test_reading() -> None:
    assert preparation.reading("0.00503 0\n", "ours") == 0.00503


def test_a_failed_preparation_is_not_a_time() -> None:
    with pytest.raises(BenchError, match="prepare root: peer: exit status 1"):
        preparation.reading("0.001 1\n", "peer")


@pytest.mark.parametrize("text", ["", "0.1\n", "x 0\n"])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|convert"):
        preparation.reading(text, "ours")
