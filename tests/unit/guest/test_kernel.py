"""What is kept of a kernel's package."""

from pathlib import Path

import pytest

from guest import kernel
from guest.kernel import Kernel

RELEASE = "6.12.1-test"


@pytest.mark.parametrize("older", [True, False], ids=["in-boot", "with-its-modules"])
def test_settle(tmp_path: Path, older: bool) -> None:
    modules = tmp_path / "usr/lib/modules" / RELEASE
    for name in ("boot", "etc", "usr/share/doc", "usr/lib/initramfs-tools"):
        (tmp_path / name).mkdir(parents=True)
    (modules / "kernel").mkdir(parents=True)
    for name in ("modules.order", "modules.builtin"):
        (modules / name).touch()
    for name in ("vmlinuz", "config"):
        (tmp_path / f"boot/{name}-{RELEASE}" if older else modules / name).write_text(name)
    (tmp_path / f"boot/System.map-{RELEASE}").touch()
    kernel.settle(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lib", "usr"]
    assert [path.name for path in (tmp_path / "usr/lib").iterdir()] == ["modules"]
    made = Kernel(tmp_path, RELEASE)
    assert made.vmlinuz.read_text() == "vmlinuz"
    assert (made.modules / "config").read_text() == "config"
    assert (made.modules / "modules.dep.bin").is_file()
