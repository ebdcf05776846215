"""Names and texts for systemd: by table, and read back by systemd's own programs."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from prepare_root import units

SYSTEMD = next((path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
                if Path(path).exists()), None)  # fmt: skip
NEEDS_SYSTEMD = pytest.mark.skipif(SYSTEMD is None, reason="no systemd")
NAMES = [
    (b"home", b"home.mount"),
    (b"usr/local", b"usr-local.mount"),
    (b"my-data", b"my\\x2ddata.mount"),
    (b".hidden/.x", b"\\x2ehidden-.x.mount"),
    (b"a b:c_d@e", b"a\\x20b:c_d\\x40e.mount"),
    ("gr\u00fcn".encode(), b"gr\\xc3\\xbcn.mount"),
    (b"back\\slash", b"back\\x5cslash.mount"),
    (b"100%", b"100\\x25.mount"),
    (b"'\"`$", b"\\x27\\x22\\x60\\x24.mount"),
]
# path, as a value, as a word
PATHS = [
    (b"var/home", b"/var/home", b"/var/home"),
    (b"var/a b", b"/var/a b", b'"/var/a b"'),
    (b"var/ ", b"/var/ /", b'"/var/ "'),
    (b"var/%h", b"/var/%%h", b"/var/%%h"),
    (b"var/a\\b", b"/var/a\\b", b'"/var/a\\\\b"'),
    (b"var/a\\x20b", b"/var/a\\x20b", b'"/var/a\\\\x20b"'),
    (b"var/end\\", b"/var/end\\/", b'"/var/end\\\\"'),
    (b'var/"q"', b'/var/"q"', b'"/var/\\"q\\""'),
    (b"var/it's", b"/var/it's", b'"/var/it\'s"'),
    (b"var/a;#b", b"/var/a;#b", b"/var/a;#b"),
    (b"var/$x`*?[", b"/var/$x`*?[", b"/var/$x`*?["),
    ("var/gr\u00fcn".encode(), *("/var/gr\u00fcn".encode(),) * 2),
    (b"var/all %\\\"' ", b"/var/all %%\\\"' /", b'"/var/all %%\\\\\\"\' "'),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_mount_name(name, expected):
    assert units.mount_name(name) == expected


@pytest.mark.skipif(shutil.which("systemd-escape") is None, reason="no systemd-escape")
@pytest.mark.parametrize("name", [name for name, _ in NAMES] + [path[0] for path in PATHS])
def test_mount_name_is_systemds(name):
    words = [b"systemd-escape", b"--path", b"--suffix=mount", b"/" + name]
    done = subprocess.run(words, check=True, capture_output=True)
    assert units.mount_name(name) == done.stdout.removesuffix(b"\n")


def test_mount_and_wants():
    assert units.mount(b"root", b"var/roothome", 0o700).decode().splitlines()[1:] == [
        "[Unit]",
        "Description=Bind /var/roothome to /root",
        "RequiresMountsFor=/var/roothome",
        "Before=local-fs.target",
        "",
        "[Mount]",
        "What=/var/roothome",
        "Where=/root",
        "Type=none",
        "Options=bind",
        "DirectoryMode=0700",
    ]
    assert units.mount(b"root", b"var/roothome", 0o700).startswith(b"# ")
    assert units.wants(b"a\\x20b.mount") == b"[Unit]\nWants=a\\x20b.mount\n"


@pytest.mark.parametrize(("path", "value", "word"), PATHS)
def test_mount_is_quoted(path, value, word):
    text = units.mount(path, path, 0o755)
    assert b"\nWhat=" + value + b"\n" in text
    assert b"\nWhere=" + value + b"\n" in text
    assert b"\nRequiresMountsFor=" + word + b"\n" in text


@pytest.mark.parametrize(("path", "_", "word"), PATHS)
def test_tmpfiles_directory_is_quoted(path, _, word):
    assert units.tmpfiles_directory(path, 0o700) == b"d " + word + b" 0700 root root -\n"


@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="no systemd-tmpfiles")
def test_tmpfiles_makes_these_directories(tmp_path):
    wanted = [path for path, *_ in PATHS]
    lines = b"".join(units.tmpfiles_directory(path, 0o755) for path in wanted)
    user = f"{os.getuid()} {os.getgid()}".encode()
    (tmp_path / "links.conf").write_bytes(lines.replace(b"root root", user))
    root = tmp_path / "root"
    root.mkdir()
    words = ["systemd-tmpfiles", "--create", f"--root={root}", tmp_path / "links.conf"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    made = {os.fsencode(path.relative_to(root)) for path in (root / "var").iterdir()}
    assert made == set(wanted)


def as_nobody(*words, **environ):
    """systemd's test mode as an ordinary user: as root it could act on this machine."""
    if os.geteuid() == 0:
        words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words)
    return subprocess.run(
        words,
        env={"PATH": os.environ["PATH"], "HOME": "/", **environ},
        check=False,
        capture_output=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def loaded():
    """What systemd's test mode says of a mount unit for each path, `/x/PATH` on `/PATH`.

    Not below pytest's own directory, which is closed to the ordinary user.
    """
    with tempfile.TemporaryDirectory(prefix="units-") as directory:
        return load(Path(directory))


def load(place):
    place.chmod(0o755)
    (place / "links.target.d").mkdir()
    (place / "links.target").write_text("[Unit]\n")
    for path, *_ in PATHS:
        name = units.mount_name(path)
        (place / os.fsdecode(name)).write_bytes(units.mount(path, b"x/" + path, 0o755))
        drop_in = place / "links.target.d" / os.fsdecode(b"50-" + name + b".conf")
        drop_in.write_bytes(units.wants(name))
    done = as_nobody(
        *(SYSTEMD, "--test", "--system", "--unit=links.target", "--no-pager"),
        SYSTEMD_UNIT_PATH=f"{place}:",
        XDG_RUNTIME_DIR=str(place),
    )
    if b"Cannot determine cgroup we are running in" in done.stderr:
        pytest.skip("no cgroup filesystem is mounted: systemd's test mode wants one")
    complaints = [line for line in done.stderr.splitlines() if os.fsencode(place) in line]
    found = {}
    arrow = "^\t?(?:->|\u2192) Unit ".encode()  # the latter on Debian 13
    for block in re.split(arrow, done.stdout, flags=re.MULTILINE)[1:]:
        found[block.partition(b":\n")[0]] = block
    return done, complaints, found


@NEEDS_SYSTEMD
def test_systemd_complains_about_none(loaded):
    done, complaints, found = loaded
    assert complaints == [], done.stderr
    assert {units.mount_name(path) for path, *_ in PATHS} <= set(found), done.stderr


@NEEDS_SYSTEMD
@pytest.mark.parametrize("path", [path for path, *_ in PATHS])
def test_systemd_reads_the_same_paths(loaded, path):
    block = loaded[2][units.mount_name(path)]
    assert b"Unit Load State: loaded\n" in block
    assert b"\tWhere: /" + path + b"\n" in block
    (what,) = re.findall(rb"\tWhat: (.*)\n", block)
    assert os.path.normpath(what) == b"/x/" + path
    needs = re.findall(rb"RequiresMountsFor: (.*) \(origin-(\w+)", block)
    assert (b"/x/" + path, b"file") in needs
    assert {need for need, _ in needs} == {b"/x/" + path, (b"/" + path).rpartition(b"/")[0]}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_analyze_verifies(tmp_path):
    """And does not, when the name of the unit is that of another path."""
    path = b"var/all %\\\"' "
    good = tmp_path / os.fsdecode(units.mount_name(path))
    good.write_bytes(units.mount(path, b"x/" + path, 0o755))
    bad = tmp_path / "other.mount"
    bad.write_bytes(units.mount(path, b"x", 0o755))

    def verify(unit):
        words = ["systemd-analyze", "verify", "--man=no", unit]
        return subprocess.run(words, check=False, capture_output=True, text=True)

    assert verify(good).stderr == ""
    assert "Where= setting doesn't match unit name" in verify(bad).stderr
