"""Programs run on a tree in namespaces of their own, and leave it as it was."""

from pathlib import Path

import pytest

from guest.chroot import Bind, run_in
from guest.errors import GuestError

pytestmark = pytest.mark.ns


def busybox_tree(top: Path) -> Path:
    (top / "bin").mkdir(parents=True)
    (top / "bin/sh").write_bytes(Path("/usr/bin/busybox").read_bytes())
    (top / "bin/sh").chmod(0o755)
    return top


def test_tree_stays_as_it_was(tmp_path: Path) -> None:
    tree = busybox_tree(tmp_path / "tree")
    out = tmp_path / "out"
    out.mkdir()
    text = "echo changed >/new; echo kept >/run/work/out/file; echo $X"
    said = run_in(tree, ["sh", "-c", text], mounts=[Bind(out, "/run/work/out")], env={"X": "given"})
    assert said == "given\n"
    assert sorted(path.name for path in tree.iterdir()) == ["bin"]
    assert (out / "file").read_text() == "kept\n"


def test_failure_carries_the_program_s_errors(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="exit status 7") as caught:
        run_in(busybox_tree(tmp_path / "tree"), ["sh", "-c", "echo why >&2; exit 7"])
    assert caught.value.hint == "why"
