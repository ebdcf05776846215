"""Debian's kernels for real machines, without a system: the guest trees have the cloud's kernel.

That one has no USB and no memory cards, and NVMe built in.
"""

from dataclasses import dataclass
from pathlib import Path

from guest import cache
from guest.shell import run, say, step
from guest.tree import SUITE_OPTIONS, kernel_release

PACKAGE = "linux-image-amd64"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A root that has `usr/lib/modules/RELEASE`, with vmlinuz, config and indexes in it."""

    path: Path
    release: str

    @property
    def modules(self) -> Path:
        return self.path / "usr/lib/modules" / self.release

    @property
    def vmlinuz(self) -> Path:
        return self.modules / "vmlinuz"


def settle(root: Path) -> None:
    """Leaves of an unpacked package what Kernel names, where it names it."""
    release = next(path.name for path in sorted(root.glob("usr/lib/modules/*")))
    modules = root / "usr/lib/modules" / release
    for name in ("vmlinuz", "config"):
        if not (modules / name).exists():  # newer packages have them there
            (root / "boot" / f"{name}-{release}").rename(modules / name)
    for path in root.iterdir():
        if path.name != "usr":
            cache.remove(path)
    for top, kept in ((root / "usr", "lib"), (root / "usr/lib", "modules")):
        for path in top.iterdir():
            if path.name != kept:
                cache.remove(path)
    (root / "lib").symlink_to("usr/lib")  # where depmod looks
    run(["depmod", "-b", root, release])


def get(suite: str) -> Kernel:
    """The kernel of `suite`, from the cache or fetched now (100 MB)."""
    place = cache.root() / f"kernel-{suite}"

    def build(unfinished: Path) -> None:
        with step(f"kernel: fetching {PACKAGE} of {suite}"):
            words = [word for word in SUITE_OPTIONS.get(suite, ()) if word.startswith("--aptopt")]
            include = f"--include={PACKAGE}"
            run(["mmdebstrap", "--variant=extract", *words, include, suite, unfinished])
            settle(unfinished)

    if place.exists():
        say(f"kernel: reusing {place}")
    cache.obtain(place, build)
    return Kernel(place, kernel_release(place))
