"""Looking at a physical root: all that the plan needs to know, and what is refused."""

import pytest

from prepare_root import links, log, plan
from prepare_root import sysroot as looking
from prepare_root.errors import Failure
from prepare_root.formats import config as configuration

CHECKSUM = "ab" * 32
DEPLOYMENT = f"ostree/deploy/os/deploy/{CHECKSUM}.0"
CMDLINE = b"quiet ostree=/ostree/root.a"


@pytest.fixture(autouse=True)
def plain_lines():
    log.to_stderr([])


@pytest.fixture
def sysroot(tmp_path):
    root = tmp_path / "sysroot"
    for name in ("usr", "sysroot", "var", "etc", "boot", "home"):
        (root / DEPLOYMENT / name).mkdir(parents=True)
    (root / "ostree/deploy/os/var").mkdir()
    (root / "ostree/repo").mkdir()
    (root / "ostree/root.a").symlink_to(DEPLOYMENT.removeprefix("ostree/"))
    (root / "boot/loader.1").mkdir(parents=True)
    (root / "boot/loader").symlink_to("loader.1")
    return root


@pytest.fixture(autouse=True)
def no_marker(tmp_path, monkeypatch):
    """This machine's /run says nothing to the tests."""
    monkeypatch.setattr(looking, "VAR_MARKER", bytes(tmp_path / "initramfs-mount-var"))


def observe(root, text=b"", cmdline=CMDLINE):
    return looking.observe(bytes(root), cmdline, configuration.parse(text))


def failure(call, *words):
    with pytest.raises(Failure) as caught:
        call(*words)
    return caught.value


def test_observe(sysroot):
    facts = observe(sysroot)
    assert (facts.root, facts.target.path) == (bytes(sysroot), DEPLOYMENT.encode())
    assert facts.deployment == bytes(sysroot / DEPLOYMENT)
    assert (facts.boot_here, facts.readonly, facts.hotfix, facts.labelled) == (
        *(True, False, False, False),
    )
    assert facts.var_by == plan.VAR_OURS
    kinds = {found.name: found.kind for found in facts.links}
    assert kinds[b"home"] == links.EMPTY
    assert kinds[b"srv"] == links.ABSENT


def test_a_sysroot_by_a_link_is_its_real_place(sysroot, tmp_path):
    """The move needs the mount point itself."""
    (tmp_path / "way").symlink_to(sysroot)
    assert observe(tmp_path / "way").root == bytes(sysroot)


def test_looking_changes_nothing(sysroot):
    def tree():
        paths = sorted(sysroot.rglob("*"))
        return [(path, path.lstat().st_mtime_ns, path.lstat().st_mode) for path in paths]

    before = tree()
    observe(sysroot)
    assert tree() == before


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        (lambda root: (root / "boot/loader").unlink(), "boot_here", False),
        (lambda root: (root / DEPLOYMENT / "boot").rmdir(), "boot_here", False),
        (lambda root: (root / DEPLOYMENT / ".usr-ovl-work").mkdir(), "hotfix", True),
        (
            lambda root: (root / DEPLOYMENT / "etc/fstab").write_text("LABEL=v /var ext4\n"),
            "var_by",
            plan.VAR_ADMIN,
        ),
        (
            lambda root: (root / "ostree/repo/config").write_text("[sysroot]\nreadonly=true\n"),
            "readonly",
            True,
        ),
    ],
)
def test_what_is_seen(sysroot, change, field, value):
    assert getattr(observe(sysroot), field) is not value
    change(sysroot)
    assert getattr(observe(sysroot), field) == value


@pytest.mark.parametrize(
    ("table", "below"),
    [
        ("1 0 8:1 / {root} rw - ext4 /dev/vda rw\n", False),
        ("1 0 8:1 / {root}2/boot rw - ext4 /dev/vda rw\n", False),
        ("1 0 8:1 / {root} rw - ext4 /dev/a rw\n2 1 8:2 / {root}/boot rw - ext4 /dev/b rw\n", True),
        (None, True),
    ],
)
def test_what_is_mounted_below(sysroot, monkeypatch, table, below):
    read = looking.files.read

    def instead(path):
        if path != b"/proc/self/mountinfo":
            return read(path)
        if table is None:
            raise FileNotFoundError(2, "No such file or directory", path)
        return table.format(root=sysroot).encode()

    monkeypatch.setattr(looking.files, "read", instead)
    assert observe(sysroot).mounted_below is below


@pytest.mark.parametrize("name", ["with space", "back\\slash", "hash#"])
def test_a_path_that_is_quoted_in_the_table(sysroot, name):
    """What is mounted below it cannot be known by a mere look."""
    other = sysroot.rename(sysroot.with_name(name))
    assert observe(other).mounted_below


def test_an_selinux_policy_and_a_generator(sysroot):
    (sysroot / DEPLOYMENT / "etc/selinux").mkdir()
    assert not observe(sysroot).labelled
    (sysroot / DEPLOYMENT / "etc/selinux/config").write_text("")
    generator = sysroot / DEPLOYMENT / looking.GENERATOR.decode()[1:]
    generator.parent.mkdir(parents=True)
    generator.write_text("")
    facts = observe(sysroot)
    assert (facts.labelled, facts.var_by) == (True, plan.VAR_SYSTEM)


def test_the_marker_and_volatile(sysroot, tmp_path):
    assert observe(sysroot, b"[var]\nmount=no").var_by == plan.VAR_SYSTEM
    (tmp_path / "initramfs-mount-var").write_text("")
    assert observe(sysroot, b"[var]\nmount=no").var_by == plan.VAR_OURS
    volatile = CMDLINE + b" systemd.volatile=yes"
    assert observe(sysroot, b"", volatile).var_by == plan.VAR_VOLATILE


def test_fstab_that_leads_out_of_the_deployment(sysroot, tmp_path):
    """An absolute link means a place of the deployment, not of the machine that boots."""
    (tmp_path / "fstab").write_text("LABEL=v /var ext4\n")
    (sysroot / DEPLOYMENT / "etc/fstab").symlink_to(tmp_path / "fstab")
    assert observe(sysroot).var_by == plan.VAR_OURS


@pytest.mark.parametrize(
    ("config", "repo", "readonly"),
    [
        (b"", "[sysroot]\nreadonly=true\n", True),
        (b"", "[sysroot]\nreadonly=false\n", False),
        (b"", "[core]\nmode=bare\n", False),
        (b"[sysroot]\nreadonly=true", "[core]\nmode=bare\n", True),
        (b"[sysroot]\nreadonly=false", "[sysroot]\nreadonly=true\n", True),  # as in libostree
    ],
)
def test_who_says_readonly(sysroot, config, repo, readonly):
    (sysroot / "ostree/repo/config").write_text(repo)
    assert observe(sysroot, config).readonly is readonly


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "[sysroot]\nreadonly=yes\n",
            "line 2: [sysroot] readonly: 'yes' is not true, 1, false or 0",
        ),
        ("[sysroot\n", "line 1: '[sysroot' is not a key, a group or a comment"),
        (None, "Is a directory"),
    ],
)
def test_a_repository_that_cannot_be_read_is_a_note(sysroot, capfd, text, reason):
    if text is None:
        (sysroot / "ostree/repo/config").mkdir()
    else:
        (sysroot / "ostree/repo/config").write_text(text)
    assert not observe(sysroot).readonly
    assert capfd.readouterr().err == (
        "prepare-root: read repository configuration: /ostree/repo/config:"
        f" {reason}; not made read-only\n"
    )


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (b"", "sysroot"),
        (b"[var]\nmount=yes", "var"),
        (b"[sysroot]\nreadonly=true", "etc"),
    ],
)
@pytest.mark.parametrize("how", ["absent", "link"])
def test_mount_points_are_needed(sysroot, text, missing, how):
    """A link would lead the mount to another place."""
    (sysroot / DEPLOYMENT / missing).rmdir()
    if how == "link":
        (sysroot / DEPLOYMENT / missing).symlink_to("usr")
    assert str(failure(observe, sysroot, text)) == (
        f"look at deployment: {DEPLOYMENT}: not a deployment:"
        f" it has no directory '{missing}' to mount on"
    )


def test_mount_points_that_nothing_is_mounted_on(sysroot):
    for name in ("etc", "var"):
        (sysroot / DEPLOYMENT / name).rmdir()
    assert observe(sysroot, b"[var]\nmount=no").var_by == plan.VAR_SYSTEM


def test_etc_that_cannot_be_looked_at(sysroot):
    (sysroot / DEPLOYMENT / "etc/fstab").symlink_to("fstab")
    error = failure(observe, sysroot)
    assert str(error) == "look at deployment: etc/fstab: Too many levels of symbolic links"


# ---- composefs and transient roots ------------------------------------------


IMAGE = f"{DEPLOYMENT}/.ostree.cfs"


@pytest.mark.parametrize("key", ["transient", "transient-ro"])
def test_a_transient_root_needs_an_image(sysroot, key):
    error = failure(observe, sysroot, f"[root]\n{key}=true".encode())
    assert str(error) == (
        "read configuration: [root] transient: only a composefs image can have a transient root,"
        " and this root has none"
    )
    assert error.hint == "set [composefs] enabled=yes, and deploy with composefs"


@pytest.mark.parametrize(
    ("word", "cmdline", "there", "image"),
    [
        ("no", b"", True, False),
        ("maybe", b"", False, False),
        ("maybe", b"", True, True),
        ("yes", b"", True, True),
        ("no", b" ostree.prepare-root.composefs=1", True, True),
        ("yes", b" ostree.prepare-root.composefs=no", True, False),
        ("yes", b" ostree.prepare-root.composefs=maybe", False, False),
        # only whole words, only the first
        ("no", b" xostree.prepare-root.composefs=yes", True, False),
        (
            "no",
            b" ostree.prepare-root.composefs=no ostree.prepare-root.composefs=yes",
            True,
            False,
        ),
    ],
)
def test_image_or_plain_root(sysroot, word, cmdline, there, image):
    if there:
        (sysroot / IMAGE).write_text("")
    found = observe(sysroot, f"[composefs]\nenabled={word}".encode(), CMDLINE + cmdline)
    assert (found.image is not None) is image
    metadata = plan.booted_metadata(found)
    assert metadata.composefs == (True if image else None)
    assert bool(found.volatile_root) <= image


def test_an_image_that_is_not_there(sysroot):
    error = failure(observe, sysroot, b"[composefs]\nenabled=yes")
    assert str(error) == f"mount root: {IMAGE}: the deployment has no composefs image"
    assert "[ex-integrity] composefs=true" in error.hint


def test_an_argument_that_is_none(sysroot):
    error = failure(observe, sysroot, b"", CMDLINE + b" ostree.prepare-root.composefs=on")
    assert str(error) == (
        "read kernel command line: ostree.prepare-root.composefs:"
        " 'on' is not one of yes, no, maybe, signed, verity"
    )


@pytest.mark.parametrize(
    ("text", "repo", "readonly"),
    [
        ("", "true", True),
        ("", "false", False),
        ("[composefs]\nenabled=yes", "false", True),
        ("[composefs]\nenabled=maybe", "false", False),
        ("[composefs]\nenabled=maybe", "true", True),
        # the repository has no say in what protects an image
        ("[composefs]\nenabled=yes\n[sysroot]\nreadonly=false", "true", False),
        ("[composefs]\nenabled=maybe\n[sysroot]\nreadonly=false", "true", True),
    ],
)
def test_readonly_beside_an_image(sysroot, text, repo, readonly):
    (sysroot / IMAGE).write_text("")
    (sysroot / "ostree/repo/config").write_text(f"[sysroot]\nreadonly={repo}\n")
    assert observe(sysroot, text.encode()).readonly is readonly


def test_transient_etc_has_a_name_of_its_own(sysroot):
    (sysroot / DEPLOYMENT / "usr/etc").mkdir()
    text = b"[sysroot]\nreadonly=true\n[etc]\ntransient=true"
    first, second = observe(sysroot, text).etc_scratch, observe(sysroot, text).etc_scratch
    prefix, _, suffix = first.rpartition(b".")
    assert (prefix, len(suffix), suffix.isalnum()) == (b"/run/ostree/transient-etc", 6, True)
    assert first != second


def test_transient_etc_without_a_mount_of_its_own(sysroot, capfd):
    """libostree says nothing then; ours says that it has no effect."""
    assert observe(sysroot, b"[etc]\ntransient=true").etc_scratch == b""
    assert "[etc] transient: no effect, since neither" in capfd.readouterr().err


def test_transient_etc_needs_the_trees_own(sysroot):
    text = b"[sysroot]\nreadonly=true\n[etc]\ntransient=true"
    error = failure(observe, sysroot, text)
    assert error.reason == "not a deployment: it has no directory 'usr/etc' to mount on"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("", links.OTHER), ("transient-ro=true", links.OTHER), ("transient=true", links.ABSENT)],
)
def test_links_that_an_image_lacks(sysroot, text, kind):
    (sysroot / IMAGE).write_text("")
    found = observe(sysroot, f"[composefs]\nenabled=yes\n[root]\n{text}".encode())
    (opt,) = (link for link in found.links if link.name == b"opt")
    assert opt.kind == kind


def test_no_sysroot(tmp_path):
    assert str(failure(observe, tmp_path / "none")) == (
        f"open sysroot: {tmp_path}/none: No such file or directory"
    )
    (tmp_path / "file").write_text("")
    assert str(failure(observe, tmp_path / "file")) == (
        f"open sysroot: {tmp_path}/file: Not a directory"
    )
