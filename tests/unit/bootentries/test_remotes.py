"""The remotes of a repository."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.remotes import Remote, read_remote

CASES = [
    ("", Remote("r")),
    ("gpg-verify=false", Remote("r", gpg_verify=False)),
    ("gpg-verify=true", Remote("r")),
    ("sign-verify=false", Remote("r")),
    ("sign-verify=true", Remote("r", sign_verify=True)),
    ("sign-verify=ed25519", Remote("r", sign_verify=True)),
]


@pytest.mark.parametrize(("line", "wanted"), CASES)
@pytest.mark.parametrize("place", ["ostree/repo/config", "etc/ostree/remotes.d/own.conf"])
def test_a_remote(fake, root, place, line, wanted):
    path = fake.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(f'{before}[remote "r"]\nurl=file:///none\n{line}\n[remote "q"]\n')
    assert read_remote(root.fd, "r") == wanted
    assert read_remote(root.fd, "s") is None


def test_the_repository_comes_first_and_other_names_are_not_read(fake, root):
    directory = fake.path / "etc/ostree/remotes.d"
    directory.mkdir(parents=True)
    (directory / "r.conf").write_text('[remote "r"]\ngpg-verify=false\n')
    (directory / "s.conf.bak").write_text('[remote "s"]\n')
    fake.config('[remote "r"]\n')
    assert read_remote(root.fd, "r") == Remote("r")
    assert read_remote(root.fd, "s") is None


def test_a_bad_file_is_named(fake, root):
    fake.config('[remote "r"]\ngpg-verify=perhaps\n')
    with pytest.raises(BootentriesError) as caught:
        read_remote(root.fd, "r")
    assert str(caught.value) == (
        'read remote: ostree/repo/config: line 2: [remote "r"] gpg-verify: '
        "'perhaps' is not true, 1, false or 0"
    )
