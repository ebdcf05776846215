"""prepare-root.conf: each key, its default and the text of each refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import FormatError, config

FIELDS = config.Config.__slots__


def fields(found):
    return {name: getattr(found, name) for name in FIELDS}


def test_defaults():
    assert fields(config.parse(b"")) == {
        "boot_mount": True,
        "composefs": b"no",
        "composefs_keypath": b"/etc/ostree/initramfs-root-binding.key",
        "etc_transient": False,
        "failure_action": b"reboot",
        "failure_delay": 60,
        "links": config.DEFAULT_LINKS,
        "record_mounts": False,
        "root_transient": False,
        "root_transient_ro": False,
        "sysroot_readonly": None,
        "var_mount": b"auto",
    }


def test_default_links():
    assert dict(config.DEFAULT_LINKS) == {
        b"home": b"var/home",
        b"root": b"var/roothome",
        b"opt": b"var/opt",
        b"srv": b"var/srv",
        b"mnt": b"var/mnt",
        b"media": b"run/media",
        b"usr/local": b"../var/usrlocal",
    }


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (b"[composefs]\nenabled=no", {}),
        (b"[composefs]\nenabled=0", {}),
        (b"[composefs]\nenabled=true", {"composefs": b"yes"}),
        (b"[composefs]\nenabled=yes", {"composefs": b"yes"}),
        (b"[composefs]\nenabled=maybe", {"composefs": b"maybe"}),
        (b"[composefs]\nenabled=no \t", {}),
        (b"[composefs]\nenabled=true ", {"composefs": b"yes"}),
        (b"[composefs]\nenabled=maybe ", {"composefs": b"maybe"}),
        # a signed root that is refused is refused at every try: halt, unless it is said
        (b"[composefs]\nenabled=signed", {"composefs": b"signed", "failure_action": b"halt"}),
        (b"[composefs]\nenabled=signed \t", {"composefs": b"signed", "failure_action": b"halt"}),
        (b"[composefs]\nenabled=signed\n[failure]\naction=reboot", {"composefs": b"signed"}),
        (b"[composefs]\nenabled=verity ", {"composefs": b"verity"}),
        (b"[composefs]\nkeypath=/k  ", {"composefs_keypath": b"/k"}),
        (b"[composefs]\nenabled=verity", {"composefs": b"verity"}),
        (b"[root]\ntransient=true", {"root_transient": True}),
        (b"[root]\ntransient-ro=1", {"root_transient": True, "root_transient_ro": True}),
        (b"[root]\ntransient=false\ntransient-ro=false", {}),
        (b"[etc]\ntransient=true", {"etc_transient": True}),
        (b"[sysroot]\nreadonly=true", {"sysroot_readonly": True}),
        (b"[sysroot]\nreadonly=false", {"sysroot_readonly": False}),
        (b"[boot]\nmount=no", {"boot_mount": False}),
        (b"[boot]\nmount=false", {"boot_mount": False}),
        (b"[boot]\nmount=1", {}),
        (b"[record]\nmounts=yes", {"record_mounts": True}),
        (b"[record]\nmounts=0", {}),
        (b"[var]\nmount=yes", {"var_mount": b"yes"}),
        (b"[var]\nmount=no", {"var_mount": b"no"}),
        (b"[var]\nmount=auto", {}),
        (b"[failure]\naction=halt", {"failure_action": b"halt"}),
        (b"[failure]\naction=shell", {"failure_action": b"shell"}),
        (b"[failure]\ndelay=0", {"failure_delay": 0}),
        (b"[failure]\ndelay=999999", {"failure_delay": 999999}),
        (b"[links]\nenabled=no", {"links": ()}),
        (b"[links]\nhome=data/home\nenabled=no", {"links": ()}),
        (b"[links]\nenabled=yes", {}),
        # unknown groups and keys mean nothing, as in libostree
        (b"[other]\nkey=value\n[boot]\nother=value", {}),
    ],
)
def test_values(text, changed):
    assert fields(config.parse(text)) == fields(config.Config()) | changed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"home=data/home", {b"home": b"data/home"}),
        (b"/home/=data/home", {b"home": b"data/home"}),
        (b"games=var/games", {b"games": b"var/games"}),
        (b"home=", {b"home": None}),
        (b"never-there=", {}),
    ],
)
def test_links(text, expected):
    wanted = dict(config.DEFAULT_LINKS) | expected
    wanted = {name: value for name, value in wanted.items() if value is not None}
    assert config.parse(b"[links]\n" + text).links == tuple(wanted.items())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            b"[composefs]\nenabled=perhaps",
            "[composefs] enabled: 'perhaps' is not one of yes, no, maybe, signed, verity",
        ),
        (b"[composefs]\nenabled=verity x", "[composefs] enabled: 'verity x' is not one of yes"),
        (b"[composefs]\nenabled=", "[composefs] enabled: '' is not one of yes, no, maybe, sig"),
        (
            b"[root]\ntransient=true\ntransient-ro=true",
            "[root] transient and transient-ro exclude each other",
        ),
        (b"[root]\ntransient=yes", "line 2: [root] transient: 'yes' is not true, 1, false or 0"),
        (b"[root]\ntransient-ro=x", "line 2: [root] transient-ro: 'x' is not true"),
        (b"\n[etc]\ntransient=on", "line 3: [etc] transient: 'on' is not true, 1, false or 0"),
        (b"[sysroot]\nreadonly=", "line 2: [sysroot] readonly: '' is not true, 1, false or 0"),
        (b"[boot]\nmount=on", "[boot] mount: 'on' is not yes or no"),
        (b"[record]\nmounts=TRUE", "[record] mounts: 'TRUE' is not yes or no"),
        (b"[var]\nmount=true", "[var] mount: 'true' is not one of auto, yes, no"),
        (b"[failure]\naction=panic", "[failure] action: 'panic' is not one of reboot, halt, sh"),
        (b"[failure]\ndelay=-1", "[failure] delay: '-1' is not a number of seconds"),
        (b"[failure]\ndelay=1.5", "[failure] delay: '1.5' is not a number of seconds"),
        (b"[failure]\ndelay=1000000", "[failure] delay: '1000000' is not a number of seconds"),
        ("[failure]\ndelay=\u0663".encode(), "[failure] delay: '\u0663' is not a number of sec"),
        (b"[links]\nenabled=perhaps", "[links] enabled: 'perhaps' is not yes or no"),
        (b"[links]\n/=var/x", "[links] /: 'var/x' is not a link for a name below the root"),
        (b"[links]\na/../b=c", "[links] a/../b: 'c' is not a link for a name below the root"),
        (b"[links]\na//b=c", "[links] a//b: 'c' is not a link for a name below the root"),
        (b"[links]\n./a=c", "[links] ./a: 'c' is not a link for a name below the root"),
        (b"[links]\na=b\\nc", "[links] a: 'b\\x0ac' is not a link without control characters"),
        (b"[links]\na=b\0", "[links] a: 'b\\x00' is not a link without control characters"),
        (b"[links]\na\x1b=b", "[links] a\\x1b: 'b' is not a link without control characters"),
        (b"[boot]\nmount=\xff", "line 2: [boot] mount: value is not UTF-8"),
        (b"[boot]\nmount=a\\nb", "[boot] mount: 'a\\x0ab' is not yes or no"),
        (b"mount=yes", "line 1: a key comes before the first group"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(FormatError) as caught:
        config.parse(text)
    assert str(caught.value).startswith(reason)


_WORDS = st.sampled_from(
    [
        b"[links]",
        b"[root]",
        b"[var]",
        b"enabled=",
        b"mount=",
        b"yes",
        b"..",
        b"/",
        b"\n",
        b"\\",
        b"=",
    ]
)


@given(st.lists(_WORDS | st.binary(max_size=4)).map(b"".join))
def test_any_bytes_give_a_configuration_or_a_format_error(data):
    try:
        found = config.parse(data)
    except FormatError as error:
        assert str(error)
    else:
        assert found.var_mount in (b"auto", b"yes", b"no")
        assert all(b".." not in name.split(b"/") and name for name, _ in found.links)
