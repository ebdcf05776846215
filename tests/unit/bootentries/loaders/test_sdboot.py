"""systemd-boot beside another backend: after the swap, and never in its way."""

import pytest

from bootentries.esp.names import ENTRIES
from bootentries.esp.sync import STAMP
from bootentries.loaders.detect import choose_loader, choose_menu_loader
from bootentries.loaders.grub import GrubLoader
from bootentries.loaders.none import NoLoader
from bootentries.loaders.sdboot import SdbootLoader, SyncEsps, resume_sync
from bootentries.repo import read_config
from bootentries.sysroot import load
from bootentries.txn.context import Context
from bootentries.txn.run_ops import ProgramFailed
from bootentries.txn.write import apply_notes, plan_clean


def configure(fake, places, more=""):
    fake.config(f"[core]\nrepo_version=1\n{more}[bootchain]\nbootloader=sdboot\nesp={places}\n")


def described(ops):
    return [op.describe() for op in ops]


@pytest.fixture
def context(root, run, said):
    return Context(root, said.append, lambda fd: None, run)


@pytest.fixture
def said():
    return []


def test_it_comes_after_the_other_backend(menus):
    inner = GrubLoader("grub")
    loader = SdbootLoader(inner)
    menu = menus.menu(menus.item(2), menus.item(1))
    follow = "bring the EFI partitions in step (bootentries esp sync)"
    assert (loader.name, loader.atomic, loader.resume()) == ("grub2", True, ())
    assert described(loader.before_swap(menu)) == [
        *described(inner.before_swap(menu)), f"write {STAMP}",
    ]  # fmt: skip
    assert described(loader.after_swap(menu)) == [*described(inner.after_swap(menu)), follow]
    assert described(loader.after_relink(menu))[-1] == follow


def test_it_is_chosen_by_its_own_key(fake, root):
    assert choose_loader(root, read_config(root.fd)) == NoLoader()
    configure(fake, "/efi", "[sysroot]\nbootloader=none\n")
    config = read_config(root.fd)
    assert choose_loader(root, config) == SdbootLoader(NoLoader())
    assert choose_menu_loader(root, config) == NoLoader()


def test_in_step_the_stamp_goes(fake, context, partition):
    configure(fake, partition)
    (fake.path / STAMP).touch()
    SyncEsps().apply(context)
    assert len(list((partition / ENTRIES).iterdir())) == 2
    assert not (fake.path / STAMP).exists()


def test_one_that_is_missing_holds_up_nothing(fake, root, context, partition, said):
    configure(fake, f"/nowhere;{partition}")
    SyncEsps().apply(context)
    assert said == [
        "open ESP: /nowhere: No such file or directory",
        "hint: mend that; then: bootentries esp sync",
    ]
    assert (fake.path / STAMP).exists()
    assert len(list((partition / ENTRIES).iterdir())) == 2
    assert resume_sync(root) == (SyncEsps(),)


def test_before_a_clean_up_it_is_tried_again(fake, root, partition):
    configure(fake, partition)
    present = load(root)
    assert SyncEsps() not in plan_clean(root, present, frozenset())
    (fake.path / STAMP).touch()
    assert plan_clean(root, present, frozenset())[0] == SyncEsps()


def test_one_that_boots_the_list_before_keeps_it(fake, context, partition, said):
    """What follows in the plan would clean that list up."""
    (partition / "loader").touch()
    configure(fake, f"/nowhere;{partition}")
    with pytest.raises(ProgramFailed) as caught:
        SyncEsps().apply(context)
    assert str(caught.value) == (
        f"read ESP: {partition}: loader: it is in the way: not a directory"
    )
    done = []

    class Clean:
        def describe(self):
            return "clean up"

        def apply(self, context):
            done.append(context)

    assert not apply_notes((SyncEsps(), Clean()), context)
    assert done == []
    assert any("left for later: read ESP" in text for text in said)


def test_one_that_is_not_mounted_may_boot_all_the_same(fake, context, partition):
    (fake.path / "efi").mkdir()
    configure(fake, f"{partition};{fake.path}/efi")
    with pytest.raises(ProgramFailed, match=f"open ESP: {fake.path}/efi: nothing is mounted there"):
        SyncEsps().apply(context)
    assert (fake.path / STAMP).exists()
    assert len(list((partition / ENTRIES).iterdir())) == 2
