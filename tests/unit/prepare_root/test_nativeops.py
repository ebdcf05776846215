"""Operations of native roots as far as they go without mounts; tests/ns/test_native.py has them."""

import pytest

from prepare_root import nativeops


def bind(root, path=b"etc", *, readonly=False, needed=True):
    return nativeops.BindFrom(
        "etc", bytes(root), path, b"/none/etc", readonly=readonly, needed=needed
    )


@pytest.mark.parametrize(
    ("readonly", "needed", "line"),
    [
        (False, True, "bind /r/etc on /none/etc"),
        (True, True, "bind /r/etc on /none/etc read-only"),
        (False, False, "bind /r/etc on /none/etc, if there is such a directory"),
    ],
)
def test_bind_describes_itself(readonly, needed, line):
    assert bind(b"/r", readonly=readonly, needed=needed).describe() == line


def test_a_source_that_is_not_there_is_an_error(tmp_path):
    """Only a missing target may be passed over."""
    for needed in (True, False):
        with pytest.raises(FileNotFoundError):
            bind(tmp_path, needed=needed).apply()


def test_a_source_stays_inside(tmp_path):
    """A link that leads out leads to the same place inside."""
    (tmp_path / "etc").symlink_to("/proc")
    with pytest.raises(FileNotFoundError):
        bind(tmp_path).apply()


def test_what_was_not_made_is_not_undone(tmp_path):
    assert bind(tmp_path).undo() is None


def test_scratch_that_is_not_there_can_be_released(tmp_path, monkeypatch):
    monkeypatch.setattr(nativeops, "SCRATCH", bytes(tmp_path / "scratch"))
    nativeops.ReleaseScratch("root").apply()
    assert nativeops.MountScratch("root").undo().describe() == f"detach {tmp_path}/scratch"
