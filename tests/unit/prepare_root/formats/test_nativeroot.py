"""bootc's kernel argument, and its configuration in a subset of TOML."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import nativeroot

SHA256, SHA512 = "ab" * 32, "cd" * 64


@pytest.mark.parametrize(
    ("cmdline", "expected"),
    [
        ("quiet rw", None),
        ("xcomposefs=1 composefs.other=2 ostree.prepare-root.composefs=yes", None),
        (f"composefs={SHA512}", (SHA512, False)),
        (f"quiet composefs=?{SHA512} rw", (SHA512, True)),
        (f"composefs={SHA256}", (SHA256, False)),
        (f"composefs={SHA512} composefs={SHA256}", (SHA512, False)),
        (f'a="b composefs={SHA256}" composefs={SHA512}', (SHA512, False)),
        (f'"composefs={SHA512}"', (SHA512, False)),
        (f"composefs.digest=v1-sha512-12:{SHA512}", (SHA512, False)),
        (f"composefs.digest=?v2-sha256-12:{SHA256}", (SHA256, True)),
        # the newer one comes first, wherever it stands
        (f"composefs={SHA512} composefs.digest=v1-sha256-12:{SHA256}", (SHA256, False)),
    ],
)
def test_wanted(cmdline, expected):
    found = nativeroot.wanted(cmdline.encode())
    assert (found and (found.digest.decode(), found.optional)) == expected


@pytest.mark.parametrize(
    ("cmdline", "reason"),
    [
        ("composefs=", "composefs: '' is not 64 or 128 lower-case hex digits"),
        ("composefs", "composefs: '' is not 64 or 128 lower-case hex digits"),
        (f"composefs={SHA256[1:]}", f"composefs: '{SHA256[1:]}' is not 64 or 128 lower-case"),
        (f"composefs={SHA256.upper()}", "is not 64 or 128 lower-case hex digits"),
        (f"composefs=../{SHA256[3:]}", "is not 64 or 128 lower-case hex digits"),
        (f"composefs.digest={SHA512}", f"composefs.digest: '{SHA512}' is not v1-HASH-12:HEX"),
        (f"composefs.digest=v3-sha256-12:{SHA256}", "is not v1-HASH-12:HEX"),
        (f"composefs.digest=v1-sha1-12:{SHA256}", "is not v1-HASH-12:HEX"),
        (f"composefs.digest=v1-sha256-16:{SHA256}", "is not v1-HASH-12:HEX"),
        (f"composefs.digest=v1-sha256-12:{SHA512}", "is not 64 lower-case hex digits"),
    ],
)
def test_wanted_refused(cmdline, reason):
    with pytest.raises(nativeroot.NativeError) as caught:
        nativeroot.wanted(cmdline.encode())
    assert reason in str(caught.value)


def mounts(text):
    found = nativeroot.parse(text.encode())
    return found.etc, found.var, found.root_transient


KINDS = {
    "none": "none",
    "root": "none",
    "bind": "bind",
    "overlay": "overlay",
    "transient": "transient",
    "volatile": "transient",
}


@pytest.mark.parametrize("word", KINDS)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_every_mount(word, quote):
    text = f"[etc]\nmount = {quote}{word}{quote}  # how\n"
    assert mounts(text) == (KINDS[word], "bind", False)
    assert mounts(text.replace("etc", "var")) == ("bind", KINDS[word], False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("bind", "bind", False)),
        ("# nothing\n\n", ("bind", "bind", False)),
        ("[root]\ntransient = true\n", ("bind", "bind", True)),
        ("[root]\ntransient=false # no\n[etc]\ntransient=true", ("transient", "bind", False)),
        ("[etc]\ntransient = true\nmount = 'bind'\n", ("bind", "bind", False)),
        (" [ var ] # a\n\tmount='none'\r\n", ("bind", "none", False)),
        # what is for others
        ("title = 'x'\n[other]\nmount = [\n 1,\n]\n[etc]\nother = 3\n", ("bind", "bind", False)),
        ("[etc.sub]\nmount = 'none'\n", ("bind", "bind", False)),
    ],
)
def test_mounts(text, expected):
    assert mounts(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[etc", "line 1: not a table"),
        ("[etc] x", "line 1: not a table"),
        ("\n[etc]\nmount\n", "line 3: not a table, a key or a comment"),
        ("[etc]\nmount = bind", "line 2: mount: bind is not one of none, root, bind, overlay,"),
        ("[etc]\nmount = 'bind", "line 2: mount: 'bind is not one of"),
        ("[etc]\nmount = 'tmpfs'", "line 2: mount: 'tmpfs' is not one of"),
        ("[etc]\nmount = 'bind' x", "line 2: mount: 'bind' x is not one of"),
        ("[root]\ntransient = 1", "line 2: transient: '1' is not true or false"),
        ("etc.mount = 'none'", "line 1: 'etc.mount': write it below [etc]"),
        ("etc = { mount = 'none' }", "line 1: 'etc': write it below [etc]"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(nativeroot.NativeError) as caught:
        mounts(text)
    assert str(caught.value).startswith(reason)


def test_not_text():
    with pytest.raises(nativeroot.NativeError, match=r"^not UTF-8$"):
        nativeroot.parse(b"[etc]\nmount='\xff'")


@st.composite
def tables(draw):
    """Configurations as TOML that both can read."""
    lines = []
    for name in draw(st.permutations(["etc", "var", "root", "other"])):
        lines.append(f"[{name}]")
        if draw(st.booleans()):
            lines.append(f"transient = {draw(st.sampled_from(['true', 'false']))}")
        if name in ("etc", "var") and draw(st.booleans()):
            lines.append(f'mount = "{draw(st.sampled_from(list(KINDS)))}"')
    return "\n".join(lines)


@given(tables())
def test_same_as_pythons_own(text):
    table = tomllib.loads(text)

    def kind(one):
        default = "transient" if one.get("transient") else "bind"
        return KINDS[one["mount"]] if "mount" in one else default

    assert mounts(text) == (
        kind(table["etc"]),
        kind(table["var"]),
        table["root"].get("transient", False),
    )


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data):
    try:
        nativeroot.parse(b"[etc]\n" + data)
    except nativeroot.NativeError as error:
        assert str(error).isprintable()
