"""Messages as they arrive at fd 2; each case is a process of its own, as fd 2 is one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BODY = "import os, sys; from prepare_root import log; {}"


def emit(code, **options):
    words = [sys.executable, "-c", BODY.format(code)]
    paths = f"{ROOT}{os.pathsep}" + os.pathsep.join(path for path in sys.path if path)
    environ = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(words, env=environ, check=True, capture_output=True, **options)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("log.info('step')", b"prepare-root: step\n"),
        ("log.to_stderr([b'HOME=/']); log.error('stop')", b"prepare-root: stop\n"),
        ("log.to_stderr([b'JOURNAL_STREAM=8:1']); log.error('e')", b"<3>prepare-root: e\n"),
        ("log.to_stderr([b'JOURNAL_STREAM=8:1']); log.warning('w')", b"<4>prepare-root: w\n"),
        ("log.to_stderr([b'JOURNAL_STREAM=8:1']); log.notice('n')", b"<5>prepare-root: n\n"),
        ("log.to_stderr([b'JOURNAL_STREAM=8:1']); log.info('i')", b"<6>prepare-root: i\n"),
        ("log.to_stderr([b'JOURNAL_STREAMS=']); log.info('i')", b"prepare-root: i\n"),
        # every line of a longer text has its own prefix
        ("log.info('a' + chr(10) + 'b')", b"prepare-root: a\nprepare-root: b\n"),
        ("log.info(chr(0xdcff))", b"prepare-root: \\udcff\n"),
        ("log.info(chr(0xe4))", b"prepare-root: \xc3\xa4\n"),
    ],
)
def test_lines(code, lines):
    done = emit(code)
    assert (done.stdout, done.stderr) == (b"", lines)


def test_a_closed_sink_stops_nothing():
    assert emit("os.close(2); log.error('lost'); print('on')").stdout == b"on\n"
