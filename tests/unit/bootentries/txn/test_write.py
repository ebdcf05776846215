"""Whole writes on a sysroot of our own making, without a freeze: it is not our filesystem."""

import dataclasses
import os
import re

import pytest

from bootentries.check.verify import verify
from bootentries.errors import BootentriesError
from bootentries.kargs import KernelArgs
from bootentries.sysroot import load
from bootentries.txn.context import Context
from bootentries.txn.plan import Write
from bootentries.txn.write import apply_plan, plan_write

# The fake repository has nothing that could be pruned.
RENEWED = Write(renew=True, prune=False)
BOOT, DEFAULT = "boot/loader", "root=UUID=a quiet"


def names(path):
    return sorted(found.name for found in path.iterdir())


@pytest.fixture
def said():
    return []


@pytest.fixture
def write(root, run, said):
    """Write a list, given as a function of the present one; returns the plan."""

    def act(change=lambda items: items, freeze=lambda fd: None, words=frozenset(), how=RENEWED):
        present = load(root, run)
        todo = plan_write(root, present, change(present.on_disk), words, how)
        apply_plan(todo, Context(root, said.append, freeze, run))
        return todo

    return act


def with_args(text):
    def change(items):
        first, *rest = items
        return (dataclasses.replace(first, options=text), *rest)

    return change


def plain_options(fake, root, run):
    words = load(root, run).deployments[0].options.split()
    return " ".join(word for word in words if not word.startswith("ostree="))


def test_new_arguments_swap(fake, root, run, write):
    todo = write(with_args("a b"))
    assert todo.result() == (
        "Bootloader updated; bootconfig swap: yes; bootversion: boot.0.1, "
        "deployment count change: 0"
    )
    assert plain_options(fake, root, run) == "a b"
    assert str((fake.path / BOOT).readlink()) == "loader.0"
    assert str((fake.path / "ostree/boot.0").readlink()) == "boot.0.1"
    assert names(fake.path / "boot") == ["boot", "loader", "loader.0", "ostree"]
    assert names(fake.path / "ostree") == [
        "boot.0", "boot.0.1", "deploy", "repo",
    ]  # fmt: skip
    refs = fake.path / "ostree/repo/refs/heads/ostree/0/1"
    assert (refs / "0").read_text() == "a" * 64 + "\n"
    assert (refs / "1").read_text() == "b" * 64 + "\n"


def test_equal_configurations_change_only_the_links(fake, root, run, write):
    before = fake.entry().read_text()
    todo = write()
    assert todo.result() == (
        "Transaction complete; bootconfig swap: no; bootversion: boot.1.0, "
        "deployment count change: 0"
    )
    assert str((fake.path / "ostree/boot.1").readlink()) == "boot.1.0"
    assert fake.entry().read_text() == before
    assert not (fake.path / "ostree/boot.1.1").exists()
    assert len(load(root, run).deployments) == 2


@pytest.mark.parametrize("change", [with_args("a"), lambda items: items], ids=["swap", "links"])
def test_libostree_is_told_of_the_change(fake, write, change):
    """It reads the list again only when this time has changed."""
    os.utime(fake.path / "ostree/deploy", (1, 1))
    write(change)
    assert (fake.path / "ostree/deploy").stat().st_mtime > 1


def test_both_ways_to_name_boot_files_work(fake, write):
    (fake.path / "boot/boot").unlink()
    write(with_args("a"))
    assert str((fake.path / "boot/boot").readlink()) == "."


def test_order_and_removal(fake, root, run, write):
    todo = write(lambda items: tuple(reversed(items)))
    assert todo.swap
    assert [item.checksum[0] for item in load(root, run).deployments] == ["b", "a"]
    write(lambda items: items[:1])
    found = load(root, run).deployments
    assert [item.checksum[0] for item in found] == ["b"]
    assert found[0].entry.name == "ostree-1.conf"
    assert (fake.path / "ostree/repo/refs/heads/ostree").is_dir()


def test_an_empty_list(fake, root, run, write):
    todo = write(lambda items: ())
    assert todo.count_change == -2
    assert load(root, run).deployments == ()
    assert names(fake.path / "boot/ostree") == []


def test_comments_and_own_keys_survive(fake, root, run, write):
    text = fake.entry().read_text() + "# my comment\nx-own 1\nsort-key os\n"
    fake.entry().write_text(text)
    write(with_args("a"))
    found = load(root, run).deployments[0].entry
    assert found.bls.lines[-4:] == ("# my comment", "x-own 1", "sort-key os", "")


def test_freeze_comes_before_and_after_the_swap(fake, root, run, write):
    seen = []
    write(with_args("a"), freeze=lambda fd: seen.append(os.readlink("loader", dir_fd=fd)))
    assert seen == ["loader.1", "loader.0"]


def test_a_failing_freeze_leaves_the_old_list(fake, root, run, write):
    def fail(fd):
        raise OSError(5, "Input/output error", "boot")

    with pytest.raises(BootentriesError) as caught:
        write(with_args("a"), freeze=fail)
    assert str(caught.value) == (
        "freeze and thaw the filesystem of /boot: boot: Input/output error"
    )
    assert plain_options(fake, root, run) == DEFAULT


def payload(fake):
    return next((fake.path / "boot/ostree").glob("testos-*"))


@pytest.mark.parametrize("content", [b"", b"kernek", b"kernel and more"])
def test_a_damaged_kernel_is_written_again(fake, write, said, content):
    (payload(fake) / "vmlinuz-6.1").write_bytes(content)
    write(with_args("a"))
    assert (payload(fake) / "vmlinuz-6.1").read_bytes() == b"kernel"
    assert said == [
        f"boot/ostree/{payload(fake).name}/vmlinuz-6.1: "
        "its content was not the deployment's, written again"
    ]
    assert names(payload(fake)) == ["initramfs-6.1.img", "vmlinuz-6.1"]


def test_a_missing_kernel_is_installed(fake, root, run, write):
    (payload(fake) / "vmlinuz-6.1").unlink()
    write(with_args("a"))
    installed = payload(fake) / "vmlinuz-6.1"
    # On one filesystem it is the same file, so that it takes no space.
    assert (
        installed.stat().st_ino == (fake.deployment() / "usr/lib/modules/6.1/vmlinuz").stat().st_ino
    )


def test_foreign_files_in_boot_stay(fake, root, run, write):
    for name in ("boot/ostree/readme", "boot/vmlinuz-other", "boot/loader.1/entries/fedora.conf"):
        (fake.path / name).write_text("mine")
    unused = fake.path / f"boot/ostree/testos-{'9' * 64}"
    unused.mkdir()
    write(with_args("a"))
    assert (fake.path / "boot/ostree/readme").exists()
    assert (fake.path / "boot/vmlinuz-other").exists()
    assert not unused.exists()


def test_the_booted_deployment_cannot_be_dropped(root, run):
    present = load(root, run)
    items = tuple(dataclasses.replace(item, booted=item.index == 1) for item in present.on_disk)
    booted = dataclasses.replace(present, deployments=items, booted=True)
    with pytest.raises(BootentriesError) as caught:
        plan_write(root, booted, items[:1], frozenset())
    assert str(caught.value) == (f"write deployments: {'b' * 64}.0: it is booted, it has to stay")


def test_a_loader_whose_configuration_is_missing(fake, root, run):
    (fake.path / "boot/syslinux").mkdir()
    (fake.path / "boot/syslinux/syslinux.cfg").symlink_to("../loader/syslinux.cfg")
    present = load(root, run)
    with pytest.raises(BootentriesError) as caught:
        plan_write(root, present, present.on_disk, frozenset())
    assert str(caught.value) == (
        "read bootloader configuration: boot/syslinux/syslinux.cfg: "
        "it is a link to '../loader/syslinux.cfg', and nothing is there"
    )


def test_grub_gets_its_menu_before_the_swap(fake, root, run, write):
    fake.config("[sysroot]\nbootloader=grub2\n")
    (fake.path / "boot/grub2").mkdir()
    todo = write(with_args("a"))
    assert todo.result().startswith("Transaction complete; bootconfig swap: yes")
    menu = (fake.path / "boot/loader.0/grub.cfg").read_text()
    assert "linux '/boot/ostree/" in menu
    assert (fake.path / "boot/grub2/bootchain-last-good.cfg").read_text() == menu
    lines = todo.describe()
    assert lines.index("write boot/loader.0/grub.cfg") < lines.index("swap boot/loader -> loader.0")
    assert "read back boot/loader.0/grub.cfg" in lines


def test_overlays_and_their_files(fake, root, run, write):
    keep, drop = "1" * 64, "2" * 64
    overlays = fake.path / "boot/ostree/initramfs-overlays"
    overlays.mkdir()
    for name in (keep, drop):
        (overlays / f"{name}.img").write_text("o")
    (overlays / f".{keep}.img.tmp").write_text("half of it")
    line = f"initrd /ostree/initramfs-overlays/{keep}.img\n"
    fake.entry().write_text(fake.entry().read_text() + line)
    write(with_args("a"))
    assert names(overlays) == [f"{keep}.img"]
    assert load(root, run).deployments[0].entry.bls.initrds()[1:] == (line.split()[1],)


def test_keys_for_all_but_the_default(fake, root, run, write):
    fake.config("[sysroot]\nbls-append-except-default=grub_users=;x=1\n")
    write(with_args("a"))
    first, second = load(root, run).deployments
    assert first.entry.bls.get("x") is None
    assert (second.entry.bls.get("x"), second.entry.bls.get("grub_users")) == ("1", "")
    write(lambda items: tuple(reversed(items)))
    first, second = load(root, run).deployments
    assert (first.checksum[0], first.entry.bls.get("x")) == ("b", None)
    assert second.entry.bls.get("x") == "1"


def test_counted_entries(fake, root, run, write):
    fake.config("[sysroot]\nboot-counting-tries=3\n")
    fake.entry(1).rename(fake.entry(1).with_name("ostree-1+2-1.conf"))
    write(with_args("a"))
    found = names(fake.path / "boot/loader/entries")
    assert found == ["ostree-1+2-1.conf", "ostree-2.conf"]


def test_without_an_initramfs_init_is_set(fake, root, run, write):
    for index in (0, 1):
        (fake.deployment(index) / "usr/lib/modules/6.1/initramfs.img").unlink()
    write(with_args("a init=/old"))
    entry = load(root, run).deployments[0].entry
    assert entry.bls.get("initrd") is None
    args = KernelArgs.parse(entry.options)
    link = args.get("ostree")
    assert args.get("init") == f"{link}/usr/lib/ostree/ostree-prepare-root"


def test_the_other_naming(fake, root, run, write):
    write(with_args("a"), words=frozenset({"bootloader-naming-1"}))
    found = names(fake.path / "boot/loader/entries")
    assert found == ["ostree-1-testos.conf", "ostree-2-testos.conf"]


def test_same_inputs_same_bytes(fake, root, run, write):
    write(with_args("a"))
    first = fake.path.joinpath("boot/loader/entries/ostree-2.conf").read_bytes()
    write(with_args("b"))
    write(with_args("a"))
    assert fake.path.joinpath("boot/loader/entries/ostree-2.conf").read_bytes() == first


def test_other_files_of_the_new_half_stay(fake, write):
    """Only its entries are written anew; what a loader keeps beside them is not ours."""
    other = fake.path / "boot/loader.0"
    (other / "entries").mkdir(parents=True)
    (other / "entries/ostree-7.conf").write_text("old\n")
    (other / "random-seed").write_text("seed\n")
    write(with_args("new"))
    assert (fake.path / "boot/loader/random-seed").read_text() == "seed\n"
    assert names(fake.path / "boot/loader/entries") == ["ostree-1.conf", "ostree-2.conf"]


def test_entries_are_for_everyone_to_read(fake, write):
    before = os.umask(0o077)
    try:
        write(with_args("new"))
    finally:
        os.umask(before)
    for entry in (fake.path / "boot/loader/entries").iterdir():
        assert entry.stat().st_mode & 0o777 == 0o644


def test_a_deployment_that_is_gone_is_not_written(fake, root, run):
    present = load(root, run)
    gone = dataclasses.replace(present.deployments[1], checksum="f" * 64)
    with pytest.raises(BootentriesError) as caught:
        plan_write(root, present, (present.deployments[0], gone), frozenset())
    assert "f" * 64 in str(caught.value)
    assert "No such file or directory" in str(caught.value)


@pytest.mark.parametrize("place", ["usr/lib/os-release", "etc/os-release"])
def test_either_os_release_names_the_system(fake, root, run, write, place):
    tree = fake.deployment()
    (tree / "etc").mkdir(exist_ok=True)
    (tree / "usr/lib/os-release").unlink()
    (tree / place).write_text("# c\nPRETTY_NAME='Own Name'\n")
    write(with_args("new"))
    assert load(root, run).deployments[0].entry.bls.get("title") == "Own Name 1.0 (ostree:0)"


def test_the_first_os_release_counts_even_without_a_name(fake, root, run, write):
    tree = fake.deployment()
    (tree / "etc").mkdir(exist_ok=True)
    (tree / "usr/lib/os-release").write_text("ID=first\n")
    (tree / "etc/os-release").write_text("PRETTY_NAME=Second\n")
    write(with_args("new"))
    assert load(root, run).deployments[0].entry.bls.get("title") == "first 1.0 (ostree:0)"


def test_grub_ids_follow_when_only_the_links_change(fake, root, run, write):
    """Two equal deployments that change places: their entries are the same, their ids not."""
    fake.config("[core]\n[sysroot]\nbootloader=grub2\n")
    (fake.path / "boot/grub").mkdir()
    second = fake.path / "ostree/repo/objects/bb" / ("b" * 62 + ".commit")
    second.write_bytes((fake.path / "ostree/repo/objects/aa" / ("a" * 62 + ".commit")).read_bytes())
    write(with_args("root=UUID=a quiet"))
    todo = write(lambda items: tuple(reversed(items)))
    assert not todo.swap
    ids = re.findall(r"--id '([^']*)'", (fake.path / "boot/loader/grub.cfg").read_text())
    assert ids == [f"ostree-testos-{'b' * 16}-0", f"ostree-testos-{'a' * 16}-0"]
    codes = {finding.code.name for finding in verify(root, run).findings}
    assert not codes & {"menu-ids", "menu-differs", "menu-stale", "last-good-stale"}
