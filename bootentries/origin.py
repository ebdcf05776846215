"""Origin files: where a deployment came from, and whether it is pinned."""

from dataclasses import dataclass
from functools import lru_cache

from prepare_root.formats import keyfile

_TRANSIENT = b"libostree-transient"


@dataclass(frozen=True, slots=True)
class Origin:
    """The keys of an origin file that mean something here, and its bytes."""

    data: bytes = b""
    refspec: str | None = None
    container_image: str | None = None
    unconfigured_state: str | None = None
    unlocked: str | None = None
    pinned: bool = False


@lru_cache(maxsize=64)
def parse(data: bytes) -> Origin:
    """Return what an origin file says; raises FormatError with the line."""
    parsed = keyfile.parse(data)

    def text(key: bytes) -> str | None:
        value = parsed.string(b"origin", key)
        return None if value is None else value.decode()

    return Origin(
        data=data,
        refspec=text(b"refspec"),
        container_image=text(b"container-image-reference"),
        unconfigured_state=text(b"unconfigured-state"),
        unlocked=text(b"unlocked"),
        pinned=bool(parsed.boolean(_TRANSIENT, b"pinned")),
    )


def with_pinned(data: bytes, pinned: bool) -> bytes:
    """Return the file with the pin set or taken away; every other line stays as it is."""
    lines = data.split(b"\n")
    group = None
    start = None
    for index, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(b"[") and stripped.endswith(b"]"):
            group = stripped[1:-1]
            start = index if group == _TRANSIENT and start is None else start
        elif group == _TRANSIENT and stripped.partition(b"=")[0].rstrip() == b"pinned":
            lines[index : index + 1] = [b"pinned=true"] if pinned else []
            return b"\n".join(lines)
    if not pinned:
        return data
    if start is not None:
        lines.insert(start + 1, b"pinned=true")
        return b"\n".join(lines)
    gap = b"\n" if data.strip() else b""
    tail = b"" if not data or data.endswith(b"\n") else b"\n"
    return data + tail + gap + b"[" + _TRANSIENT + b"]\npinned=true\n"


def new_origin(refspec: str, pinned: bool = False) -> bytes:
    """Return the file for a deployment that follows `refspec`, as libostree writes it."""
    data = b"[origin]\nrefspec=" + refspec.encode() + b"\n"
    return with_pinned(data, True) if pinned else data
