"""What the plugin writes, and the guest that is measured."""

from pathlib import Path

import pytest

from bench import instructions
from bench.instructions import Count
from guest.tree import Tree


def test_parse() -> None:
    count = instructions.parse("user 18562759\nkernel 1743045119\n")
    assert count == Count(18562759, 1743045119)
    assert count.total == 1761607878


@pytest.mark.parametrize("text", ["", "user 1\n", "kernel 1\nuser 2\n", "user x\nkernel 1\n"])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a count|invalid literal"):
        instructions.parse(text)


def test_median_of_each_part() -> None:
    counts = [Count(1, 30), Count(2, 10), Count(9, 20)]
    assert instructions.median(counts) == Count(2, 20)


def test_kernel_arguments() -> None:
    options = "root=UUID=1 rw console=tty0 console=ttyS0 ostree=/ostree/boot.1/d/c/0"
    assert instructions.kernel_arguments(options) == (
        "root=UUID=1 rw ostree=/ostree/boot.1/d/c/0 console=ttyS0 quiet cryptomgr.notests"
        " init=/usr/lib/bench/init"
    )


def test_machine() -> None:
    tree = Tree(Path("/tree"), "6.1", "")
    words = ["/w/count.so", "end=0x5eed", "out=/w/count"]
    spec = instructions.machine(tree, Path("/disk"), "rw", Path("/image"), words)
    # A count needs instructions, on one processor.
    assert (spec.icount, spec.cpus, spec.kvm) == (0, 1, False)
    assert spec.extra == ("-plugin", "/w/count.so,end=0x5eed,out=/w/count")
    assert spec.initrd == Path("/image")
    assert spec.kernel == Path("/tree/usr/lib/modules/6.1/vmlinuz")
