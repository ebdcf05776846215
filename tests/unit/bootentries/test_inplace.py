"""Arguments changed in the entries, and in the description of a staged deployment."""

from dataclasses import replace

from bootentries.booted import STAGED, read_staged
from bootentries.inplace import plan_edit
from bootentries.loaders.grub import GrubLoader
from bootentries.loaders.none import NoLoader
from bootentries.sysroot import load
from bootentries.txn.context import Context
from bootentries.txn.staged import EditStaged
from prepare_root.formats.gvariant import decode

# What libostree writes for {'target': {'name': 'ab.0', 'osname': 'os', 'bootcsum': 'cd'},
# 'kargs': ['quiet', 'root=x']}
GOLDEN = bytes.fromhex(
    "74617267657400006e616d650000000061622e30000073056f736e616d6500006f73000073070000626f6f74"
    "6373756d0000000000000000636400007309101e3600617b73767d076b61726773000000717569657400726f"
    "6f743d7800060d006173064863"
)


def append(text):
    return lambda args: args.append_if_missing(text)


def apply(root, run, todo):
    frozen = []
    context = Context(root, print, frozen.append, run)
    for op in todo:
        op.apply(context)
    return frozen


def test_every_entry_gets_it_once(fake, root, run):
    todo = plan_edit(root, load(root, run), NoLoader(), append("n=1"))
    assert [op.describe() for op in todo] == [
        "write boot/loader.1/entries/ostree-2.conf",
        "write boot/loader.1/entries/ostree-1.conf",
        "freeze and thaw the filesystem of /boot",
    ]
    assert apply(root, run, todo) == [root.boot()]
    for item in load(root, run).deployments:
        assert item.options.endswith(f"/{item.bootserial} n=1")
    assert plan_edit(root, load(root, run), NoLoader(), append("n=2")) == ()


def test_counted_entries_keep_their_names(fake, root, run):
    fake.entry(1).rename(fake.entry(1).with_name("ostree-1+2-1.conf"))
    apply(root, run, plan_edit(root, load(root, run), NoLoader(), append("n")))
    names = sorted(path.name for path in fake.entry().parent.iterdir())
    assert names == ["ostree-1+2-1.conf", "ostree-2.conf"]


def test_the_menu_follows(fake, root, run):
    (fake.path / "boot/grub").mkdir()
    apply(root, run, plan_edit(root, load(root, run), GrubLoader("grub"), append("n=1")))
    assert "'n=1'" in (fake.path / "boot/loader/grub.cfg").read_text()


def test_a_staged_deployment(fake, root, run):
    place = fake.path.parent / "run" / STAGED
    place.write_bytes(GOLDEN)
    apply(root, run, [EditStaged(("quiet", "root=y", "n"))])
    assert read_staged(run).kargs == ("quiet", "root=y", "n")
    # Nothing else in it changed.
    before, after = decode("a{sv}", GOLDEN), decode("a{sv}", place.read_bytes())
    assert before["target"] == after["target"]


def test_a_staged_one_is_edited_only_where_that_changes_it(fake, root, run):
    present = load(root, run)
    staged = replace(present.deployments[0], staged=True, entry=None, options="quiet n=2")
    present = replace(present, deployments=(staged, *present.deployments))
    (first, *_) = plan_edit(root, present, NoLoader(), append("new"))
    assert first == EditStaged(("quiet", "n=2", "new"))
    todo = plan_edit(root, present, NoLoader(), append("n=1"))
    assert not [op for op in todo if isinstance(op, EditStaged)]
    assert len(todo) == 3
