"""The image's list of kernel modules."""

import pytest

from prepare_root import kmodules, log


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"\n\n  \n# comment\n  # another\n", []),
        (b"/m/a.ko", [(b"/m/a.ko", b"")]),
        (b"/m/a.ko\n/m/b.ko\n", [(b"/m/a.ko", b""), (b"/m/b.ko", b"")]),
        (b"/m/b.ko\n/m/a.ko\n/m/b.ko", [(b"/m/b.ko", b""), (b"/m/a.ko", b""), (b"/m/b.ko", b"")]),
        (b"  /m/a.ko   x=1 y=2  \r\n", [(b"/m/a.ko", b"x=1 y=2")]),
        (b'/m/a.ko dyndbg="file x +p"', [(b"/m/a.ko", b'dyndbg="file x +p"')]),
        (b"/m/a#b.ko", [(b"/m/a#b.ko", b"")]),
        (b"/m/\xff.ko", [(b"/m/\xff.ko", b"")]),
    ],
)
def test_parse(text, expected):
    assert kmodules.parse(text) == expected


def load(tmp_path, monkeypatch, capfd, text):
    (tmp_path / "modules").write_text(text)
    monkeypatch.setattr(kmodules, "LIST", bytes(tmp_path / "modules"))
    log.to_stderr([])
    kmodules.load_listed()
    return capfd.readouterr().err.splitlines()


def test_what_cannot_be_loaded_is_a_note_and_the_next_is_tried(tmp_path, monkeypatch, capfd):
    (tmp_path / "empty.ko").write_bytes(b"no module at all")
    text = f"{tmp_path}/no\x1bne.ko a=b\n\n{tmp_path}/empty.ko\n"
    first, second = load(tmp_path, monkeypatch, capfd, text)
    assert first == (
        f"prepare-root: load module: {tmp_path}/no\\x1bne.ko: No such file or directory"
    )
    # to root, to anybody else, and by a kernel without modules
    reasons = ("Exec format error", "Operation not permitted", "Function not implemented")
    assert second in {
        f"prepare-root: load module: {tmp_path}/empty.ko: {reason}" for reason in reasons
    }


def test_no_list_and_a_list_that_cannot_be_read(tmp_path, monkeypatch, capfd):
    assert load(tmp_path, monkeypatch, capfd, "") == []
    (tmp_path / "modules").unlink()
    kmodules.load_listed()
    assert capfd.readouterr().err == ""
    (tmp_path / "modules").mkdir()
    kmodules.load_listed()
    assert capfd.readouterr().err == (
        f"prepare-root: load modules: {tmp_path}/modules: Is a directory\n"
    )
