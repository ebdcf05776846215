"""What configurations in an initramfs ask for, and whether a deployment has it."""

import stat

import pytest

from bootentries import preflight
from bootentries.errors import BootentriesError
from bootentries.preflight import CONFIGS, OFF, check_deployment, misfit, refuse_misfit
from bootentries.sysroot import load
from prepare_root.image.cpio import TRAILER, Member

ETC, USR = CONFIGS
YES = b"[composefs]\nenabled = yes\n"
TRANSIENT = b"[root]\ntransient = true\n"
NO_IMAGE = "it demands composefs ({}), and the deployment has no .ostree.cfs"
NO_COMPOSEFS = "it demands a transient root, which takes composefs"

# configuration files, options, whether there is an image: the reason, or None
CASES = {
    "nothing": ({}, "", False, None),
    "off": ({USR: b"[composefs]\nenabled=no\n"}, "", False, None),
    "maybe": ({USR: b"[composefs]\nenabled=maybe\n"}, "", False, None),
    "yes": ({USR: YES}, "", True, None),
    "yes without": ({USR: YES}, "", False, NO_IMAGE.format("yes")),
    "signed": ({USR: b"[composefs]\nenabled=signed\n"}, "", False, NO_IMAGE.format("signed")),
    "verity": ({USR: b"[composefs]\nenabled=verity\n"}, "", False, NO_IMAGE.format("verity")),
    "etc wins": ({USR: YES, ETC: b""}, "", False, None),
    "etc wins, too": ({USR: b"", ETC: YES}, "", False, NO_IMAGE.format("yes")),
    "argument": ({USR: YES}, "ostree.prepare-root.composefs=0", False, None),
    "argument on": ({}, "ostree.prepare-root.composefs=1", False, NO_IMAGE.format("yes")),
    "transient": ({USR: TRANSIENT}, "", True, NO_COMPOSEFS),
    "transient, maybe": ({USR: TRANSIENT + b"[composefs]\nenabled=maybe\n"}, "", True, None),
    "transient, none": (
        {USR: TRANSIENT + b"[composefs]\nenabled=maybe\n"}, "", False, NO_COMPOSEFS,
    ),
    "transient composefs": ({USR: TRANSIENT + YES}, "", True, None),
    "both": (
        {USR: TRANSIENT + b"transient-ro = 1\n" + YES}, "", True,
        "[root] transient and transient-ro exclude each other",
    ),
    "boolean": (
        {USR: b"[etc]\ntransient = yes\n"}, "", True,
        "line 2: [etc] transient: 'yes' is not true, 1, false or 0",
    ),
    "word": (
        {USR: b"[composefs]\nenabled=on\n"}, "", True,
        "[composefs] enabled: 'on' is not one of yes, no, maybe, signed, verity",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_table(case):
    files, options, has_image, reason = CASES[case]
    found = misfit(files, options, has_image, "deploy/initramfs.img")
    assert (found and found.reason) == reason
    if found is not None and files:
        name = ETC if ETC in files else USR
        assert found.place == f"deploy/initramfs.img: {name}"


def image(config: bytes) -> bytes:
    member = Member(USR, stat.S_IFREG | 0o644, data=config)
    return member.encode() + Member(TRAILER, 0).encode()


def test_a_deployment_is_refused_unless_told_otherwise(fake, root, run):
    item = load(root, run).deployments[0]
    tree = fake.deployment() / "usr/lib/modules/6.1"
    (tree / "initramfs.img").unlink()
    (tree / "initramfs.img").write_bytes(image(YES))
    with pytest.raises(BootentriesError, match=r"check initramfs: .*: usr/lib/ostree/") as caught:
        refuse_misfit(root, item, frozenset())
    assert caught.value.reason == NO_IMAGE.format("yes")
    assert (caught.value.hint or "").endswith(
        "OSTREE_SYSROOT_OPTS=no-preflight deploys it all the same"
    )
    assert refuse_misfit(root, item, frozenset({OFF})) is None
    # An overlay is unpacked later, and so wins.
    assert refuse_misfit(root, item, frozenset(), (image(b""),)) is None
    (fake.deployment() / ".ostree.cfs").touch()
    assert refuse_misfit(root, item, frozenset()) is None


def test_what_cannot_be_read_is_a_remark(fake, root, run):
    item = load(root, run).deployments[0]
    tree = fake.deployment() / "usr/lib/modules/6.1"
    (tree / "initramfs.img").unlink()
    assert check_deployment(root, item) is None
    (tree / "initramfs.img").write_bytes(b"no archive")
    remark = refuse_misfit(root, item, frozenset())
    assert remark is not None
    assert remark.startswith("the configuration in the initramfs was not checked: read initramfs")


def test_a_shared_initramfs_is_read_once(fake, root, run, monkeypatch):
    items = load(root, run).deployments
    paths = [fake.deployment(n) / "usr/lib/modules/6.1/initramfs.img" for n in range(2)]
    paths[1].unlink()
    paths[0].write_bytes(image(YES))
    paths[1].hardlink_to(paths[0])
    calls = []
    read = preflight.read_files
    monkeypatch.setattr(preflight, "read_files", lambda *args: calls.append(1) or read(*args))
    known: preflight.Known = {}
    assert all(check_deployment(root, item, known=known) for item in items)
    assert calls == [1]
