"""Loading the image's kernel modules: those that the machine's devices and mounts ask for.

The image has two lists.  The first names every module in an order in which all of them can be
loaded, a line each: path and parameters.  The second says what asks for which, by the numbers
of lines in the first, dependencies before what depends on them:

    alias PATTERN NUMBER...     a device with this modalias (glob, as in modules.alias)
    fs NAME NUMBER...           a filesystem that is to be mounted
    always NUMBER...            nothing asks, so it is loaded at the start

An image without the second list has everything loaded at the start.
"""

import errno

import _bootsys

from prepare_root import files, log
from prepare_root.constants import O_RDONLY
from prepare_root.errors import reason_of, show

LIST = b"/usr/lib/bootchain/modules"
INDEX = b"/usr/lib/bootchain/module-index"
BUSES = b"/sys/bus"

Numbers = tuple[int, ...]


class Index:
    """The second list: aliases by the word before their first colon, filesystems, the rest."""

    __slots__ = ("aliases", "always", "filesystems")

    def __init__(self) -> None:
        self.aliases: dict[bytes, list[tuple[bytes, Numbers]]] = {}
        self.filesystems: dict[bytes, Numbers] = {}
        self.always: Numbers = ()


class _Image:
    """What the image has, and what of it is loaded; empty as a service of another initramfs."""

    __slots__ = ("asked", "index", "loaded", "modules", "seen")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Know of nothing."""
        self.modules: list[tuple[bytes, bytes]] = []
        self.index = Index()
        self.asked: list[Numbers] = []
        self.loaded: set[int] = set()
        self.seen: set[bytes] = set()


_image = _Image()


def parse(text: bytes) -> list[tuple[bytes, bytes]]:
    """(path, parameters) for each line; blank lines and `#` comments are skipped."""
    found = []
    for line in text.split(b"\n"):
        path, _, parameters = line.strip().partition(b" ")
        if path and not path.startswith(b"#"):
            found.append((path, parameters.strip()))
    return found


def parse_index(text: bytes, count: int) -> Index:
    """The second list, for a first one of `count` modules; what is malformed is passed over."""
    index = Index()
    for line in text.split(b"\n"):
        words = line.split()
        kind = words[0] if words else b""
        names = 1 if kind in (b"alias", b"fs") else 0
        # int() refuses thousands of digits with an error of its own
        numbers = tuple(int(w) for w in words[1 + names :] if w.isdigit() and len(w) < 10)
        if not numbers or any(number >= count for number in numbers):
            continue
        if kind == b"alias":
            index.aliases.setdefault(_bus(words[1]), []).append((words[1], numbers))
        elif kind == b"fs":
            index.filesystems[words[1]] = numbers
        elif kind == b"always":
            index.always += numbers
    return index


def matches(pattern: bytes, text: bytes) -> bool:
    """Whether a glob of modules.alias (`*`, `?`, `[...]` with ranges) matches all of `text`."""
    at = mark = place = 0
    star = -1
    while at < len(text):
        end = _one(pattern, place, text[at])
        if place < len(pattern) and pattern[place] == 0x2A:  # *
            star, mark = place, at
            place += 1
        elif end:
            place = end
            at += 1
        elif star >= 0:
            mark += 1
            at, place = mark, star + 1
        else:
            return False
    return not pattern[place:].strip(b"*")


def _one(pattern: bytes, place: int, byte: int) -> int:
    """Where the pattern goes on when what is at `place` matches `byte`, else 0."""
    if place >= len(pattern):
        return 0
    char = pattern[place]
    if char != 0x5B:  # [
        return place + 1 if char in (byte, 0x3F) else 0
    end = pattern.find(b"]", place + 2)
    if end < 0:
        return place + 1 if char == byte else 0
    inside = pattern[place + 1 : end]
    negated = inside[:1] in (b"!", b"^")
    inside = inside[negated:]
    found = False
    spot = 0
    while spot < len(inside):
        last = spot + 2 if inside[spot + 1 : spot + 2] == b"-" and spot + 2 < len(inside) else spot
        found = found or inside[spot] <= byte <= inside[last]
        spot = last + 1
    return end + 1 if found != negated else 0


def _bus(alias: bytes) -> bytes:
    return alias.partition(b":")[0]


def start() -> None:
    """Read the image's lists, and load what nothing will ask for."""
    _image.reset()
    text = _read(LIST)
    if text is None:
        return
    _image.modules = parse(text)
    index = _read(INDEX)
    if index is None:
        load_all()
        return
    _image.index = parse_index(index, len(_image.modules))
    _load_numbers(_image.index.always)


def load_all() -> None:
    """Load every module of the image that is not loaded yet, in order."""
    _load_numbers(tuple(range(len(_image.modules))))


def load_next() -> bool:
    """Load what one device asks for that has not been served; False when there is none.

    The device with the fewest modules first: after each call the root device may be there,
    and then whatever the others need can wait for the system.
    """
    if _image.index.aliases:
        _find_devices()
    while _image.asked:
        _image.asked.sort(key=len, reverse=True)
        if _load_numbers(_image.asked.pop()):
            return True
    return False


def for_filesystem(name: bytes) -> None:
    """Load what mounting a filesystem of this type needs, where the image has it."""
    _load_numbers(_image.index.filesystems.get(name, ()))


def _find_devices() -> None:
    """Note what the devices ask for that have appeared since the last time."""
    for bus in _names(BUSES):
        devices = BUSES + b"/" + bus + b"/devices/"
        for device in _names(devices):
            path = devices + device
            if path not in _image.seen:
                _image.seen.add(path)
                numbers = _asked_for(_alias(path, bus))
                if numbers:
                    _image.asked.append(numbers)


def _alias(device: bytes, bus: bytes) -> bytes:
    """What a device of `bus` calls itself, or nothing, as most do on a bus like memory or cpu."""
    try:
        return files.read(device + b"/modalias").strip()
    except OSError:
        pass
    # Cards of the bus mmc say it in their event alone.
    if bus in _image.index.aliases:
        try:
            for line in files.read(device + b"/uevent").split(b"\n"):
                if line.startswith(b"MODALIAS="):
                    return line[len(b"MODALIAS=") :]
        except OSError:
            pass
    return b""


def _asked_for(alias: bytes) -> Numbers:
    found: list[int] = []
    for pattern, numbers in _image.index.aliases.get(_bus(alias), ()):
        if matches(pattern, alias):
            found += numbers
    return tuple(found)


def _load_numbers(numbers: Numbers) -> bool:
    """Load modules by number, but those that are loaded; False when that is all of them.

    One that fails is a note, never the end: whether something is missing shows when the root
    device does not come up.
    """
    due = [number for number in numbers if number not in _image.loaded]
    for number in due:
        _image.loaded.add(number)
        path, parameters = _image.modules[number]
        try:
            _load(path, parameters)
        except OSError as error:
            # EEXIST: already there; ENODEV: for hardware that this machine has not.
            if error.errno not in (errno.EEXIST, errno.ENODEV):
                log.warning(f"load module: {show(path)}: {reason_of(error)}")
    return bool(due)


def _load(path: bytes, parameters: bytes) -> None:
    fd = _bootsys.open(path, O_RDONLY)
    try:
        _bootsys.finit_module(fd, parameters, 0)
    finally:
        _bootsys.close(fd)


def _read(path: bytes) -> bytes | None:
    try:
        return files.read_if_exists(path)
    except OSError as error:
        log.warning(f"load modules: {show(path)}: {reason_of(error)}")
        return None


def _names(path: bytes) -> list[bytes]:
    try:
        return _bootsys.listdir(path)
    except OSError:
        return []
