"""The comparison of two sysroots notices a planted bug of every kind.

`bootentries` runs from a copy of the checkout in which one line is wrong; the same steps
without a bug make no difference.
"""

import shutil
from pathlib import Path

import pytest
from chroots import CHECKOUT
from richtrees import rich
from sequences import SET_XATTR
from sidebyside import Pair, pair
from trees import TREES, Tree

pytestmark = pytest.mark.ns

SUITE = "trixie"

# Kind: (file, what is right, what stands in its place)
BUGS = {
    "nothing": ("retain.py", "", ""),
    "entry name": ("entries/names.py", 'f"ostree-{number}"', 'f"ostree-0{number}"'),
    "entry text": ("entries/render.py", "str(count - index)", "str(count + index)"),
    "options": ("entries/render.py", 'f"ostree={link}"', 'f"ostree=/{link}"'),
    "link text": ("txn/plan.py", 'f"../../../deploy/', 'f"../../.././deploy/'),
    "mode": ("txn/ops.py", "mode: int = 0o644", "mode: int = 0o600"),
    "owner": ("etc/copy.py", "found.st_uid, found.st_gid", "found.st_uid, 0"),
    "xattr": ("etc/copy.py", "os.getxattr(source, key)", 'b"other"'),
    "/etc, removed": ("etc/merge.py", "_remove(sides, spool.read(Kind.REMOVED))", "pass"),
    "/etc, modified": ("etc/merge.py", "_carry_over(sides, spool.read(Kind.MODIFIED))", "pass"),
    "/etc, added": ("etc/merge.py", "_carry_over(sides, spool.read(Kind.ADDED))", "pass"),
    "refs": ("txn/repo_ops.py", "enumerate(self.checksums)", "enumerate(self.checksums[:1])"),
    "origin": ("origin.py", "refspec=", "refspec= "),
    "serial": ("deploy/serial.py", "highest + 1", "highest + 2"),
    "retention": ("retain.py", "or item.pinned", "or False"),
    "order": ("cli/listing.py", "return (item, *rest)", "return (*rest, item)"),
    "clean-up": ("txn/cleanup.py", "if item not in names]", "if item in names]"),
    "said": ("cli/listing.py", "Deleted deployment", "Removed deployment"),
}
EDIT = f"""
echo edited >> etc/secret; rm etc/empty; echo new > etc/added; chown 3:4 etc/added
{SET_XATTR} etc/secret user.local mine
"""


def copy_with(bug: tuple[str, str, str], place: Path) -> Path:
    """A checkout with one line changed."""
    for package in ("bootentries", "prepare_root"):
        shutil.copytree(
            CHECKOUT / package, place / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    file, right, wrong = bug
    path = place / "bootentries" / file
    text = path.read_text()
    assert right in text, f"{file} does not say {right!r} any more"
    path.write_text(text.replace(right, wrong))
    return place


def act(both: Pair, work: Path) -> None:
    """A deployment's life, in few steps that need everything."""
    for number, tree in enumerate((TREES[0], Tree("next", TREES[1].modules))):
        both.commit(rich(work / "trees", tree), tree.name, f"1.{number}")
    both.both("deploy", "--os=testos", "--karg=root=a", "plain")
    both.edit(EDIT)
    both.both("pin", "0")
    both.both("deploy", "--os=testos", "--karg-append=b", "next")
    both.both("deploy", "--os=testos", "next")
    both.both("deploy", "--os=testos", "--retain", "plain")
    both.both("set-default", "2")
    both.both("undeploy", "0")


@pytest.mark.parametrize("kind", BUGS)
def test_a_bug_is_noticed(tmp_path, kind):
    with pair(SUITE, tmp_path) as both:
        place = both.box.root / "tmp/checkout"
        both.box.run(["mount", "--bind", str(copy_with(BUGS[kind], tmp_path / "code")), str(place)])
        if kind == "nothing":
            act(both, tmp_path)
            return
        with pytest.raises(AssertionError):
            act(both, tmp_path)
