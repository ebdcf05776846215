"""`bootentries-grub2-exec`: the menu for lists that libostree itself writes.

libostree runs the program in OSTREE_GRUB2_EXEC with `-o FILE` and the boot version in
_OSTREE_GRUB2_BOOTVERSION, after the entries and boot links are written and before its swap.
"""

import argparse
import os
import sys
from pathlib import Path

from bootentries.errors import BootentriesError, from_os_error
from bootentries.loaders.grub_menu import grub_menu
from bootentries.loaders.read import read_menu
from bootentries.root import open_root

_PROGRAM = "bootentries-grub2-exec"


def main(argv: list[str] | None = None) -> None:
    """Write the menu; never returns."""
    parser = argparse.ArgumentParser(prog=_PROGRAM, description=(__doc__ or "").strip())
    parser.add_argument("-o", "--output", metavar="FILE", required=True)
    parser.add_argument("--sysroot", metavar="PATH", help="default: found from FILE")
    options = parser.parse_args(argv)
    try:
        generate(options.output, options.sysroot, dict(os.environ))
    except BootentriesError as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        sys.exit(error.status)
    except OSError as error:
        print(f"{_PROGRAM}: write menu: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def generate(output: str, sysroot: str | None, environ: dict[str, str]) -> None:
    """Write the menu of the boot version that libostree names into `output`."""
    version = environ.get("_OSTREE_GRUB2_BOOTVERSION", "")
    if version not in ("0", "1"):
        raise BootentriesError(
            "generate menu", "_OSTREE_GRUB2_BOOTVERSION", f"{version!r} is not 0 or 1",
            hint="libostree sets it; by hand use: bootentries instutil grub2-generate",
        )  # fmt: skip
    with open_root(sysroot or find_sysroot(output, environ)) as root:
        text = grub_menu(read_menu(root, int(version)))
    try:
        with Path(output).open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fdatasync(file.fileno())
    except OSError as error:
        raise from_os_error("write menu", error, output) from error


def find_sysroot(output: str, environ: dict[str, str]) -> str:
    """Return the sysroot that a menu file belongs to: the nearest directory with /ostree."""
    for directory in Path(output).absolute().parents:
        if (directory / "ostree" / "deploy").is_dir():
            return str(directory)
    if environ.get("OSTREE_SYSROOT"):
        return environ["OSTREE_SYSROOT"]
    raise BootentriesError(
        "generate menu", output, "no sysroot above it", hint="name it with --sysroot"
    )


if __name__ == "__main__":
    main()
