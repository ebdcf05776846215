"""KVM is believed only after a proof, and the proof is remembered."""

import json
from pathlib import Path

import pytest

from bootvm import kvm


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    device = tmp_path / "kvm"
    device.write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kvm, "DEVICE", device)
    monkeypatch.setattr(kvm, "_identity", lambda: "this machine")
    return device


@pytest.mark.parametrize("works", [True, False])
def test_probed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, works: bool) -> None:
    probes: list[Path] = []

    def probe(kernel: Path) -> bool:
        probes.append(kernel)
        return works

    monkeypatch.setattr(kvm, "probe", probe)
    assert kvm.usable(tmp_path / "kernel") is works
    assert kvm.usable(tmp_path / "kernel") is works
    assert probes == [tmp_path / "kernel"]


def test_another_machine_is_probed_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bootchain/bootvm").mkdir(parents=True)
    (tmp_path / "bootchain/bootvm/kvm.json").write_text(json.dumps({"other machine": True}))
    monkeypatch.setattr(kvm, "probe", lambda kernel: False)
    assert kvm.usable(tmp_path / "kernel") is False


def test_broken_memory_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bootchain/bootvm").mkdir(parents=True)
    (tmp_path / "bootchain/bootvm/kvm.json").write_text("{ not json")
    monkeypatch.setattr(kvm, "probe", lambda kernel: True)
    assert kvm.usable(tmp_path / "kernel") is True


def test_no_device_needs_no_probe(
    machine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.unlink()
    monkeypatch.setattr(kvm, "probe", lambda kernel: pytest.fail("probed"))
    assert kvm.usable(tmp_path / "kernel") is False


def test_without_a_kernel_there_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm, "_host_kernel", lambda: None)
    assert kvm.usable() is False
