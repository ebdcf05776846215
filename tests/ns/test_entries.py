"""Entries that carry more than usual, beside those that libostree writes from equal starts."""

import os
from pathlib import Path

import pytest
from richtrees import rich
from sidebyside import OURS, THEIRS, Pair, pair
from trees import PLAIN, TREES, Tree, build

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
ARGS = ("--os=testos", "--retain")


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    """Two stateroots; commits of one kernel and of another."""
    with pair(request.param, tmp_path, "testos", "other") as found:
        found.commit(build(tmp_path / "trees", PLAIN), "one", "1.0")
        found.commit(build(tmp_path / "trees", TREES[1]), "two", "2.0")
        yield found


def configure(both: Pair, key: str, value: str) -> None:
    for who in (THEIRS, OURS):
        repo = f"--repo={both.sysroot(who)}/ostree/repo"
        both.ostree("config", repo, "set", f"sysroot.{key}", value)


def entries(both: Pair) -> dict[str, str]:
    place = both.view(OURS) / "boot/loader/entries"
    return {path.name: path.read_text() for path in sorted(place.iterdir())}


def edit_entries(both: Pair, line: str) -> None:
    for who in (THEIRS, OURS):
        for path in (both.view(who) / "boot/loader/entries").iterdir():
            path.write_text(path.read_text() + line)


def test_a_new_deployment_inherits_no_extra_key(both):
    both.both("deploy", *ARGS, "--karg=a", "one")
    edit_entries(both, "x-options-source-me a\n")
    both.both("deploy", *ARGS, "two")
    found = entries(both)
    assert "x-options-source-me" not in found["ostree-2.conf"]
    assert found["ostree-1.conf"].endswith("\nx-options-source-me a\n")
    # Whatever rewrites the entry later keeps it.
    both.both("set-default", "1")
    both.both("instutil set-kargs", "--merge", "--append=b")
    both.both("pin", "0")
    assert entries(both)["ostree-2.conf"].endswith("\nx-options-source-me a\n")


def test_keys_for_all_but_the_default(both):
    configure(both, "bls-append-except-default", "grub_users=root")
    both.both("deploy", *ARGS, "--karg=a", "one")
    both.both("deploy", *ARGS, "two")
    both.both("deploy", *ARGS, "one")
    found = entries(both)
    assert "grub_users" not in found["ostree-3.conf"]
    assert found["ostree-2.conf"].endswith("\ngrub_users root\n")
    # The one that gets the default keeps the key there, and loses it here.
    theirs, ours = both.theirs("set-default", "1"), both.ours("set-default", "1")
    assert theirs.returncode == ours.returncode == 0
    assert "grub_users" not in entries(both)["ostree-3.conf"]
    entry = both.view(THEIRS) / "boot/loader/entries/ostree-3.conf"
    # 2025.2 names aboot's files even where there are none.
    lines = [line for line in entry.read_text().splitlines() if not line.startswith("aboot")]
    assert lines == [*entries(both)["ostree-3.conf"].splitlines(), "grub_users root"]


def test_counted_entries(both):
    if both.suite == "trixie":
        pytest.skip("2025.2 does not count boots")
    configure(both, "boot-counting-tries", "3")
    both.both("deploy", *ARGS, "--karg=a", "one")
    assert [*entries(both)] == ["ostree-1+3.conf"]
    # Written again, both numbers are in the name.
    both.both("deploy", *ARGS, "two")
    assert [*entries(both)] == ["ostree-1+3-0.conf", "ostree-2+3.conf"]
    # A loader has counted one boot, and another has proved good.
    for who in (THEIRS, OURS):
        place = both.view(who) / "boot/loader/entries"
        (place / "ostree-2+3.conf").rename(place / "ostree-2+2-1.conf")
        (place / "ostree-1+3-0.conf").rename(place / "ostree-1.conf")
    both.both("deploy", *ARGS, "one")
    assert [*entries(both)] == ["ostree-1.conf", "ostree-2+2-1.conf", "ostree-3+3.conf"]
    # A default with other arguments is a copy, which has no counters.
    both.both("instutil set-kargs", "--merge", "--append=b")
    assert [*entries(both)][-1] == "ostree-3.conf"
    both.both("undeploy", "0")
    both.both("set-default", "1")
    configure(both, "boot-counting-tries", "0")
    both.both("deploy", *ARGS, "two")
    assert [*entries(both)] == ["ostree-1.conf", "ostree-2.conf", "ostree-3.conf"]


def test_files_for_aboot(both, tmp_path):
    modules = {**PLAIN.modules, "aboot.img": "image"}
    root = build(tmp_path / "aboot", Tree("aboot", modules))
    (root / "usr/lib/ostree-boot").mkdir()
    (root / "usr/lib/ostree-boot/aboot.cfg").write_text("config\n")
    checksum = both.commit(root, "aboot", "1.0")
    configure(both, "bootprefix", "true")
    # `both` compares the entries, but for 2025.2's: it names other files.
    both.both("deploy", *ARGS, "--karg=a", "aboot")
    lines = entries(both)["ostree-1.conf"].splitlines()
    assert (
        f"abootcfg /ostree/deploy/testos/deploy/{checksum}.0/usr/lib/ostree-boot/aboot.cfg" in lines
    )
    (image,) = (line for line in lines if line.startswith("aboot "))
    assert image.startswith("aboot /ostree/testos-")


def test_equal_configurations_swap_no_entries(both, tmp_path):
    both.both("deploy", *ARGS, "--karg=a", "one")
    both.commit(build(tmp_path / "again", Tree("same", PLAIN.modules)), "same", "1.0")
    said = both.both("deploy", "--os=testos", "same")
    assert "bootconfig swap: yes" in said
    both.both("deploy", "--os=testos", "same")
    # A count that stays, one kernel, one version and the same arguments.
    said = both.both("deploy", "--os=testos", "one")
    assert "Transaction complete; bootconfig swap: no; bootversion: boot." in said


@pytest.fixture
def apart(both):
    """Each sysroot's /boot is a filesystem of its own, one that cannot be frozen."""
    for who in (THEIRS, OURS):
        outside = both.box.sysroot / Path(both.sysroot(who)).name / "boot"
        inside = f"{both.box.root}{both.sysroot(who)}/boot"
        both.box.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "boot", str(outside)])
        both.box.run(["mount", "--bind", str(outside), inside])
    yield both


def odd_owners(root: Path) -> None:
    modules = next((root / "usr/lib/modules").iterdir())
    for number, path in enumerate(sorted(modules.rglob("*"))):
        os.chown(path, 5 + number, 6)
        path.chmod(0o640 if path.is_file() else 0o750)
        os.setxattr(path, "user.note", b"of the tree")


def test_copies_in_a_boot_of_its_own(apart, tmp_path):
    """What cannot be a link is a copy, with the owner and the mode but no extended attributes."""
    for tree in TREES:
        if tree.legacy:
            continue
        root = rich(tmp_path / "odd", tree)
        odd_owners(root)
        apart.commit(root, tree.name, "3.0")
        apart.both("deploy", *ARGS, "--karg=a", tree.name)
    kernel = next(apart.view(OURS).glob("boot/ostree/testos-*/vmlinuz-*"))
    found = kernel.stat()
    assert (found.st_mode & 0o7777, found.st_gid, found.st_nlink) == (0o640, 6, 1)
    assert not os.listxattr(kernel)
    apart.both("instutil set-kargs", "--merge", "--append=b")
    apart.both("undeploy", "0")


def test_the_current_link_of_old_times(both):
    for who in (THEIRS, OURS):
        (both.view(who) / "ostree/deploy/testos/current").symlink_to("deploy/none")
    both.both("deploy", *ARGS, "--karg=a", "one")
    assert not (both.view(OURS) / "ostree/deploy/testos/current").is_symlink()


def test_only_the_other_os_release(both, tmp_path):
    root = build(tmp_path / "release", PLAIN)
    (root / "usr/lib/os-release").rename(root / "usr/etc/os-release")
    both.commit(root, "release", "1.2 rc")
    both.both("deploy", *ARGS, "--karg=a", "release")
    assert entries(both)["ostree-1.conf"].startswith("title Test OS 1.2 rc (ostree:0)\n")
