"""Which serial a new deployment gets."""

import pytest

from bootentries.deploy.serial import next_serial
from bootentries.errors import BootentriesError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], 0),
        (["a.0"], 1),
        (["a.0", "a.7", "a.3", "b.9"], 8),
        (["a.9", "a.10"], 11),
        (["aa.5"], 0),
        (["b.0"], 0),
    ],
)
def test_one_more_than_the_highest(fake, root, names, expected):
    for name in names:
        (fake.path / "ostree/deploy/other/deploy" / name).mkdir(parents=True)
    assert next_serial(root, "other", "a") == expected


def test_files_and_links_are_passed_over(fake, root):
    base = fake.path / "ostree/deploy/testos/deploy"
    (base / "notes.txt").write_text("mine\n")
    (base / "link").symlink_to("nowhere")
    assert next_serial(root, "testos", "a" * 64) == 1


@pytest.mark.parametrize("name", ["mine", "a", "a.", "A.0", "a.0.tmp", ".a.0"])
def test_a_foreign_directory_is_fatal(fake, root, name):
    (fake.path / "ostree/deploy/testos/deploy" / name).mkdir()
    with pytest.raises(BootentriesError, match=r"not named CHECKSUM\.SERIAL"):
        next_serial(root, "testos", "a" * 64)
