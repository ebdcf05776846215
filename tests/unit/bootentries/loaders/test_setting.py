"""An edit of one key keeps every other byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.loaders.setting import bootloader_of, with_bootloader
from bootentries.repo import LOADERS, parse_config
from prepare_root.formats import FormatError

CORE = b"[core]\nrepo_version=1\nmode=bare\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CORE, CORE + b"\n[sysroot]\nbootloader=grub2\n"),
        (CORE[:-1], CORE + b"\n[sysroot]\nbootloader=grub2\n"),
        (b"", b"[sysroot]\nbootloader=grub2\n"),
        (CORE + b"\n\n", CORE + b"\n\n[sysroot]\nbootloader=grub2\n"),
        (b"[sysroot]\n# c\nreadonly=true\n" + CORE,
         b"[sysroot]\nbootloader=grub2\n# c\nreadonly=true\n" + CORE),
        (b"[sysroot]\nbootloader=none\n", b"[sysroot]\nbootloader=grub2\n"),
        (b" [sysroot] \n  bootloader \t=\t none  \n",
         b" [sysroot] \n  bootloader \t=\t grub2\n"),
        (b"[sysroot]\r\nbootloader=none\r\na=b\r\n",
         b"[sysroot]\r\nbootloader=grub2\r\na=b\r\n"),
        (b"[sysroot]\r\na=b\r\n", b"[sysroot]\r\nbootloader=grub2\r\na=b\r\n"),
        # The last of equal keys counts, also in a group that comes again.
        (b"[sysroot]\nbootloader=none\nbootloader=auto\n",
         b"[sysroot]\nbootloader=none\nbootloader=grub2\n"),
        (b"[sysroot]\nbootloader=none\n" + CORE + b"[sysroot]\nbootloader=auto\n",
         b"[sysroot]\nbootloader=none\n" + CORE + b"[sysroot]\nbootloader=grub2\n"),
        # The same key of another group is not it; bytes that are no text stay.
        (b"[x]\nbootloader=none\nz=\xff\n",
         b"[x]\nbootloader=none\nz=\xff\n\n[sysroot]\nbootloader=grub2\n"),
        (b"[sysroot]\nbootloader=nonsense\n", b"[sysroot]\nbootloader=grub2\n"),
    ],
)  # fmt: skip
def test_edit(before, after):
    assert with_bootloader(before, "grub2") == after
    assert with_bootloader(after, "grub2") == after


PARTS = st.sampled_from(
    [b"[core]", b"[sysroot]", b"bootloader=none", b"bootloader = auto", b"readonly=true", b"# c",
     b"", b"bootprefix=false"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=12), st.sampled_from(LOADERS))
def test_it_says_what_was_set_and_nothing_else_changes(parts, name):
    data = b"\n".join([b"[core]", *parts])
    result = with_bootloader(data, name)
    assert parse_config(result).bootloader == name == bootloader_of(result)
    old, new = data.split(b"\n"), result.split(b"\n")
    if len(old) == len(new):
        assert sum(a != b for a, b in zip(old, new, strict=True)) <= 1
    elif b"[sysroot]" in old:
        at = next(index for index, line in enumerate(new) if line != [*old, None][index])
        assert new[:at] + new[at + 1 :] == old
    else:
        assert result.startswith(data)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (CORE, "lilo", "'lilo' is not one of auto, none, grub2, syslinux, uboot, zipl, aboot"),
        (b"nonsense\n", "none", "line 1: 'nonsense' is not a key, a group or a comment"),
        (b"[sysroot]\nboot-counting-tries=9\n", "none",
         "[sysroot] boot-counting-tries: '9' is not a number from 0 to 5"),
    ],
)  # fmt: skip
def test_errors(data, name, reason):
    with pytest.raises(FormatError) as caught:
        with_bootloader(data, name)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("data", "value"),
    [(CORE, None), (b"[sysroot]\nbootloader=x y\n", "x y"), (b"[sysroot]\nbootloader=\n", "")],
)
def test_what_it_says_now(data, value):
    assert bootloader_of(data) == value
