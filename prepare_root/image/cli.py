"""`prepare-root-image`: the command line of the image builders.

The only place here that prints errors and exits.  A sub-command's module is imported when
it is asked for.
"""

import importlib
import sys

import click

from prepare_root import VERSION
from prepare_root.image.errors import ImageError

COMMANDS = {
    "binary": "prepare_root.image.binary",
    "boot-side": "prepare_root.image.bootside",
    "initramfs": "prepare_root.image.initramfs",
    "inspect": "prepare_root.image.inspect",
}


class Lazy(click.Group):
    """A group whose commands are the `command` of the modules in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, for --help."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: prepare-root-image binary build/prepare-root",
)
@click.version_option(VERSION, prog_name="prepare-root-image")
def group() -> None:
    """Build the static executable prepare-root and initramfs images with it."""


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        group.main(args=argv, prog_name="prepare-root-image")
    except ImageError as error:
        click.echo(f"prepare-root-image: {error}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        sys.exit(error.status)
