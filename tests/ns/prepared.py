"""What a prepared root has to look like, and the check that it looks exactly so."""

from dataclasses import dataclass, field

from footprint import TOUCHED, Footprint
from namespace import Mount, Outcome
from sysroots import DEPLOYMENT, STATEROOT

from prepare_root.formats.booted import BootedMetadata

VAR = f"ostree/deploy/{STATEROOT}/var"
DIRECTORY = "drwxr-xr-x"


@dataclass(frozen=True, slots=True)
class Expected:
    """Everything that a preparation may leave behind; what is not listed must not be there.

    `mounts`: path below the new root → (root within the filesystem, read-only, propagation).
    `run`: path below /run → its mode.  `texts`: path below /run → lines its file must have.
    `physical`: path on the physical root → what `footprint.compare` says of it.
    `reports`: the lines about names that are left alone; `notes`: operations that failed
    without harm.  `metadata`: what /run/ostree-booted says beside the usual.
    """

    readonly: bool = False
    mounts: dict[str, tuple[str, bool, str]] = field(default_factory=dict)
    run: dict[str, str] = field(default_factory=dict)
    texts: dict[str, set[str]] = field(default_factory=dict)
    physical: dict[str, str] = field(default_factory=dict)
    reports: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)
    metadata: dict[str, bool] = field(default_factory=dict)

    def make_target(self, path: str, mode: str) -> None:
        """A directory on the physical root is made."""
        self.physical[path] = f"made {mode} 0:0"
        self.physical[path.rpartition("/")[0]] = TOUCHED

    def make_link(self, path: str, text: str) -> None:
        """A symlink in the deployment is made; the immutable flag is as before."""
        self.physical[f"{DEPLOYMENT}/{path}"] = f"made lrwxrwxrwx 0:0 -> {text}"
        self.physical[f"{DEPLOYMENT}/{path}".rpartition("/")[0]] = TOUCHED

    def write(self, path: str, *lines: str) -> None:
        """A file below /run is written, with these lines among others."""
        parts = path.split("/")
        for count in range(1, len(parts)):
            self.run["/".join(parts[:count])] = DIRECTORY
        self.run[path] = "-rw-r--r--"
        self.texts.setdefault(path, set()).update(lines)


def basic_mounts(
    *, readonly: bool = False, var: bool = False, boot: bool = True, filesystem_ro: bool = False
) -> dict[str, tuple[str, bool, str]]:
    """The mounts of a root without links to bind, as libostree makes them.

    `readonly` is `sysroot.readonly`; `filesystem_ro` that the root filesystem was mounted so.
    """
    deployment = "/" + DEPLOYMENT
    mounts = {
        ".": (deployment, filesystem_ro, "private"),
        "usr": (deployment + "/usr", True, "private"),
        "sysroot": ("/", readonly or filesystem_ro, "private"),
    }
    if boot:
        mounts["boot"] = ("/boot", filesystem_ro, "private")
    if readonly:
        mounts["etc"] = (deployment + "/etc", False, "private")
        mounts["sysroot/" + VAR] = ("/" + VAR, False, "private")
    if var:
        mounts["var"] = ("/" + VAR, filesystem_ro and not readonly, "shared")
    return mounts


def basic(**how: bool) -> Expected:
    """What every preparation leaves, links left out; `how` is for `basic_mounts`."""
    expected = Expected(readonly=how.get("readonly", False), mounts=basic_mounts(**how))
    expected.run.update({"ostree": DIRECTORY, "ostree/.private": "d---------"})
    expected.run["ostree-booted"] = "-rw-r--r--"
    return expected


def text_of(outcome: Outcome, path: str) -> str:
    """The text of a file below /run."""
    return bytes.fromhex(outcome.run[path].partition(" ")[2]).decode()


def in_sysroot(mount: Mount) -> bool:
    """True for the mounts at and below the new root."""
    return mount.point == "/sysroot" or mount.point.startswith("/sysroot/")


def check_mounts(outcome: Outcome, expected: dict[str, tuple[str, bool, str]]) -> None:
    """The mounts at and below the new root are these, and none is left elsewhere."""
    assert outcome.status == 0, outcome.stderr
    found = {
        path: (mount.root, mount.readonly, mount.propagation)
        for path, mount in outcome.below("/sysroot").items()
    }
    assert found == expected
    elsewhere = {mount.point for mount in outcome.mounts if not in_sysroot(mount)}
    assert elsewhere == {"/", "/proc", "/proc/cmdline", "/dev", "/run"}


def check_booted(outcome: Outcome, expected: Expected) -> None:
    """/run/ostree-booted is byte for byte what libostree's programs expect."""
    assert outcome.inode is not None
    metadata = BootedMetadata(
        device=outcome.device,
        inode=outcome.inode,
        sysroot_ro=expected.readonly,
        **expected.metadata,
    )
    assert outcome.booted == metadata.encode()


def check(outcome: Outcome, changed: Footprint, expected: Expected) -> None:
    """Raises AssertionError when anything differs from `expected`."""
    check_mounts(outcome, expected.mounts)
    check_booted(outcome, expected)
    assert {path: what.split(" ")[0] for path, what in outcome.run.items()} == expected.run
    for path, lines in expected.texts.items():
        found = text_of(outcome, path).splitlines()
        assert lines <= set(found), (path, found)
    assert changed.physical == expected.physical
    # /sysroot.tmp came and went.
    assert changed.initramfs == {".": TOUCHED}
    said = [line.removeprefix("prepare-root: ") for line in outcome.stderr.splitlines()]
    assert {line for line in said if line.startswith("link: ")} == expected.reports
    notes = {line.partition(":")[0] for line in said if line.endswith("; not fatal")}
    assert notes == expected.notes
