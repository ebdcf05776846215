"""`python3 -m guest COMMAND`: the recipes, for people.

Each command prints the path of what it made, and reuses what is cached.
"""

import argparse
import sys
from pathlib import Path

from guest import firmware, initramfs, system, tree
from guest.errors import GuestError
from guest.shape import LINKS, LinkState, Variant

CHECKOUT = Path(__file__).resolve().parents[2]


def _tree(arguments: argparse.Namespace) -> None:
    print(tree.get(arguments.suite, fresh=arguments.fresh).path)


def _initramfs(arguments: argparse.Namespace) -> None:
    print(initramfs.dracut(tree.get()))


def _firmware(arguments: argparse.Namespace) -> None:
    print(firmware.provide_ovmf())


def _link(text: str) -> tuple[str, LinkState]:
    name, _, state = text.partition("=")
    if name not in LINKS:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(LINKS)}")
    try:
        return name, LinkState(state)
    except ValueError:
        states = ", ".join(one.value for one in LinkState)
        raise argparse.ArgumentTypeError(f"{state!r} is not one of {states}") from None


def _disk(arguments: argparse.Namespace) -> None:
    made = tree.get()
    image = arguments.initramfs or initramfs.dracut(made)
    if not image.is_file():
        raise GuestError("make disk", image, "no such file")
    variant = Variant(links=tuple(arguments.link), checkout=CHECKOUT)
    done = system.build(
        made,
        image,
        variant,
        versions=arguments.version or system.VERSIONS,
        kargs=arguments.karg,
        separate_var=arguments.separate_var,
        readonly=arguments.readonly,
    )
    print(done.path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guest", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("tree", help="the Debian tree")
    one.add_argument("--suite", default=tree.SUITE)
    one.add_argument("--fresh", action="store_true", help="make it again from the mirror")
    one.set_defaults(action=_tree)
    one = commands.add_parser("initramfs", help="dracut's image, with libostree's module")
    one.set_defaults(action=_initramfs)
    one = commands.add_parser("firmware", help="a newer OVMF, for bootvm to find")
    one.set_defaults(action=_firmware)
    one = commands.add_parser("disk", help="a bootable disk; boot it with bootvm")
    one.add_argument("--initramfs", type=Path, help="instead of dracut's")
    one.add_argument("--version", action="append", help="deploy this version; repeatable")
    one.add_argument("--karg", action="append", default=[], help="kernel argument; repeatable")
    one.add_argument(
        "--link", action="append", default=[], type=_link, metavar="NAME=STATE", help="home=empty"
    )
    one.add_argument("--separate-var", action="store_true", help="/var on its own partition")
    one.add_argument("--readonly", action="store_true", help="sysroot.readonly=true")
    one.set_defaults(action=_disk)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.action(arguments)
    except GuestError as error:
        print(f"guest: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
