"""Other programs: what they said joins the error."""

import os
from pathlib import Path

import pytest

from prepare_root.image import run as run_module
from prepare_root.image.errors import ImageError
from prepare_root.image.run import attempt, run, which


def test_output_input_and_directory(tmp_path: Path) -> None:
    assert run(("cat",), "copy", "text", stdin=b"in") == b"in"
    assert run(("pwd",), "ask", "cwd", cwd=tmp_path) == f"{tmp_path}\n".encode()


def test_locale_is_c() -> None:
    assert b"LC_ALL=C\n" in run(("env",), "ask", "environment")


def test_failure_carries_the_last_line() -> None:
    with pytest.raises(ImageError) as caught:
        run(("sh", "-c", "echo first >&2; echo last >&2; exit 3"), "try", "it")
    assert str(caught.value) == "try: it: sh failed (3): last"


def test_silent_failure() -> None:
    with pytest.raises(ImageError, match=r"^try: it: false failed \(1\): no message$"):
        run(("false",), "try", "it")


def test_attempt_returns_the_status() -> None:
    assert attempt(("false",), "try").returncode == 1


@pytest.mark.parametrize(
    ("program", "package"), [("depmod", "kmod"), ("no-such-program", "no-such-program")]
)
def test_missing_program_names_its_package(
    program: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SEARCH", ("/nonexistent",))
    with pytest.raises(ImageError, match=f"^try: {program}: program not found$") as caught:
        attempt((program,), "try")
    assert caught.value.hint == f"install the Debian package {package}"


def test_which() -> None:
    assert which("sh") is not None
    assert which("depmod") is not None  # in sbin, which may not be on PATH
    assert which("no-such-program") is None


def test_which_passes_over_directories_that_it_may_not_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    monkeypatch.setattr(run_module, "SEARCH", (str(closed), "/bin"))
    if os.geteuid() != 0:
        assert which("sh") == Path("/bin/sh")
        return
    os.seteuid(65534)  # root may search everything
    try:
        assert which("sh") == Path("/bin/sh")
    finally:
        os.seteuid(0)
