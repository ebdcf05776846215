"""The root partition by its type, on disks that sgdisk wrote and a sysfs of the test's own."""

import os
import shutil
import subprocess

import pytest

from prepare_root import blockdev, gptauto, log
from prepare_root.errors import Failure

pytestmark = pytest.mark.skipif(shutil.which("sgdisk") is None, reason="sgdisk is not installed")

MACHINE = os.uname().machine.encode()
# sgdisk's codes of the types: a root of x86-64 and of aarch64, an EFI partition
CODES = {b"x86_64": "8304", b"aarch64": "8305"}
LOADER = "0f1e2d3c-4b5a-4968-8778-695a4b3c2d1e"

# The partitions of each disk, by their numbers.
ESP, ROOT, HIDDEN, OTHER, SECOND = range(1, 6)


def written(path, *words):
    """The first bytes of a disk with these partitions."""
    own = CODES.get(MACHINE, "")
    other = next(code for machine, code in CODES.items() if machine != MACHINE)
    codes = {ESP: "ef00", ROOT: own, HIDDEN: own, OTHER: other, SECOND: own}
    with path.open("wb") as file:
        file.truncate(8 << 20)
    parts = []
    for number, code in codes.items():
        parts += ["-n", f"{number}:0:+1M", "-t", f"{number}:{code}"]
    hide = ("-A", f"{HIDDEN}:set:63")
    subprocess.run(["sgdisk", *parts, *hide, *words, path], check=True, capture_output=True)
    return path.read_bytes()[: 1 << 20]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A disk, and the loader's: made once, since sgdisk takes a second for each."""
    top = tmp_path_factory.mktemp("gpt")
    return written(top / "any"), written(top / "loader", "-u", f"{ESP}:{LOADER}")


@pytest.fixture
def disks(tmp_path, monkeypatch, tables):
    """Makes a disk of which the kernel shows some partitions, counted from 1."""
    sysfs = tmp_path / "sys/class/block"
    sysfs.mkdir(parents=True)
    monkeypatch.setattr(blockdev, "SYSFS", bytes(sysfs))
    log.to_stderr([])

    def make(name, *numbers, loader=False):
        path = tmp_path / name
        path.write_bytes(tables[loader])
        disk = ".." + str(path.resolve()).replace("/", "!")
        for at, number in enumerate(numbers, 1):
            place = tmp_path / "sys/devices" / disk / f"{name}{at}"
            place.mkdir(parents=True)
            (place / "partition").write_text(f"{number}\n")
            (sysfs / f"{name}{at}").symlink_to(place)

    return make


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([ESP, ROOT], b"/dev/vda2"),
        ([HIDDEN, ROOT], b"/dev/vda2"),
        ([OTHER, ROOT], b"/dev/vda2"),
        ([HIDDEN], None),
        ([OTHER, ESP], None),
    ],
    ids=["by-type", "no-auto-is-passed-over", "of-this-machine", "only-no-auto", "none"],
)
def test_the_only_disk(disks, parts, expected):
    disks("vda", *parts)
    assert gptauto.look(b"") == expected


def test_more_than_one(disks):
    disks("vda", ROOT)
    disks("vdb", ESP, ROOT)
    with pytest.raises(Failure) as caught:
        gptauto.look(b"")
    assert str(caught.value) == (
        "find root device: gpt-auto: more than one root partition: /dev/vda1, /dev/vdb2"
    )
    assert caught.value.hint == (
        "say which with root=PARTUUID=, or set the attribute no-auto of the others"
    )


def test_the_loaders_disk_counts(disks):
    disks("vda", ESP, ROOT)
    assert gptauto.look(LOADER.encode()) is None  # the loader's is not there yet
    disks("vdb", ESP, ROOT, loader=True)
    assert gptauto.look(LOADER.encode()) == b"/dev/vdb2"


def test_two_on_the_loaders_disk(disks):
    disks("vda", ESP, ROOT, SECOND, loader=True)
    with pytest.raises(Failure, match="more than one root partition: /dev/vda2, /dev/vda3"):
        gptauto.look(LOADER.encode())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bytes(4) + f"{LOADER.upper()}\0".encode("utf-16-le"), LOADER.encode()),
        (bytes(4) + LOADER.encode("utf-16-le"), LOADER.encode()),
        (b"", b""),
        (bytes(3), b""),
    ],
)
def test_what_the_loader_says(tmp_path, monkeypatch, content, expected):
    monkeypatch.setattr(gptauto, "VARIABLES", bytes(tmp_path))
    (tmp_path / gptauto.LOADER.decode()).write_bytes(content)
    assert gptauto.loader_partition() == expected


def test_a_machine_without_efi(tmp_path, monkeypatch):
    monkeypatch.setattr(gptauto, "VARIABLES", bytes(tmp_path / "none"))
    assert gptauto.loader_partition() == b""
