"""GVariant against published bytes, against GLib itself, and against its own laws."""

import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prepare_root.formats.gvariant import GVariantError, Variant, decode, encode

STAGED = bytes.fromhex(
    "74617267657400006e616d650000000061622e30000073056f736e616d6500006f73000073070000626f6f74"
    "6373756d0000000000000000636400007309101e3600617b73767d076b61726773000000717569657400726f"
    "6f743d7800060d006173064863"
)
STAGED_VALUE = {
    "target": Variant(
        "a{sv}",
        {
            "name": Variant("s", "ab.0"),
            "osname": Variant("s", "os"),
            "bootcsum": Variant("s", "cd"),
        },
    ),
    "kargs": Variant("as", ["quiet", "root=x"]),
}
COMMIT = "(a{sv}aya(say)sstayay)"


def test_staged_deployment_bytes():
    assert encode("a{sv}", STAGED_VALUE) == STAGED
    assert decode("a{sv}", STAGED) == STAGED_VALUE


GLIB_CASES = [
    ("s", "hello", "'hello'"),
    ("b", True, "true"),
    ("n", -2, "int16 -2"),
    ("u", 7, "uint32 7"),
    ("t", 2**63, f"uint64 {2**63}"),
    ("x", -1, "int64 -1"),
    ("()", (), "()"),
    ("a()", [(), ()], "[(), ()]"),
    ("as", [], "@as []"),
    ("as", ["", "a", "bc"], "['', 'a', 'bc']"),
    ("ay", b"\0\1\2", "[byte 0, 1, 2]"),
    ("aay", [b"", b"ab"], "@aay [[], [97, 98]]"),
    ("(tt)", (2049, 131), "(uint64 2049, uint64 131)"),
    ("(yt)", (1, 2), "(byte 1, uint64 2)"),
    ("(ty)", (1, 2), "(uint64 1, byte 2)"),
    ("(sy)", ("x", 2), "('x', byte 2)"),
    ("(sysu)", ("x", 2, "y", 9), "('x', byte 2, 'y', uint32 9)"),
    ("(ss)", ("a", "b"), "('a', 'b')"),
    ("a{ss}", {"k": "v", "": "w"}, "{'k': 'v', '': 'w'}"),
    ("a{us}", {1: "v"}, "{uint32 1: 'v'}"),
    ("v", Variant("as", ["a"]), "<['a']>"),
    ("a{sv}", STAGED_VALUE, "@a{sv} {'target': <@a{sv} {'name': <'ab.0'>, 'osname': <'os'>, "
     "'bootcsum': <'cd'>}>, 'kargs': <['quiet', 'root=x']>}"),
    ("a(say)", [("n", b"1"), ("m", b"")], "@a(say) [('n', [49]), ('m', [])]"),
    (COMMIT, ({"version": Variant("s", "1")}, b"", [], "subject", "", 5, b"a", b"b"),
     "@(a{sv}aya(say)sstayay) ({'version': <'1'>}, [], [], 'subject', '', 5, [97], [98])"),
    ("as", ["x" * 300, "y"], "['" + "x" * 300 + "', 'y']"),
    ("(ass)", (["x" * 70000], "y"), "(['" + "x" * 70000 + "'], 'y')"),
]  # fmt: skip

GLIB_PROGRAM = """
import json, sys
from gi.repository import GLib
out = []
for type_string, text in json.load(sys.stdin):
    value = GLib.Variant.parse(GLib.VariantType.new(type_string), text, None, None)
    out.append(value.get_data_as_bytes().get_data().hex())
json.dump(out, sys.stdout)
"""


def glib_bytes(cases):
    python = shutil.which("python3", path="/usr/bin")
    probe = [python or "python3", "-c", "from gi.repository import GLib"]
    if python is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("GLib's Python binding (python3-gi) is not installed")
    done = subprocess.run(
        [python, "-c", GLIB_PROGRAM],
        input=json.dumps([(kind, text) for kind, _, text in cases]),
        capture_output=True,
        text=True,
        check=True,
    )
    return [bytes.fromhex(item) for item in json.loads(done.stdout)]


def test_bytes_are_glibs():
    for (kind, value, text), golden in zip(GLIB_CASES, glib_bytes(GLIB_CASES), strict=True):
        assert encode(kind, value, big=False) == golden, text[:80]
        assert decode(kind, golden, big=False) == value, text[:80]


def test_numbers_follow_the_byte_order_but_offsets_do_not():
    data = encode("(sus)", ("a", 1, "b"), big=True)
    assert data == b"a\0\0\0\0\0\0\1b\0\2"
    assert decode("(sus)", data, big=True) == ("a", 1, "b")
    assert decode("(sus)", data, big=False) == ("a", 1 << 24, "b")


def test_the_first_of_equal_keys_wins():
    twice = encode("a(ss)", [("k", "1"), ("k", "2")])
    assert decode("a{ss}", twice) == {"k": "1"}


BAD_BYTES = [
    ("b", b"\2", "boolean byte is 2"),
    ("u", b"\1", "'u' takes 4 bytes, 1 are there"),
    ("s", b"", "string does not end in NUL"),
    ("s", b"a", "string does not end in NUL"),
    ("s", b"a\0b\0", "string holds a NUL"),
    ("s", b"\xff\0", "string is not UTF-8"),
    ("v", b"abc", "variant without a type"),
    ("v", b"", "variant without a type"),
    ("v", b"\0\0\xc3", "variant's type is not ASCII"),
    ("v", b"\0\0", "type '': ends early"),
    ("v", b"\1\0bb", "type 'bb': more than one complete type"),
    ("au", b"\0\0\0", "array of 3 bytes holds items of 4"),
    ("as", b"a\0\x09", "array's offset table is outside the array"),
    ("as", b"a\0\0\2\1\3", "array item 1 is outside the array"),
    ("as", b"\0\0\0\0", "string does not end in NUL"),
    ("(ss)", b"", "tuple is shorter than its offsets"),
    ("(ss)", b"a\0b\0\x20", "member 0 is outside its tuple"),
    ("(sy)", b"a\0\7\7\2", "bytes are left over at the end of a tuple"),
    ("(st)", b"a\0\2", "member 1 is outside its tuple"),
]


@pytest.mark.parametrize(("kind", "data", "reason"), BAD_BYTES)
def test_malformed_bytes(kind, data, reason):
    with pytest.raises(GVariantError) as caught:
        decode(kind, data)
    assert reason in str(caught.value)


BAD_TYPES = [
    ("", "ends early"),
    ("a", "ends early"),
    ("(s", "ends early"),
    ("mx", "unsupported type 'm'"),
    ("a{vs}", "a dictionary entry is a basic key and one value"),
    ("a{s}", "a dictionary entry is a basic key and one value"),
    ("ss", "more than one complete type"),
    ("a" * 100 + "s", "nested too deeply"),
]


@pytest.mark.parametrize(("kind", "reason"), BAD_TYPES)
def test_bad_types(kind, reason):
    with pytest.raises(GVariantError) as caught:
        decode(kind, b"")
    assert reason in str(caught.value)


BAD_VALUES = [
    ("b", 1, "1 is not a boolean"),
    ("u", "x", "'x' is not a number"),
    ("u", True, "True is not a number"),
    ("y", 256, "256 does not fit 'y'"),
    ("u", -1, "-1 does not fit 'u'"),
    ("s", b"x", "b'x' is not a string"),
    ("s", "a\0", "'a\\x00' holds a NUL"),
    ("s", "\udcff", "'\\udcff' cannot be written as UTF-8"),
    ("ay", [1], "[1] is not bytes"),
    ("as", "ab", "'ab' is not a list"),
    ("v", 1, "1 is not a Variant"),
    ("(ss)", ("a",), "('a',) is not a tuple of 2"),
]


@pytest.mark.parametrize(("kind", "value", "reason"), BAD_VALUES)
def test_values_that_do_not_fit(kind, value, reason):
    with pytest.raises(GVariantError) as caught:
        encode(kind, value)
    assert reason in str(caught.value)


def test_nested_variants_end_at_a_limit():
    data = b"\1\0b"
    for _ in range(200):
        data += b"\0v"
    with pytest.raises(GVariantError) as caught:
        decode("v", data)
    assert "nested too deeply" in str(caught.value)


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
_BASIC = [
    ("b", st.booleans()),
    ("y", st.integers(0, 255)),
    ("n", st.integers(-(2**15), 2**15 - 1)),
    ("u", st.integers(0, 2**32 - 1)),
    ("x", st.integers(-(2**63), 2**63 - 1)),
    ("t", st.integers(0, 2**64 - 1)),
    ("s", _TEXT),
    ("ay", st.binary(max_size=300)),
]


@st.composite
def typed_values(draw, depth=3):
    """A type string and a value of it."""
    choice = draw(st.integers(0, 3)) if depth else 0
    if choice == 0:
        kind, values = draw(st.sampled_from(_BASIC))
        return kind, draw(values)
    if choice == 1:
        kind, value = draw(typed_values(depth=depth - 1))
        return "v", Variant(kind, value)
    if choice == 2:
        members = draw(st.lists(typed_values(depth=depth - 1), max_size=4))
        return "(" + "".join(k for k, _ in members) + ")", tuple(v for _, v in members)
    kind, value = draw(typed_values(depth=depth - 1))
    if kind == "y":
        return "ay", bytes([value])
    count = draw(st.integers(0, 3))
    return "a" + kind, [value] * count


@given(typed_values(), st.booleans())
def test_decode_undoes_encode(pair, big):
    kind, value = pair
    assert decode(kind, encode(kind, value, big), big) == value


@given(
    st.sampled_from(["a{sv}", COMMIT, "v", "aay", "a(say)", "(sasv)", "a{ss}"]),
    st.binary(max_size=200),
)
@settings(max_examples=400)
def test_hostile_bytes_end_in_a_value_or_an_error(kind, data):
    try:
        decode(kind, data)
    except GVariantError:
        pass


@given(st.data())
def test_flipped_bytes_end_in_a_value_or_an_error(data):
    broken = bytearray(STAGED)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(STAGED) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode("a{sv}", bytes(broken))
    except GVariantError:
        pass
