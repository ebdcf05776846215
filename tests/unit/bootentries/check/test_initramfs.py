"""Findings about configurations in an initramfs; what is refused is in test_preflight.py."""

import stat
from pathlib import Path

from bootentries.check.finding import Report
from bootentries.check.initramfs import check_initramfs
from bootentries.deployment import Entry
from bootentries.entries.bls import new_entry
from bootentries.preflight import CONFIGS
from bootentries.sysroot import load
from prepare_root.image.cpio import TRAILER, Member


def image(config: bytes) -> bytes:
    member = Member(CONFIGS[1], stat.S_IFREG | 0o644, data=config)
    return member.encode() + Member(TRAILER, 0).encode()


def put(tree: Path, data: bytes) -> None:
    (tree / "usr/lib/modules/6.1/initramfs.img").write_bytes(data)


def found(root, items) -> list[tuple[str, str]]:
    report = Report()
    check_initramfs(root, items, report)
    return [(finding.code.name, finding.place) for finding in report.findings]


def test_each_deployment_is_looked_at(fake, root, run):
    items = load(root, run).deployments
    assert found(root, items) == []  # what is there is no archive, and says nothing
    put(fake.deployment(1), image(b"[etc]\ntransient = perhaps\n"))
    place = f"{items[1].path}/usr/lib/modules/6.1/initramfs.img: {CONFIGS[1]}"
    assert found(root, items) == [("initramfs-config", place)]


def test_an_overlay_wins(fake, root, run):
    (item, _) = load(root, run).deployments
    put(fake.deployment(), image(b"[composefs]\nenabled = yes\n"))
    assert len(found(root, (item,))) == 1
    name = f"{'c' * 64}.img"
    directory = fake.path / "boot/ostree/initramfs-overlays"
    directory.mkdir()
    (directory / name).write_bytes(image(b""))
    entry = Entry("e", new_entry().with_values("initrd", ("/i", f"/x/{name}")))
    item = type(item)(item.stateroot, item.checksum, item.serial, item.bootcsum, entry=entry)
    assert found(root, (item,)) == []
    # One that is missing is a finding of its own.
    (directory / name).unlink()
    assert found(root, (item,)) == []
