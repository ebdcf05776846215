"""The static executable: built for real, run for real."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from prepare_root import VERSION
from prepare_root.image import binary, cli, toolchain
from prepare_root.image.errors import ImageError

# What the core-only dialect rests on; each line of output is asserted below.
DIALECT = r"""
import _bootsys
import errno
import sys
from pkg.sub import helper


class Slotted:
    __slots__ = ("__private", "public")

    def __init__(self, value: int | None) -> None:
        self.__private = value
        self.public: "list[bytes]" = []

    def get(self) -> int | None:
        return self.__private


def say(data: bytes) -> None:
    _bootsys.write(1, data + b"\n")


def attempt(name: str, call, *args) -> None:
    try:
        call(*args)
        say(name.encode() + b": passed")
    except Exception as error:
        say(f"{name}: {type(error).__name__}: {error}".encode("utf-8", "backslashreplace"))


def run(argv: list[bytes], environ: list[bytes]) -> int:
    word = argv[1] if argv[1:] else b""
    if word == b"raise":
        return helper.divide(1, 0)
    if word == b"exit":
        raise SystemExit(3)
    if word == b"status":
        return 7
    say(b"argv " + b"|".join(argv[1:]))
    say(b"environ " + b"|".join(environ))
    try:
        _bootsys.open(b"/no\xffsuch", 0)
    except OSError as error:
        say(str(error).encode())
        say(repr((error.errno == errno.ENOENT, error.filename)).encode())
    say(b"a\xff".decode("utf-8", "surrogateescape").encode("utf-8", "surrogateescape"))
    say("\xe4".encode("latin-1") + b"\xe4".decode("latin-1").encode())
    say(b"\xff".decode("ascii", "backslashreplace").encode("ascii"))
    say(b"\xfe".decode("utf-8", "backslashreplace").encode("ascii"))
    say("\xe4\u20ac".encode("ascii", "backslashreplace"))
    say(str(Slotted(5).get()).encode())
    say(f"{1.5:.3f} {10:#x} {'x':>4}".encode())
    say(b"%d %s" % (3, b"four"))
    say(" ".join(sorted(sys.builtin_module_names)).encode())
    attempt("parse", eval, "1 + 1")
    attempt("import", __import__, "os")
    attempt("utf-7", "x".encode, "utf-7")
    say(helper.__doc__.encode() if helper.__doc__ else b"no docstring")
    return 0
"""

EXPECTED = b"""\
argv one|t\xffwo
environ A=1|B=\xfe
[Errno 2] No such file or directory: b'/no\\xffsuch'
(True, b'/no\\xffsuch')
a\xff
\xe4\xc3\xa4
\\xff
\\xfe
\\xe4\\u20ac
5
1.500 0xa    x
3 four
_bootsys _imp _thread _warnings _weakref builtins errno sys
parse: RuntimeError: the parser is not part of this executable
import: ModuleNotFoundError: No module named 'os'
utf-7: LookupError: no codec search functions registered: can't find encoding
no docstring
"""


def write_package(root: Path) -> Path:
    (root / "pkg" / "sub").mkdir(parents=True)
    (root / "pkg" / "__init__.py").write_text("")
    (root / "pkg" / "sub" / "__init__.py").write_text("")
    (root / "pkg" / "sub" / "helper.py").write_text(
        '"""Text."""\n\n\ndef divide(a: int, b: int) -> float:\n    return a / b\n'
    )
    (root / "pkg" / "main.py").write_text(DIALECT)
    return root


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An executable of the package above."""
    root = write_package(tmp_path_factory.mktemp("small"))
    binary.build(root / "small", entry="pkg.main", package_roots=(root,))
    return root / "small"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executable itself, through the command line."""
    out = tmp_path_factory.mktemp("real") / "prepare-root"
    result = CliRunner().invoke(
        cli.group, ["binary", str(out), "--keep-objects", str(out.parent / "objects")]
    )
    assert result.exit_code == 0, result.output
    assert f"==> wrote {out}: {out.stat().st_size} bytes\n" in result.output
    return out


def start(program: Path, *args: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [os.fsencode(program), *args],
        env={b"A": b"1", b"B": b"\xfe"},  # type: ignore[dict-item]
        capture_output=True,
        check=False,
    )


def test_dialect(small: Path) -> None:
    done = start(small, b"one", b"t\xffwo")
    assert (done.stdout, done.stderr, done.returncode) == (EXPECTED, b"", 0)


def test_status_is_what_run_returns(small: Path) -> None:
    assert start(small, b"status").returncode == 7


def test_traceback_goes_to_stderr(small: Path) -> None:
    done = start(small, b"raise")
    assert (done.stdout, done.returncode) == (b"", 70)
    lines = done.stderr.decode().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert '  File "<pkg/sub/helper.py>", line 5, in divide' in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_system_exit_is_no_way_out(small: Path) -> None:
    done = start(small, b"exit")
    assert done.returncode == 70
    assert done.stderr == b"RuntimeError: SystemExit raised; run() returns the status\n"


def test_version_and_size(real: Path) -> None:
    done = start(real, b"--version")
    assert (done.stdout, done.returncode) == (f"prepare-root {VERSION}\n".encode(), 0)


def test_opens_no_file(real: Path, tmp_path: Path) -> None:
    """And asks for no random bytes, which may not be there so early in a boot."""
    log = tmp_path / "strace"
    subprocess.run(
        ["strace", "-f", "-o", log, "-e", "trace=%file,getrandom", real, "--version"],
        check=True,
        capture_output=True,
    )
    lines = [line.split(None, 1)[1] for line in log.read_text().splitlines()]
    allowed = [r"execve\(.*", r"\+\+\+ exited with 0 \+\+\+"]
    assert len(lines) == len(allowed), lines
    assert all(map(re.fullmatch, allowed, lines)), lines


def test_same_bytes_in_another_place(real: Path, tmp_path: Path) -> None:
    """Elsewhere, with another umask, environment and working directory."""
    copy = tmp_path / "elsewhere" / "deeper"
    copy.mkdir(parents=True)
    subprocess.run(["cp", "-r", binary.PACKAGE_ROOT / "prepare_root", copy], check=True)
    out = copy / "other-name"
    binary.build(out, package_roots=(copy,), keep_objects=copy / "objects")
    assert out.read_bytes() == real.read_bytes()
    notice = out.with_name("other-name.NOTICE").read_bytes()
    assert notice == real.with_name("prepare-root.NOTICE").read_bytes()


def test_notice(real: Path) -> None:
    python, compiler = toolchain.find_python(), toolchain.find_compiler()
    text = real.with_name("prepare-root.NOTICE").read_text()
    sodium = toolchain.find_sodium(compiler)
    for line in (
        f"bootchain {VERSION}",
        f"CPython {python.release}",
        f"Library {compiler.libc}",
        f"libsodium {sodium.release}",
    ):
        assert f"{line}\n" in text
    assert "Python Software Foundation License 2.0" in text
    assert "ISC License" in text


def test_kept_objects_link_again(real: Path) -> None:
    objects = real.parent / "objects"
    subprocess.run([objects / "relink"], check=True, cwd="/", capture_output=True)
    subprocess.run(["strip", objects / "prepare-root"], check=True)
    assert (objects / "prepare-root").read_bytes() == real.read_bytes()


def test_forbidden_import_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pkg.py").write_text("import os\n")
    with pytest.raises(ImageError, match=r"^freeze: os: not available .*\(pkg line 1\)$"):
        binary.build(tmp_path / "out", entry="pkg", package_roots=(tmp_path,))
    assert not (tmp_path / "out").exists()


def test_errors_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["binary", str(tmp_path / "out"), "--entry", "no_such"])
    assert caught.value.code == 1
    assert capsys.readouterr().err == (
        "prepare-root-image: freeze: no_such: not available in the executable (entry module)\n"
        "hint: only _bootsys, errno, sys and the package itself can be imported\n"
    )


def test_cached_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    steps: list[str] = []
    path = binary.cached(steps.append)
    assert path.is_relative_to(tmp_path / "bootchain")
    assert steps
    steps.clear()
    assert binary.cached(steps.append) == path
    assert not steps
