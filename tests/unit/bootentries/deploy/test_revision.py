"""Names of commits, as far as they are read without the `ostree` program."""

import pytest

from bootentries.deploy.revision import parse_refspec, resolve
from bootentries.errors import BootentriesError

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main", (None, "main")),
        ("os/main/x86_64", (None, "os/main/x86_64")),
        ("far:main", ("far", "main")),
        ("far:os/a-b.c_d", ("far", "os/a-b.c_d")),
        ("../config", None),
        ("os/../config", None),
        ("os//main", None),
        ("/main", None),
        ("-x", None),
        (".hidden", None),
        ("far:", None),
        (":main", None),
        ("a:b:c", None),
        ("a b", None),
        ("", None),
    ],
)
def test_what_is_a_refspec(text, expected):
    assert parse_refspec(text) == expected


@pytest.mark.parametrize(
    ("place", "refspec"),
    [
        ("heads/main", "main"),
        ("heads/os/main", "os/main"),
        ("remotes/far/os/main", "far:os/main"),
        ("remotes/far/main", "far/main"),
    ],
)
def test_refs_are_found(fake, root, place, refspec):
    path = fake.path / "ostree/repo/refs" / place
    path.parent.mkdir(parents=True)
    path.write_text(f"{B}\n")
    assert resolve(root, refspec) == B


def test_a_local_ref_comes_before_a_remote_one(fake, root):
    for place, checksum in (("heads/x/main", A), ("remotes/x/main", B)):
        path = fake.path / "ostree/repo/refs" / place
        path.parent.mkdir(parents=True)
        path.write_text(checksum)
    assert resolve(root, "x/main") == A
    assert resolve(root, "x:main") == B


def test_a_whole_checksum_is_taken_as_it_is(root):
    assert resolve(root, A) == A


@pytest.mark.parametrize(
    ("refspec", "reason"),
    [
        ("nosuch", "no such ref or commit in the repository"),
        ("far:nosuch", "no such ref or commit in the repository"),
        ("dir", "no such ref or commit in the repository"),
        ("broken", "refs/heads/broken holds no checksum"),
        ("lost", f"commit {'c' * 64} is not in the repository"),
        ("c" * 64, f"commit {'c' * 64} is not in the repository"),
        ("../../config", "no such ref or commit in the repository"),
    ],
)
def test_what_cannot_be_resolved(fake, root, refspec, reason):
    heads = fake.path / "ostree/repo/refs/heads"
    (heads / "dir/below").mkdir(parents=True)
    (heads / "broken").write_text("no checksum\n")
    (heads / "lost").write_text("c" * 64)
    with pytest.raises(BootentriesError, match=reason):
        resolve(root, refspec)
