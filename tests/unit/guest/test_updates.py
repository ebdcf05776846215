"""The text that fills a disk's repository of updates."""

from guest.shape import File
from guest.updates import Update, _script

UPDATES = (Update("2.0", (File("usr/a", b"a"),)), Update("3.0", ()))


def test_each_version_is_the_first_one_with_its_files_over_it() -> None:
    lines = _script(UPDATES).splitlines()
    commits = [line for line in lines if " commit " in line]
    assert len(commits) == 2
    for number, (update, line) in enumerate(zip(UPDATES, commits, strict=True)):
        assert line.endswith(f'--tree=ref="$first" --tree=dir=/run/work/updates/{number}')
        assert f" --branch=v{update.version} " in line
        assert f" --add-metadata-string=version={update.version} " in line


def test_the_system_follows_the_remote_and_forgets_the_local_branch() -> None:
    lines = _script(UPDATES).splitlines()
    assert lines[0] == "set -e"
    (origin,) = (line for line in lines if "set-origin" in line)
    assert "updates file:///sysroot/updates stable --set=gpg-verify=false" in origin
    created = next(n for n, line in enumerate(lines) if "--create=updates:stable" in line)
    deleted = next(n for n, line in enumerate(lines) if "--delete guest/stable" in line)
    assert lines.index(origin) < created < deleted
