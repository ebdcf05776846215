"""The repository's configuration."""

import pytest

from bootentries.entries.template import Template
from bootentries.repo import LOADERS, RepoConfig, parse_config
from prepare_root.formats import FormatError


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("", RepoConfig()),
        ("[core]\nmode=bare\n", RepoConfig()),
        ("[sysroot]\nbootloader=none\n", RepoConfig(bootloader="none")),
        ("[sysroot]\nbootprefix=true\n", RepoConfig(bootprefix=True)),
        *((f"[sysroot]\nbootloader={name}\n", RepoConfig(bootloader=name)) for name in LOADERS),
        ("[sysroot]\nbootprefix=false\n", RepoConfig()),
        *((f"[sysroot]\nboot-counting-tries={n}\n", RepoConfig(tries=n)) for n in range(6)),
        ("[sysroot]\nreadonly=true\n[ex-integrity]\ncomposefs=true\n", RepoConfig()),
        (
            "[sysroot]\nbls-append-except-default=a=;\n",
            RepoConfig(except_default=(("a", ""),)),
        ),
        (
            "[sysroot]\nbls-append-except-default=a=1;b=x=y\n",
            RepoConfig(except_default=(("a", "1"), ("b", "x=y"))),
        ),
    ],
)
def test_config(text, config):
    assert parse_config(text.encode()) == config


def test_a_title_template():
    found = parse_config(b"[bootchain]\ntitle-template={label}\\sx\n")
    assert found == RepoConfig(title=Template.parse("{label} x"))
    with pytest.raises(FormatError) as caught:
        parse_config(b"[bootchain]\ntitle-template={nome}\n")
    assert str(caught.value).startswith("[bootchain] title-template: '{nome}': 'nome' is not one")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bootloader=lilo", "[sysroot] bootloader: 'lilo' is not one of auto, none, grub2"),
        ("bootprefix=yes", "line 2: [sysroot] bootprefix: 'yes' is not true, 1, false or 0"),
        ("boot-counting-tries=6", "[sysroot] boot-counting-tries: '6' is not a number from 0 to 5"),
        ("boot-counting-tries=-1", "'-1' is not a number from 0 to 5"),
        ("boot-counting-tries=", "'' is not a number from 0 to 5"),
        ("bls-append-except-default=a", "[sysroot] bls-append-except-default: 'a' has no value"),
        ("word", "line 2: 'word' is not a key, a group or a comment"),
    ],
)
def test_bad_config(text, reason):
    with pytest.raises(FormatError) as caught:
        parse_config(f"[sysroot]\n{text}\n".encode())
    assert reason in str(caught.value)
