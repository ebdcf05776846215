"""Key files: our reading, and GLib's reading of the same bytes."""

import json
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import keyfile
from prepare_root.formats.keyfile import KeyFileError

SAMPLE = b"""# comment
  # comment with blanks before it

[sysroot]
readonly = true
bootloader=none
  padded  =  a b\x20
bootloader=grub2
[core]\x20\t
mode=bare
[sysroot]
bootprefix=0 \r
escaped=a\\sb\\n\\t\\r\\\\
name[de]=x
empty=
"""

# text, and whether GLib takes it: a table of what is legal, checked against GLib below
LEGAL = [
    SAMPLE,
    b"",
    b"\n\n#x\n",
    b"[g]\nk=v",
    b"[g]\nk==v\n",
    b" [g]\n k = v \n",
    b"[g]\nk v=1\n",
    b"[g h]\nk=1\n",
    b"[g]\nk.x-1_y/z=1\n",
]
ILLEGAL = [
    (b"k=v\n", "line 1: a key comes before the first group"),
    (b"[g]\nword\n", "line 2: 'word' is not a key, a group or a comment"),
    (b"[g]\n=v\n", "line 2: '=v' is not a key, a group or a comment"),
    (b"[g\nk=v\n", "line 1: '[g' is not a key, a group or a comment"),
    (b"[g] x\n", "line 1: '[g] x' is not a key, a group or a comment"),
    (b"[]\n", "line 1: invalid group name ''"),
    (b"[a[b]\n", "line 1: invalid group name 'a[b'"),
    (b"[a\x01]\n", "line 1: invalid group name 'a\\x01'"),
    (b"[g]\nk]=v\n", "line 2: invalid key name 'k]'"),
    (b"[g]\nk[de=v\n", "line 2: invalid key name 'k[de'"),
]


def test_values():
    parsed = keyfile.parse(SAMPLE)
    assert list(parsed.groups) == [b"sysroot", b"core"]
    assert parsed.string(b"sysroot", b"bootloader") == b"grub2"
    assert parsed.raw(b"sysroot", b"padded") == b"a b "
    assert parsed.string(b"sysroot", b"escaped") == b"a b\n\t\r\\"
    assert parsed.string(b"sysroot", b"name[de]") == b"x"
    assert parsed.string(b"sysroot", b"empty") == b""
    assert parsed.boolean(b"sysroot", b"readonly") is True
    assert parsed.boolean(b"sysroot", b"bootprefix") is False
    assert parsed.string(b"core", b"mode") == b"bare"
    assert parsed.string(b"core", b"none") is None
    assert parsed.raw(b"none", b"none") is None
    assert parsed.boolean(b"none", b"none") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"true", True), (b"1", True), (b"false", False), (b"0", False), (b"1  ", True)],
)
def test_booleans(text, value):
    assert keyfile.parse(b"[g]\nk=" + text + b"\n").boolean(b"g", b"k") is value


@pytest.mark.parametrize("text", [b"yes", b"no", b"TRUE", b"", b"2", b"true x"])
def test_what_is_no_boolean(text):
    parsed = keyfile.parse(b"[g]\n\nk=" + text + b"\n")
    with pytest.raises(KeyFileError) as caught:
        parsed.boolean(b"g", b"k")
    expected = f"line 3: [g] k: {text.decode()!r} is not true, 1, false or 0"
    assert str(caught.value) == expected


def test_a_key_that_a_terminal_would_obey():
    """GLib allows it, so it comes as far as an error's text."""
    key = "k\u009b\x1b".encode()
    with pytest.raises(KeyFileError) as caught:
        keyfile.parse(b"[g]\n" + key + b"=x").boolean(b"g", key)
    assert str(caught.value) == ("line 2: [g] k\\xc2\\x9b\\x1b: 'x' is not true, 1, false or 0")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"a\\x", "line 2: [g] k: invalid escape in 'a\\\\x'"),
        (b"a\\", "line 2: [g] k: invalid escape in 'a\\\\'"),
        (b"\xff", "line 2: [g] k: value is not UTF-8"),
    ],
)
def test_bad_strings(text, reason):
    with pytest.raises(KeyFileError) as caught:
        keyfile.parse(b"[g]\nk=" + text + b"\n").string(b"g", b"k")
    assert str(caught.value) == reason


@pytest.mark.parametrize(("text", "reason"), ILLEGAL)
def test_illegal_files(text, reason):
    with pytest.raises(KeyFileError) as caught:
        keyfile.parse(text)
    assert str(caught.value) == reason


GLIB_PROGRAM = """
import json, sys
from gi.repository import GLib
out = []
for text in json.load(sys.stdin):
    data = text.encode("latin-1")
    keyfile = GLib.KeyFile()
    try:
        keyfile.load_from_bytes(GLib.Bytes.new(data), GLib.KeyFileFlags.KEEP_TRANSLATIONS)
    except GLib.Error:
        out.append(None)
        continue
    groups = keyfile.get_groups()[0]
    out.append({g: {k: keyfile.get_value(g, k) for k in keyfile.get_keys(g)[0]} for g in groups})
json.dump(out, sys.stdout)
"""


def glib_reads(texts):
    python = shutil.which("python3", path="/usr/bin")
    probe = [python or "python3", "-c", "from gi.repository import GLib"]
    if python is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("GLib's Python binding (python3-gi) is not installed")
    done = subprocess.run(
        [python, "-c", GLIB_PROGRAM],
        input=json.dumps([text.decode("latin-1") for text in texts]),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_glib_reads_the_same():
    texts = LEGAL + [text for text, _ in ILLEGAL]
    for text, theirs in zip(texts, glib_reads(texts), strict=True):
        try:
            parsed = keyfile.parse(text)
        except KeyFileError:
            assert theirs is None, text
            continue
        ours = {
            group.decode(): {key.decode(): value.decode() for key, (value, _) in keys.items()}
            for group, keys in parsed.groups.items()
        }
        assert theirs == ours, text


@given(st.binary(max_size=80))
def test_any_bytes_end_in_a_value_or_an_error(data):
    try:
        keyfile.parse(data)
    except KeyFileError as error:
        assert str(error).startswith("line ")
