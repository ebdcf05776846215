"""The preparation's configuration and applying, on plain directories.

Its mounts need a namespace: `tests/ns` runs those.
"""

import errno
import shutil
import stat

import pytest

from prepare_root import log, ops, prepare
from prepare_root.errors import Failure


@pytest.fixture(autouse=True)
def plain_lines():
    log.to_stderr([])


def failure(call, *words):
    with pytest.raises(Failure) as caught:
        call(*words)
    return caught.value


# ---- the configuration ------------------------------------------------------


@pytest.fixture
def paths(tmp_path, monkeypatch):
    found = (tmp_path / "usr.conf", tmp_path / "etc.conf")
    monkeypatch.setattr(prepare, "CONFIG_PATHS", tuple(map(bytes, found)))
    return found


@pytest.mark.parametrize(
    ("usr", "etc", "delay"),
    [
        (None, None, 60),
        (b"[failure]\ndelay=1", None, 1),
        (None, b"[failure]\ndelay=2", 2),
        (b"[failure]\ndelay=1", b"[failure]\ndelay=2", 2),
        (b"[failure]\ndelay=1", b"[boot]\nmount=no", 60),  # replaced as a whole
        (b"[failure]\ndelay=1", b"", 60),
        (b"not a key file", b"", 60),
    ],
)
def test_load_config(paths, usr, etc, delay):
    for path, text in zip(paths, (usr, etc), strict=True):
        if text is not None:
            path.write_bytes(text)
    assert prepare.load_config().failure_delay == delay


HINT = "correct the file on the system that builds the initramfs, and build it again"


@pytest.mark.parametrize("at", [0, 1])
def test_a_configuration_that_is_wrong_is_named(paths, at):
    paths[at].write_bytes(b"[failure]\ndelay=soon\n")
    error = failure(prepare.load_config)
    assert str(error) == (
        f"read configuration: {paths[at]}: configuration unreadable:"
        " [failure] delay: 'soon' is not a number of seconds"
    )
    assert error.hint == HINT


def test_a_configuration_that_cannot_be_read_is_not_one_that_is_absent(paths):
    paths[1].mkdir()
    error = failure(prepare.load_config)
    assert str(error) == (
        f"read configuration: {paths[1]}: configuration unreadable: Is a directory"
    )
    assert error.hint == HINT


def test_a_failure_that_an_operation_tells(tmp_path):
    """Its words stay, what was done is undone, and what could not be joins the hint."""

    class Refuses(ops.Op):
        def describe(self):
            return "refuse"

        def apply(self):
            (tmp_path / "a/b").rmdir()
            raise Failure("mount root", "image", "wrong", "try another")

    class Stays(ops.MakeDir):
        def undo(self):
            return ops.RemoveFile(self.step, self.path)

    made = (
        ops.MakeDir("dirs", bytes(tmp_path / "a"), 0o755),
        Stays("dirs", bytes(tmp_path / "a/b"), 0o755),
        Refuses("root"),
    )
    error = failure(prepare.apply, made)
    assert str(error) == "mount root: image: wrong"
    assert error.hint == (
        "try another; could not be put back as it was:"
        f" remove {tmp_path}/a/b: No such file or directory"
    )
    assert not (tmp_path / "a").exists()


class Fails(ops.Op):
    def describe(self):
        return "fail"

    def apply(self):
        raise OSError(5, "Input/output error")


class Moved(ops.MakeDir):
    """A move that cannot be taken back."""

    def undo(self):
        return ops.Move(self.step, self.path + b"/not", self.path + b"/there")


def test_what_could_not_be_moved_back_is_not_let_go(tmp_path):
    """Directories stay, as mounts would; a file that says `booted` does not."""
    made = (
        ops.MakeDir("dirs", bytes(tmp_path / "a"), 0o755),
        ops.WriteFile("booted", bytes(tmp_path / "a/booted"), b"text"),
        Moved("move", bytes(tmp_path / "a/b"), 0o755),
        Fails("late"),
    )
    error = failure(prepare.apply, made)
    assert str(error) == "late: fail: Input/output error"
    assert error.hint == (
        "could not be put back as it was:"
        f" move {tmp_path}/a/b/not to {tmp_path}/a/b/there: No such file or directory"
    )
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


# ---- applying ---------------------------------------------------------------


def test_apply_in_order(tmp_path, capfd):
    made = (
        ops.MakeDir("dirs", bytes(tmp_path / "a"), 0o750),
        ops.WriteFile("files", bytes(tmp_path / "a/b"), b"text"),
    )
    prepare.apply(made)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o750
    assert (tmp_path / "a/b").read_text() == "text"
    assert capfd.readouterr() == ("", "")


def test_best_effort_is_a_note_and_goes_on(tmp_path, capfd):
    prepare.apply(
        (
            ops.RemoveDir("tidy", bytes(tmp_path / "none")),
            ops.MakeDir("dirs", bytes(tmp_path / "a"), 0o755),
        )
    )
    assert (tmp_path / "a").is_dir()
    assert capfd.readouterr().err == (
        f"prepare-root: tidy: remove directory {tmp_path}/none:"
        " No such file or directory; not fatal\n"
    )


def broken(tmp_path):
    """The last of these fails: a file stands where a directory is wanted."""
    (tmp_path / "file").write_text("kept")
    return (
        ops.MakeDir("dirs", bytes(tmp_path / "a"), 0o755),
        ops.MakeDir("dirs", bytes(tmp_path / "a/b"), 0o755),
        ops.RemoveDir("tidy", bytes(tmp_path / "none")),
        ops.WriteFile("files", bytes(tmp_path / "a/b/c"), b"text"),
        ops.WriteFile("booted", bytes(tmp_path / "file/d"), b"text"),
        ops.MakeDir("never", bytes(tmp_path / "never"), 0o755),
    )


def test_a_failure_names_the_operation_and_leaves_nothing(tmp_path):
    error = failure(prepare.apply, broken(tmp_path))
    assert str(error) == f"booted: write {tmp_path}/file/d (4 bytes): Not a directory"
    assert error.hint == ""
    assert isinstance(error.__cause__, OSError)
    assert error.__cause__.errno == errno.ENOTDIR
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


class Meddle(ops.Op):
    """Someone else takes away what was written."""

    def __init__(self, path):
        super().__init__("meddle")
        self.path = path

    def describe(self):
        return "meddle"

    def apply(self):
        shutil.rmtree(self.path)


def test_what_cannot_be_undone_is_named_and_the_rest_is_undone(tmp_path):
    made = broken(tmp_path)
    other = ops.MakeDir("dirs", bytes(tmp_path / "other"), 0o755)
    error = failure(prepare.apply, (other, *made[:4], Meddle(tmp_path / "a/b"), *made[4:]))
    assert error.operation == "booted"
    assert error.hint == (
        f"could not be put back as it was: remove {tmp_path}/a/b/c: No such file or directory;"
        f" remove directory {tmp_path}/a/b: No such file or directory"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
