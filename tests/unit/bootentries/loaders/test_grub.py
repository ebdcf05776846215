"""The GRUB menu and its stub; GRUB's own checker reads them where it is installed."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.deployment import Deployment, Entry
from bootentries.entries.bls import parse
from bootentries.loaders import Menu, MenuItem
from bootentries.loaders.grub import GrubLoader
from bootentries.loaders.grub_menu import boot_path, grub_menu, menu_id, unique
from bootentries.loaders.grub_script import kernel_words, quote
from bootentries.loaders.grub_stub import MARKER, StubOptions, grub_stub
from bootentries.loaders.none import NoLoader


def item(number=1, title="Test OS", options="quiet", extra="", stateroot="os"):
    text = (
        f"title {title}\nversion {number}\noptions {options}\nlinux /ostree/k/vmlinuz\n"
        f"initrd /ostree/k/initramfs.img\n{extra}"
    )
    deployment = Deployment(stateroot, "c" * 64, number, "b" * 64)
    return MenuItem(Entry(f"ostree-{number}.conf", parse(text)), deployment)


def test_the_whole_menu():
    menu = Menu(1, (item(title="T", options='root=UUID=a foo="1 2"'),), boot_on_root=True)
    assert (
        grub_menu(menu)
        == """\
# The boot menu, written by bootentries with every deployment list: do not edit.

# bootversion 1, /boot is a directory of the root filesystem

menuentry 'T' --class gnu-linux --class os --unrestricted --id 'ostree-os-cccccccccccccccc-1' {
    linux '/boot/ostree/k/vmlinuz' 'root=UUID=a' 'foo=1 2'
    initrd '/boot/ostree/k/initramfs.img'
}

set bootchain_bootversion='1'
"""
    )


def test_a_boot_partition_has_no_prefix():
    extra = "initrd /ostree/o.img\ndevicetree /ostree/k/devicetree\n"
    text = grub_menu(Menu(0, (item(extra=extra),), boot_on_root=False))
    assert "linux '/ostree/k/vmlinuz'" in text
    assert "initrd '/ostree/k/initramfs.img' '/ostree/o.img'\n" in text
    assert "devicetree '/ostree/k/devicetree'\n" in text
    assert "/boot is a filesystem of its own" in text


def test_titles_and_ids_are_unique():
    twins = (item(title="Same"), item(title="Same"), item(2, title="Same"))
    text = grub_menu(Menu(0, twins, boot_on_root=True))
    for title in ("'Same'", "'Same [2]'", "'Same [3]'"):
        assert text.count(f"menuentry {title} ") == 1
    for ident in ("-1'", "-1-2'", "-2'"):
        assert text.count(f"--id 'ostree-os-cccccccccccccccc{ident}") == 1


def test_the_id_follows_the_deployment_and_keeps_to_safe_characters():
    assert menu_id(item(stateroot="my os+1")) == "ostree-my_os_1-cccccccccccccccc-1"


def test_entries_without_a_title_or_initrd():
    entry = Entry("ostree-1.conf", parse("linux /k\noptions a\n"))
    menu = Menu(0, (MenuItem(entry, Deployment("os", "c" * 64, 0, "b" * 64)),), boot_on_root=False)
    assert "menuentry 'ostree-1.conf'" in grub_menu(menu)
    assert "initrd" not in grub_menu(menu)


@pytest.mark.parametrize(
    ("path", "on_root", "seen"),
    [
        ("/ostree/a", True, "/boot/ostree/a"),
        ("/ostree/a", False, "/ostree/a"),
        ("ostree/a", True, "/boot/ostree/a"),
        ("/boot/ostree/a", True, "/boot/ostree/a"),
        ("/boot/ostree/a", False, "/boot/ostree/a"),
    ],
)
def test_boot_path(path, on_root, seen):
    assert boot_path(path, on_root) == seen


@pytest.mark.parametrize(
    ("word", "quoted"), [("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("$x;{}", "'$x;{}'")]
)
def test_quote(word, quoted):
    assert quote(word) == quoted


def test_a_line_feed_is_refused():
    with pytest.raises(ValueError, match="a line feed cannot be quoted"):
        quote("a\nb")


@given(st.text(st.characters(exclude_characters="\n\0"), max_size=20))
def test_a_shell_reads_what_was_quoted(word):
    # Single quotes mean the same to GRUB and to a POSIX shell.
    import shlex

    assert shlex.split(quote(word)) == [word]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", []),
        ("a  b\tc", ["a", "b", "c"]),
        ('foo="1 2" bar', ["foo=1 2", "bar"]),
        ('"foo=1 2"', ["foo=1 2"]),
        ('a ""', ["a", ""]),
        ('a "open b', ["a", "open b"]),
    ],
)
def test_kernel_words(options, words):
    assert kernel_words(options) == words


def test_unique():
    assert unique(["a", "a", "a-2", "b"], "-{}") == ["a", "a-2", "a-2-2", "b"]


def test_stub():
    plain = grub_stub(StubOptions())
    assert plain.startswith(MARKER)
    assert "set timeout=5\n" in plain
    assert "serial" not in plain
    serial = grub_stub(StubOptions(timeout=-1, serial_speed=9600, serial_unit=1))
    assert "serial --unit=1 --speed=9600\n" in serial
    assert "terminal_output console serial\n" in serial
    assert "set timeout=-1\n" in serial
    assert '"$prefix/bootchain-last-good.cfg"' in plain


NASTY = item(title='It\'s a "title" $x {y} ; # z', options='a=;{}$"b c"\'\\ x|y<>&')
SCRIPTS = [
    grub_stub(StubOptions()),
    grub_stub(StubOptions(serial_speed=115200)),
    grub_menu(Menu(0, (NASTY,), boot_on_root=True)),
    grub_menu(Menu(0, (), boot_on_root=True)),
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_grub_accepts_the_script(tmp_path, text):
    if shutil.which("grub-script-check") is None:
        pytest.skip("grub-script-check (grub-common) is not installed")
    (tmp_path / "grub.cfg").write_text(text)
    subprocess.run(["grub-script-check", str(tmp_path / "grub.cfg")], check=True)


def test_operations():
    menu = Menu(1, (item(),), boot_on_root=True)
    before, after = GrubLoader("grub").before_swap(menu), GrubLoader("grub").after_swap(menu)
    assert [op.describe() for op in before] == ["write boot/loader.1/grub.cfg"]
    assert [op.describe() for op in after] == ["write boot/grub/bootchain-last-good.cfg"]
    assert NoLoader().before_swap(menu) == NoLoader().after_swap(menu) == ()
