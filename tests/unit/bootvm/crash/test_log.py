"""Reading what QEMU recorded."""

from pathlib import Path

import pytest
from blklog import A_FLUSH, DISCARD, FLUSH, FUA, fill, text, write

from bootvm.crash.log import SECTOR, Log, Write, count, parse
from bootvm.errors import BootvmError

REQUESTS = [
    write(3, fill("a", 2)),
    A_FLUSH,
    write(9, fill("b"), FUA),
    write(4, fill("c", 3), DISCARD),
    write(1, fill("d"), FLUSH),
]


def test_requests_in_order(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(text(REQUESTS))
    with Log(tmp_path / "log") as log:
        assert [(one.offset // SECTOR, one.sectors, one.is_flush) for one in log.writes] == [
            (3, 2, False),
            (0, 0, True),
            (9, 1, False),
            (4, 3, False),
            (0, 0, True),  # a flush that carries data comes first
            (1, 1, False),
        ]
        assert [one.is_fua for one in log.writes] == [False, False, True, False, False, False]
        data = [log.data(one) for one in log.writes]
    assert data == [fill("a", 2), b"", fill("b"), bytes(3 * SECTOR), b"", fill("d")]


def test_unfinished_last_entry_is_left_out(tmp_path: Path) -> None:
    whole = text(REQUESTS[:2])  # super sector, header, two sectors of data, flush
    for cut in range(SECTOR, len(whole)):
        assert len(parse(whole[:cut])) == (1 if cut >= 4 * SECTOR else 0)
    assert len(parse(whole + bytes(4 * SECTOR))) == 2


def test_a_missing_entry_is_named() -> None:
    whole = text(REQUESTS, counted=len(REQUESTS))
    assert len(parse(whole)) == 6
    assert len(parse(whole[:-SECTOR], running=True)) == 4
    with pytest.raises(BootvmError, match="read log: entry 4: it is missing, of 5"):
        parse(whole[:-SECTOR])
    hole = 4 * SECTOR  # the flush
    with pytest.raises(BootvmError, match="read log: entry 1: it is missing, of 5"):
        parse(whole[:hole] + bytes(SECTOR) + whole[hole + SECTOR :])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "read log: super sector: the log is empty"),
        (bytes(SECTOR), "not a log of writes (magic 0x0, version 0)"),
        (text([])[:8] + b"\2" + text([])[9:], "version 2)"),
    ],
    ids=["empty", "zeros", "version"],
)
def test_not_a_log(data: bytes, said: str) -> None:
    with pytest.raises(BootvmError) as error:
        parse(data)
    assert said in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BootvmError, match=r"read log: .*/none: .*No such file"):
        Log(tmp_path / "none")


def test_count_before_and_after_the_first(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"")
    assert count(path) == 0
    path.write_bytes(text(REQUESTS))
    assert count(path) == 6


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Write(is_flush=True), "flush"),
        (Write(1024, 1024), "write sectors 2-3"),
        (Write(0, 512, is_fua=True), "write sectors 0-0 (FUA)"),
        (Write(0, 512, is_discard=True), "discard sectors 0-0"),
    ],
)
def test_describe(one: Write, said: str) -> None:
    assert one.describe() == said
