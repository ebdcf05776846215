"""The core-only dialect: what boot-side modules import, and that they run under the core."""

import ast
import os
import subprocess
import sys

import pytest

from prepare_root.image import binary

PACKAGE = binary.PACKAGE_ROOT / "prepare_root"
CORE = {"sys", "errno", "_bootsys"}


def boot_side():
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in ("image", "__main__.py")
    ]


def imported(source):
    """Each imported module of `source`; a relative import keeps its dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            if node.module == "prepare_root":
                yield from (f"prepare_root.{alias.name}" for alias in node.names)


def foreign(source):
    return [
        name
        for name in imported(source)
        if name not in CORE
        and (name.split(".")[0] != "prepare_root" or name.startswith("prepare_root.image"))
    ]


@pytest.mark.parametrize("path", boot_side(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports(path):
    assert foreign(path.read_text()) == []


def test_the_walk_finds_the_modules():
    names = {str(path.relative_to(PACKAGE)) for path in boot_side()}
    assert {"main.py", "init.py", "plan.py", "formats/gvariant.py"} <= names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import os", ["os"]),
        ("def f():\n    import re, sys", ["re"]),
        ("from __future__ import annotations", ["__future__"]),
        ("from . import files", ["."]),
        ("from prepare_root import image", ["prepare_root.image"]),
        ("from prepare_root.image.run import run", ["prepare_root.image.run"]),
        ("import errno, _bootsys\nfrom prepare_root.formats import config", []),
    ],
)
def test_the_walk_sees_what_is_foreign(source, names):
    assert foreign(source) == names


# The same calls under both interpreters; whatever they give is compared as text.
ENTRY = r"""
import _bootsys

from prepare_root import composefs, kargs, kmodules, links, plan, rootdev, target, units, volatile
from prepare_root.errors import Failure, show
from prepare_root.formats import FormatError, base64, cfsimage, cmdline, config, gvariant
from prepare_root.formats import keyfile, nativeroot
from prepare_root.formats import parttable, superblock, utf16
from prepare_root.formats.booted import BootedMetadata
from prepare_root.target import Target


def fields(value: object) -> object:
    slots = getattr(value, "__slots__", None)
    return value if slots is None else [(name, getattr(value, name)) for name in slots]


def attempt(name: str, call, *words) -> None:
    try:
        text = repr(fields(call(*words)))
    except (Failure, FormatError) as error:
        text = f"{type(error).__name__}: {error}"
    _bootsys.write(1, f"{name}: {text}\n".encode("utf-8", "backslashreplace"))


def made(text: bytes, readonly: bool, kind: str) -> list[str]:
    wanted = config.parse(text)
    facts = plan.Facts(
        root=b"/sysroot",
        target=Target(b"/l", b"ostree/deploy/os/deploy/ab.0", b"os", 1, 2),
        links=[links.Found(name, link, kind, "w") for name, link in wanted.links],
        var_by=plan.VAR_OURS if readonly else plan.VAR_ADMIN,
        boot_here=True,
        readonly=readonly,
        hotfix=not readonly,
        filesystem_ro=False,
        labelled=False,
    )
    return [op.step + ": " + op.describe() for op in plan.make(facts, wanted)]


def run(argv: list[bytes], environ: list[bytes]) -> int:
    attempt("show", show, b"a\n\x1b\xff\xc3\xbc")
    for text in (b"", b"[boot]\nmount=no", b"[boot]\nmount=\xff", b"[var]\nmount=x", b"x",
                 b"[links]\nhome=\n/g/h=../i", b"[root]\ntransient=perhaps"):
        attempt("config", config.parse, text)
    for text in (b"quiet", b"composefs=?" + b"ab" * 32, b"composefs.digest=v1-x"):
        attempt("native", nativeroot.wanted, text)
    for text in (b"[etc]\nmount='none'\n[root]\ntransient=true", b"[var]\nmount=\xff", b"["):
        attempt("native", nativeroot.parse, text)
    attempt("base64", base64.decode, b"AAEC/w==")
    attempt("base64", base64.decode, b"AA*=")
    attempt("image", cfsimage.has_acl, bytes(2000))
    for text in (b"ostree.prepare-root.composefs=signed", b"ostree.prepare-root.composefs=\xff"):
        attempt("policy", composefs.policy, config.parse(b"[composefs]\nenabled=verity"), text)
    attempt("device", volatile.split, 0x12345678)
    attempt("keyfile", keyfile.parse, b"[a]\nb[de]=c\\sd\n[")
    for text in (b"root=UUID=1 rw rootwait=3", b"rootdelay=x", b'root="LABEL=a b" rootwait'):
        attempt("kargs", kargs.parse, text)
    attempt("cmdline", cmdline.parse, b'a "b c"=d e="f g" h')
    attempt("target", cmdline.find_ostree_target, b"androidboot.slot_suffix=_\xff")
    attempt("split", target.split_path, b"ostree/deploy/os/deploy/ab.0")
    attempt("find", target.find, argv[1], b"ostree=/ostree/root.a")
    attempt("find", target.find, argv[1], b"ostree=/ostree/none")
    attempt("find", target.find, argv[1], b"ostree=/ostree/out")
    attempt("modules", kmodules.parse, b"/a b=c\n# d\n/e")
    attempt("options", rootdev.mount_options, b"ro,noatime,subvol=a", False)
    attempt("wanted", rootdev.wanted, b"0801")
    attempt("wanted", rootdev.wanted, b"/dev/disk/by-label/a")
    attempt("utf16", utf16.label, b"a\0\x00\xd8\x00\xdc\x00\xdcb\0")
    attempt("superblock", superblock.identify, b"XFSB" + bytes(range(256)))
    attempt("span", parttable.gpt_entries_span, b"EFI PART" + bytes(64) + b"\2" + bytes(20), 512)
    attempt("mbr", parttable.mbr_partitions, bytes(512))
    attempt("gvariant", gvariant.encode, "a{sv}", {"a": gvariant.Variant("t", 7)}, False)
    attempt("booted", BootedMetadata.decode, b"\xff\xff")
    attempt("unit", units.mount_name, b"a-b/\xc3\xbc")
    attempt("unit", units.mount, b"root", b"var/all %\\\"' ", 0o700)
    for kind in (links.ABSENT, links.RIGHT, links.EMPTY, links.OTHER):
        attempt("plan", made, b"", True, kind)
        attempt("plan", made, b"[record]\nmounts=1", False, kind)
    return 5
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    root = tmp_path_factory.mktemp("dialect")
    (root / "both").mkdir()
    (root / "both/__init__.py").write_text("")
    (root / "both/main.py").write_text(ENTRY)
    return root


@pytest.fixture(scope="module")
def sysroot(tmp_path_factory):
    root = tmp_path_factory.mktemp("sysroot")
    (root / "ostree/deploy/os/deploy/ab.0/usr").mkdir(parents=True)
    (root / "ostree/root.a").symlink_to("deploy/os/deploy/ab.0")
    (root / "ostree/out").symlink_to("/etc")
    return root


def test_same_under_the_core(program, sysroot):
    binary.build(
        program / "both-core", entry="both.main", package_roots=(program, binary.PACKAGE_ROOT)
    )
    core = subprocess.run([program / "both-core", sysroot], check=False, capture_output=True)
    paths = [program, binary.PACKAGE_ROOT, *(path for path in sys.path if path)]
    code = (
        "import os, sys; from both.main import run;"
        " sys.exit(run([os.fsencode(word) for word in sys.argv], []))"
    )
    host = subprocess.run(
        [sys.executable, "-c", code, sysroot],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        check=False,
        capture_output=True,
    )
    assert (core.stderr, core.returncode) == (b"", 5)
    assert (host.stderr, host.returncode) == (b"", 5)
    assert core.stdout.splitlines() == host.stdout.splitlines()
    # the comparison has something in it: values, failures and the real directories
    lines = core.stdout.decode().splitlines()
    assert len(lines) == 50  # one for each attempt
    assert "show: 'a\\\\x0a\\\\x1b\\\\xffü'" in lines
    assert "config: ConfigError: [var] mount: 'x' is not one of auto, yes, no" in lines
    assert "find: Failure: find deployment: /ostree/none: no such link" in lines
    assert "find: Failure: find deployment: /ostree/out: leads outside the sysroot" in lines
    assert sum("('stateroot', b'os')" in line for line in lines) == 1
