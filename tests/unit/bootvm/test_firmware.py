"""OVMF is found where it is named, else in the cache, else where Debian puts it."""

from pathlib import Path

import pytest

from bootvm import firmware
from bootvm.errors import BootvmError


def provide(directory: Path) -> tuple[Path, Path]:
    directory.mkdir(parents=True)
    pair = directory / "OVMF_CODE_4M.fd", directory / "OVMF_VARS_4M.fd"
    for path in pair:
        path.write_bytes(b"")
    return pair


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(firmware.VARIABLE, raising=False)
    monkeypatch.setattr(firmware, "SYSTEM", tmp_path / "system")


def test_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = provide(tmp_path / "system")
    assert firmware.find() == system
    cached = provide(tmp_path / "cache/bootchain/bootvm/ovmf")
    assert firmware.find() == cached
    named = provide(tmp_path / "named")
    monkeypatch.setenv(firmware.VARIABLE, str(tmp_path / "named"))
    assert firmware.find() == named


def test_named_but_empty_does_not_fall_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide(tmp_path / "system")
    monkeypatch.setenv(firmware.VARIABLE, str(tmp_path))
    with pytest.raises(BootvmError, match=r"no OVMF_CODE_4M.fd there \(from BOOTVM_OVMF\)"):
        firmware.find()


def test_none_names_the_package() -> None:
    with pytest.raises(BootvmError, match="no OVMF") as caught:
        firmware.find()
    assert "ovmf" in caught.value.hint
