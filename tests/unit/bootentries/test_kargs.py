"""Kernel arguments: libostree's vectors, and the laws that hold for any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.errors import BootentriesError
from bootentries.kargs import KargEdit, KernelArgs, split, split_pair

SEVERAL = "single_key=test test=firstval test=secondval test= test"
THREE = "single_key=test test=firstval test=secondval test="
PAIR = "single_key test=firstval test=secondval"


@pytest.mark.parametrize(
    ("state", "arg", "result"),
    [
        (SEVERAL, "test", "single_key=test test=firstval test=secondval test="),
        (THREE, "single_key", "test=firstval test=secondval test="),
        ("test=firstval test=secondval test=", "test=secondval", "test=firstval test="),
        ("test=firstval test=", "test=", "test=firstval"),
        ("test=firstval", "test=firstval", ""),
        ("test=foo test=foo", "test=foo", "test=foo"),
        ("test=foo", "test=foo", ""),
        ("nosmt nosmt", "nosmt", "nosmt"),
        ("nosmt", "nosmt", ""),
        ('foo="1 2" bar=0', 'foo="1 2" bar=0', ""),
        ("a=1", "a", ""),
    ],
)
def test_delete(state, arg, result):
    assert str(KernelArgs.parse(state).delete(arg)) == result


@pytest.mark.parametrize(
    ("state", "arg", "reason"),
    [
        (SEVERAL, "non_existant_key", "no such argument"),
        (THREE, "test", "'test' has several values, name one"),
        (THREE, "test=non_existant_value", "'test' has no value 'non_existant_value'"),
        (THREE, "single_key=non_existent_value", "'single_key' has no value 'non_existent_value'"),
    ],
)
def test_delete_refuses(state, arg, reason):
    with pytest.raises(BootentriesError) as caught:
        KernelArgs.parse(state).delete(arg)
    assert str(caught.value) == f"delete kernel argument: {arg}: {reason}"
    assert caught.value.hint == f"the arguments are: {state}"


@pytest.mark.parametrize(
    ("state", "arg", "result"),
    [
        (PAIR, "single_key=newvalue", "single_key=newvalue test=firstval test=secondval"),
        (
            "single_key=newvalue test=firstval test=secondval",
            "test=firstval=newval",
            "single_key=newvalue test=newval test=secondval",
        ),
        ('foo=1 bar="1 2"', 'foo="1 2" bar', 'foo="1 2" bar'),
        ("a=1", "a=", "a="),
        ("a=1", "a", "a"),
        ("a=1", "a=1=", "a="),
    ],
)
def test_new_replace(state, arg, result):
    assert str(KernelArgs.parse(state).new_replace(arg)) == result


@pytest.mark.parametrize(
    ("arg", "reason"),
    [
        ("nonexistantkey", "no such argument"),
        ("single_key=nonexistantval=newval", "'single_key' has no value 'nonexistantval'"),
        ("test=newval", "'test' has several values, name the old one"),
    ],
)
def test_new_replace_refuses(arg, reason):
    with pytest.raises(BootentriesError) as caught:
        KernelArgs.parse(PAIR).new_replace(arg)
    assert str(caught.value) == f"replace kernel argument: {arg}: {reason}"


def test_a_value_with_an_equals_sign_cannot_be_replaced():
    """libostree takes what is before the second `=` for the old value, and so do we."""
    with pytest.raises(BootentriesError) as caught:
        KernelArgs.parse("root=UUID=a").new_replace("root=UUID=b")
    assert str(caught.value) == ("replace kernel argument: root=UUID=b: 'root' has no value 'UUID'")


@pytest.mark.parametrize("verb", ["delete", "delete_if_present", "new_replace"])
def test_what_fails_in_the_middle_leaves_all_as_it_was(verb):
    """libostree keeps what the words before did."""
    args = KernelArgs.parse("a=1 b=2 b=3")
    with pytest.raises(BootentriesError):
        getattr(args, verb)("a b=4" if verb != "new_replace" else "a=2 b=4")
    assert str(args) == "a=1 b=2 b=3"


@pytest.mark.parametrize(
    ("state", "arg", "result"),
    [
        ("", "a", "a"),
        ("a", "a", "a a"),
        ("a=1", "a=1 a=2", "a=1 a=1 a=2"),
        ("a", "", "a"),
        ("a", "b  c", "a b c"),
    ],
)
def test_append_always_adds(state, arg, result):
    assert str(KernelArgs.parse(state).append(arg)) == result


def test_append():
    texts = ["test=valid", "test=secondvalid", "test=", "test", "second_test"]
    args = KernelArgs().append_all([*texts, 'second_test=0 second_test="1 2"'])
    assert args.args == (*texts, "second_test=0", 'second_test="1 2"')
    assert args.values("test") == ["valid", "secondvalid", "", None]
    assert args.get("test") is None
    assert args.get("second_test") == '"1 2"'
    assert args.get("third") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'root=UUID=abc quiet testparam="value with spaces" rw',
            ["root=UUID=abc", "quiet", 'testparam="value with spaces"', "rw"],
        ),
        (
            'root=UUID=abc quiet "testparam=value with spaces" rw',
            ["root=UUID=abc", "quiet", '"testparam=value with spaces"', "rw"],
        ),
        ('foo="1 2" bar="3 4"', ['foo="1 2"', 'bar="3 4"']),
        ("a  b", ["a", "b"]),
        (" a ", ["a"]),
        ('a "b c', ["a", '"b c']),
        ("a\tb\nc d", ["a\tb\nc", "d"]),
        ("", []),
    ],
)
def test_split(text, words):
    assert split(text) == words


@pytest.mark.parametrize(
    ("arg", "pair"),
    [
        ("k", ("k", None)),
        ("k=", ("k", "")),
        ("root=UUID=x", ("root", "UUID=x")),
        ('"testparam=a b"', ('"testparam', 'a b"')),
    ],
)
def test_split_pair(arg, pair):
    assert split_pair(arg) == pair


@pytest.mark.parametrize(
    ("state", "arg", "result"),
    [
        ("a=1 b a=2 c", "a=3", "a=3 b c"),
        ("a=1 b", "c=1", "a=1 b c=1"),
        ("a b", "x y", "a b x y"),
        ("a a=1", "a", "a"),
    ],
)
def test_replace_takes_the_first_place(state, arg, result):
    assert str(KernelArgs.parse(state).replace(arg)) == result


def test_replace_does_not_split():
    assert KernelArgs.parse("a").replace("b c").args == ("a", "b c")


def test_what_is_done_when_present_or_missing():
    args = KernelArgs.parse("a=1 b")
    assert args.append_if_missing("a=2 c b=3") == KernelArgs(("a=1", "b", "c"))
    assert args.delete_if_present("c a=1") == KernelArgs(("b",))
    assert args.contains("a=7")
    assert not args.contains("c")
    with pytest.raises(BootentriesError) as caught:
        args.delete_if_present("a=2")
    assert str(caught.value) == "delete kernel argument: a=2: 'a' has no value '2'"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a b\n", "a b"),
        ("a b \t\n", "a b"),
        ('a "b c" \n', 'a "b c"'),
        ("BOOT_IMAGE=x", ""),
        ("BOOT_IMAGE initrd xinitrd=1", "BOOT_IMAGE initrd xinitrd=1"),
        ("initrd=a initrd=b c", "c"),
        ('"initrd=a b" c', '"initrd=a b" c'),
        ("ostree=/x", "ostree=/x"),
    ],
)
def test_what_a_loader_added_is_left_out(text, result):
    assert str(KernelArgs.from_proc_cmdline(text)) == result


def test_import_from_the_running_kernel():
    text = "BOOT_IMAGE=(hd0)/vmlinuz initrd=x root=/dev/sda ostree=/ostree/boot.0/a/b/0 quiet \n"
    found = KernelArgs.from_proc_cmdline(text)
    assert str(found) == "root=/dev/sda ostree=/ostree/boot.0/a/b/0 quiet"


@pytest.mark.parametrize(
    ("edit", "result"),
    [
        (KargEdit(), ""),
        (KargEdit(args=("x", "y z")), "x y z"),
        (KargEdit(merge=True, append=("x",)), "a=1 b x"),
        (KargEdit(merge=True, replace=("a=2",), append=("a=3",)), "a=2 b a=3"),
        (KargEdit(merge=True, delete=("b",)), "a=1"),
        (KargEdit(import_proc=True, merge=True, append=("x",)), "p x"),
    ],
)
def test_edit(edit, result):
    assert str(edit.apply("a=1 b", "BOOT_IMAGE=x p\n")) == result


_WORDS = st.text(st.sampled_from('ab="= '), max_size=12)
_ARGS = st.builds(KernelArgs.parse, _WORDS)


@given(_ARGS)
def test_format_then_parse_changes_nothing(args):
    assert KernelArgs.parse(str(args)) == args


@given(_ARGS, st.sampled_from(["a=x", "b", "c="]))
def test_replace_leaves_one(args, arg):
    once = args.replace(arg)
    assert once.values(split_pair(arg)[0]) == [split_pair(arg)[1]]
    assert once.replace(arg) == once


@given(_ARGS)
def test_append_then_delete_changes_nothing(args):
    assert args.append("new=1").delete("new=1") == args
