"""What systemd reads from us: names and texts of units, lines of tmpfiles.d.

Paths come in relative to the root, as links name them, and free of control characters: the
configuration refuses those, since no line of a unit can carry one.  How each place is quoted:

| place                        | rule                                                     |
|------------------------------|----------------------------------------------------------|
| name of a mount unit         | systemd.unit(5), STRING ESCAPING FOR INCLUSION IN UNIT   |
|                              | NAMES                                                    |
| `What=`, `Where=`            | the value as it stands; specifiers (`%`)                 |
| `RequiresMountsFor=`, a path | a word: quotes and backslashes as systemd.syntax(7)      |
| in tmpfiles.d                | says; specifiers                                         |
"""


def mount_name(path: bytes) -> bytes:
    """The name of the mount unit for `/path`."""
    out = b""
    for index, byte in enumerate(path):
        char = bytes((byte,))
        if char == b"/":
            out += b"-"
        elif char.isalnum() or char in (b":", b"_") or (char == b"." and index):
            out += char
        else:
            out += b"\\x%02x" % byte
    return out + b".mount"


def mount(where: bytes, what: bytes, mode: int) -> bytes:
    """A unit that binds `/what` on `/where` once that can be, wherever `/what` comes from.

    systemd makes a missing source of a bind mount itself, with `mode`.
    """
    return (
        b"# written at boot by prepare-root: an empty directory stands where this mounts\n"
        b"[Unit]\n"
        b"Description=Bind %(what)s to %(where)s\n"
        b"RequiresMountsFor=%(word)s\n"
        b"Before=local-fs.target\n"
        b"\n"
        b"[Mount]\n"
        b"What=%(what)s\n"
        b"Where=%(where)s\n"
        b"Type=none\n"
        b"Options=bind\n"
        b"DirectoryMode=%(mode)04o\n"
    ) % {b"what": _value(what), b"where": _value(where), b"word": _word(what), b"mode": mode}


def wants(unit: bytes) -> bytes:
    """A drop-in by which another unit pulls `unit` in; escapes of names stay as they are."""
    return b"[Unit]\nWants=" + unit + b"\n"


def tmpfiles_directory(path: bytes, mode: int) -> bytes:
    """The line of tmpfiles.d that makes the directory `/path`, of root."""
    return b"d %s %04o root root -\n" % (_word(path), mode)


def _value(path: bytes) -> bytes:
    """`/path` as the whole value of a setting.

    A blank at the end would be cut off, and a backslash would join the next line; a slash
    after them changes nothing else.
    """
    end = b"/" if path.endswith((b" ", b"\\")) else b""
    return b"/" + path.replace(b"%", b"%%") + end


def _word(path: bytes) -> bytes:
    """`/path` as one word of a list, in quotes where it needs them.

    Nothing is escaped but what quotes ask for: C escapes such as `\\x20` are read by newer
    systemd-tmpfiles only, and never in a unit's list of paths.
    """
    text = b"/" + path.replace(b"%", b"%%")
    if not any(char in text for char in (b" ", b"\\", b'"', b"'")):
        return text
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
