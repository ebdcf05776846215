"""The image's lists of kernel modules, and who is served from them, when."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root import kmodules, log


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"\n\n  \n# comment\n  # another\n", []),
        (b"/m/a.ko", [(b"/m/a.ko", b"")]),
        (b"/m/a.ko\n/m/b.ko\n", [(b"/m/a.ko", b""), (b"/m/b.ko", b"")]),
        (b"/m/b.ko\n/m/a.ko\n/m/b.ko", [(b"/m/b.ko", b""), (b"/m/a.ko", b""), (b"/m/b.ko", b"")]),
        (b"  /m/a.ko   x=1 y=2  \r\n", [(b"/m/a.ko", b"x=1 y=2")]),
        (b'/m/a.ko dyndbg="file x +p"', [(b"/m/a.ko", b'dyndbg="file x +p"')]),
        (b"/m/a#b.ko", [(b"/m/a#b.ko", b"")]),
        (b"/m/\xff.ko", [(b"/m/\xff.ko", b"")]),
    ],
)
def test_parse(text, expected):
    assert kmodules.parse(text) == expected


INDEX = b"""\
alias pci:v*d*bc01sc06* 0 1
alias pci:v0000105Ad* 0 1
fs xfs 2 3

nonsense 1
alias lonely
fs
always 4
always 0
alias virtio:d2v* 9
fs far x 1 99
"""


def test_parse_index():
    index = kmodules.parse_index(INDEX, 5)
    patterns = [b"pci:v*d*bc01sc06*", b"pci:v0000105Ad*"]
    assert index.aliases == {b"pci": [(pattern, (0, 1)) for pattern in patterns]}
    assert index.filesystems == {b"xfs": (2, 3)}
    assert index.always == (4, 0)


MATCHES = [
    (b"", b"", True),
    (b"*", b"", True),
    (b"a", b"", False),
    (b"pci:v*d*bc01*", b"pci:v0001d0002sv0bc0106", True),
    (b"pci:v*d*bc02*", b"pci:v0001d0002sv0bc0106", False),
    (b"a?c", b"abc", True),
    (b"a?c", b"ac", False),
    (b"*ab", b"aab", True),
    (b"*a*b*", b"xxaxxbxx", True),
    (b"usb:v[0-9]*", b"usb:v7x", True),
    (b"usb:v[0-9A-F]z", b"usb:vGz", False),
    (b"[!a]b", b"cb", True),
    (b"[!a]b", b"ab", False),
    (b"[]a]b", b"]b", True),
    (b"[a-]b", b"-b", True),
    (b"[ab", b"[ab", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), MATCHES)
def test_matches(pattern, text, expected):
    assert kmodules.matches(pattern, text) is expected


@given(st.text("ab:*?", max_size=8), st.text("ab:", max_size=10))
def test_matches_as_the_library_does(pattern, text):
    assert kmodules.matches(pattern.encode(), text.encode()) == fnmatch.fnmatchcase(text, pattern)


class Image:
    """Lists with modules that are not there: each try to load one is a line of its own."""

    def __init__(self, top, monkeypatch, capfd):
        self.top = top
        self.capfd = capfd
        (top / "bus").mkdir()
        for name, path in (("LIST", "list"), ("INDEX", "index"), ("BUSES", "bus")):
            monkeypatch.setattr(kmodules, name, bytes(top / path))
        log.to_stderr([])

    def write(self, index=None, count=6):
        names = "".join(f"{self.top}/{'abcdef'[number]}.ko\n" for number in range(count))
        (self.top / "list").write_text(names)
        if index is not None:
            (self.top / "index").write_text(index)

    def device(self, bus, name, alias):
        path = self.top / "bus" / bus / "devices" / name
        path.mkdir(parents=True)
        if alias is not None:
            (path / "modalias").write_text(f"{alias}\n")

    def tried(self):
        """The letters of the modules that were tried since the last time, in order."""
        lines = self.capfd.readouterr().err.splitlines()
        start, end = f"prepare-root: load module: {self.top}/", ".ko: No such file or directory"
        assert all(line.startswith(start) and line.endswith(end) for line in lines), lines
        return "".join(line.removeprefix(start).removesuffix(end) for line in lines)


@pytest.fixture
def image(tmp_path, monkeypatch, capfd):
    return Image(tmp_path, monkeypatch, capfd)


def test_without_an_index_everything_is_loaded_at_the_start(image):
    image.write()
    kmodules.start()
    assert image.tried() == "abcdef"
    image.device("pci", "0", "pci:x")
    assert kmodules.load_next() is False
    kmodules.load_all()
    kmodules.for_filesystem(b"xfs")
    assert image.tried() == ""


def test_devices_are_served_one_by_one_the_cheapest_first(image):
    image.write("alias pci:* 0 1\nalias virtio:d2* 2\nfs xfs 3\nalways 4\n")
    image.device("pci", "0", "pci:v1")
    image.device("memory", "0", None)
    image.device("virtio", "0", "virtio:d2v3")
    image.device("virtio", "1", "virtio:d9v3")
    kmodules.start()
    assert image.tried() == "e"
    assert kmodules.load_next() is True
    assert image.tried() == "c"
    assert kmodules.load_next() is True
    assert image.tried() == "ab"
    assert kmodules.load_next() is False
    # what appears later is served, too, unless another device had the same wish
    image.device("pci", "1", "pci:v2")
    assert kmodules.load_next() is False
    kmodules.for_filesystem(b"xfs")
    kmodules.for_filesystem(b"xfs")
    kmodules.for_filesystem(b"ext4")
    assert image.tried() == "d"
    kmodules.load_all()
    assert image.tried() == "f"


def test_a_bus_that_a_driver_brings(image):
    image.write("alias pci:* 0\nalias scsi:* 0 1\n")
    image.device("pci", "0", "pci:v1")
    kmodules.start()
    assert kmodules.load_next() is True
    image.device("scsi", "0:0", "scsi:t-0x00")
    assert kmodules.load_next() is True
    assert image.tried() == "ab"


def test_a_device_that_says_it_in_its_event_alone(image):
    """As the kernel's memory cards do; of a bus that the image knows nothing for it is not read."""
    image.write("alias mmc:block 0\nalias other:x 1\n")
    for bus, name, alias in (("mmc", "mmc0:1", "mmc:block"), ("cpu", "cpu0", "other:x")):
        image.device(bus, name, None)
        text = f"DRIVER=x\nMODALIAS={alias}\n"
        (image.top / "bus" / bus / "devices" / name / "uevent").write_text(text)
    image.device("mmc", "mmc1:1", None)
    kmodules.start()
    assert kmodules.load_next()
    assert not kmodules.load_next()
    assert image.tried() == "a"


def test_no_image_of_ours(image):
    image.device("pci", "0", "pci:v1")
    kmodules.start()
    assert kmodules.load_next() is False
    kmodules.load_all()
    kmodules.for_filesystem(b"ext4")
    assert image.tried() == ""


def test_what_cannot_be_loaded_is_a_note_and_the_next_is_tried(image):
    (image.top / "b.ko").write_bytes(b"no module at all")
    image.write(count=2)
    kmodules.start()
    first, second = image.capfd.readouterr().err.splitlines()
    assert first.endswith("/a.ko: No such file or directory")
    # to root, to anybody else, and by a kernel without modules
    reasons = ("Exec format error", "Operation not permitted", "Function not implemented")
    assert second in {f"prepare-root: load module: {image.top}/b.ko: {why}" for why in reasons}


@pytest.mark.parametrize("name", ["list", "index"])
def test_a_list_that_cannot_be_read(image, name):
    image.write()
    (image.top / name).unlink(missing_ok=True)
    (image.top / name).mkdir()
    kmodules.start()
    error = image.capfd.readouterr().err.splitlines()[0]
    assert error == f"prepare-root: load modules: {image.top}/{name}: Is a directory"
