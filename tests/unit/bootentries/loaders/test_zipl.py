"""zipl's arguments on the running system and for another one."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.loaders.stamp import STAMP
from bootentries.loaders.zipl import ZiplLoader, read_zipl


def flag(tmp_path, name, text):
    path = tmp_path / "sys/firmware" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_on_the_running_system(menus):
    loader = ZiplLoader("/", "/boot", "1")
    chosen = menus.menu(menus.item(2), menus.item(1, booted=True))
    assert [op.describe() for op in loader.before_swap(chosen)] == [f"write {STAMP}"]
    (program,) = loader.after_swap(chosen)
    assert program.argv == ("zipl", "--secure", "1", "-V")
    assert program.stamp == STAMP
    assert loader.resume() == ()
    assert loader.before_swap(menus.menu()) == loader.after_swap(menus.menu()) == ()


def test_for_another_sysroot_it_runs_in_the_default_tree(menus):
    (program,) = ZiplLoader("/mnt", "/mnt/boot").after_swap(menus.menu(menus.item(2)))
    argv = program.argv
    assert argv[:7] == (
        "bwrap", "--bind", f"/mnt/ostree/deploy/os/deploy/{'2' * 64}.0", "/",
        "--bind", "/mnt/boot", "/boot",
    )  # fmt: skip
    assert argv[argv.index("--") :] == ("--", "zipl", "--secure", "auto", "-V")


def test_what_was_left_undone(menus):
    pending = menus.menu(menus.item(1, booted=True))
    loader = ZiplLoader("/", "/boot", pending=pending)
    assert loader.resume() == loader.after_swap(pending)


@pytest.mark.parametrize(("text", "secure"), [(None, "auto"), ("0\n", "auto"), ("1\n", "1")])
def test_secure_boot(fake, root, tmp_path, text, secure):
    if text is not None:
        flag(tmp_path, "ipl/secure", text)
    loader = read_zipl(root, str(tmp_path / "sys"))
    assert loader == ZiplLoader(str(fake.path), str(fake.path / "boot"), secure)
    (fake.path / STAMP).touch()
    assert read_zipl(root, str(tmp_path / "sys")).pending is not None


def test_a_secure_execution_guest_is_refused(root, tmp_path):
    flag(tmp_path, "uv/prot_virt_guest", "1\n")
    with pytest.raises(BootentriesError) as caught:
        read_zipl(root, str(tmp_path / "sys"))
    assert str(caught.value) == "choose bootloader: zipl: this is a Secure Execution guest"
    assert "ostree admin" in caught.value.hint
