"""The bytes of origin files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.deploy.origin import (
    normal_origin,
    unlocked_origin,
    upgraded_origin,
    write_origin,
)
from bootentries.errors import BootentriesError
from bootentries.origin import new_origin

FULL = (
    b"#c\n[origin]\n refspec = far:main\nunlocked=hotfix\noverride-commit=abc\n\n"
    b"[libostree-transient]\npinned=true\n[more]\nz=1\n"
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b""),
        (b"[origin]\nrefspec=x", b"[origin]\nrefspec=x\n"),
        (b"\n#c\n[origin]\n  a  =  b c \n#d\n[x]\n", b"[origin]\na=b c \n\n[x]\n"),
        (b"[a]\nk=1\n[b]\nl=2\n[a]\nk=3\nm=4\n", b"[a]\nk=3\nm=4\n\n[b]\nl=2\n"),
    ],
)
def test_what_glib_would_write(data, expected):
    assert normal_origin(data, "file") == expected


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "x y", "\\s"])))
def test_normal_stays_normal(keys):
    data = b"[origin]\n" + "".join(f"{key}={value}\n" for key, value in keys.items()).encode()
    assert normal_origin(data, "file") == data


def test_what_an_upgrade_keeps():
    assert upgraded_origin(FULL, "file", None) == b"[origin]\nrefspec=far:main\n\n[more]\nz=1\n"
    assert upgraded_origin(FULL, "file", "def") == (
        b"[origin]\nrefspec=far:main\noverride-commit=def\n\n[more]\nz=1\n"
    )


def test_a_hotfix_is_noted_in_the_origin():
    assert unlocked_origin(b"[origin]\nrefspec=x\n[more]\nz=1\n", "file") == (
        b"[origin]\nrefspec=x\nunlocked=hotfix\n\n[more]\nz=1\n"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"refspec=x\n", "line 1: a key comes before the first group"),
        (b"[libostree-transient]\npinned=maybe\n", "is not true, 1, false or 0"),
        (b"[origin]\nrefspec=\xff\n", "value is not UTF-8"),
    ],
)
def test_broken_files_are_named(data, reason):
    with pytest.raises(BootentriesError, match=f"read origin: file: .*{reason}"):
        normal_origin(data, "file")
    with pytest.raises(BootentriesError, match=f"read origin: file: .*{reason}"):
        upgraded_origin(data, "file", None)


def test_it_lies_beside_the_deployment(fake, root):
    write_origin(root, f"ostree/deploy/testos/deploy/{'a' * 64}.0", new_origin("x"), None)
    path = fake.deployment().with_name(f"{'a' * 64}.0.origin")
    assert path.read_text() == "[origin]\nrefspec=x\n"
    assert path.stat().st_mode & 0o7777 == 0o644
