"""`python3 -m guest COMMAND`: the recipes, for people."""

import argparse
import sys

from guest import tree
from guest.errors import GuestError


def _tree(arguments: argparse.Namespace) -> None:
    print(tree.get(arguments.suite, fresh=arguments.fresh).path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guest", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("tree", help="make the Debian tree; prints its path")
    one.add_argument("--suite", default=tree.SUITE)
    one.add_argument("--fresh", action="store_true", help="make it again from the mirror")
    one.set_defaults(action=_tree)
    return parser


def main(argv: list[str] | None = None) -> int:
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
