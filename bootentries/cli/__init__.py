"""The command line: the only place that prints and exits."""

import io
import os
import sys

import click

from bootentries.cli.common import common_options, default_settings
from bootentries.cli.verbs import VerbGroup, is_shared
from bootentries.errors import BootentriesError, from_os_error
from bootentries.say import one_line, print_error

_USUAL_WIDTH, _WIDEST = 80, 100


@click.group(
    cls=VerbGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--print-current-dir", is_flag=True, help="Print the default deployment's directory.")
@common_options
@click.pass_context
def cli(context: click.Context, *, print_current_dir: bool) -> None:
    """Own everything between an OSTree deployment and the bootloader.

    Example: bootentries --sysroot /mnt status
    """
    if context.invoked_subcommand is None:
        if not print_current_dir:
            raise click.UsageError("no verb")
        # Loaded late, as verbs are.
        from bootentries.cli.status import current_dir  # noqa: PLC0415

        print(current_dir(context))


def main(argv: list[str] | None = None) -> None:
    """Run the program; never returns."""
    # Names from disk are any bytes, and the locale may be any, too.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """Run one command and return its exit status."""
    try:
        status = cli.main(
            argv,
            prog_name="bootentries",
            standalone_mode=False,
            obj=default_settings(),
            terminal_width=_help_width(),
        )
        _flush()
        # What `Exit` carries is returned in this mode; verbs themselves return nothing.
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2 and later; its text is help
            print(error.format_message(), file=sys.stderr)
            return 1 if is_shared(argv) else 2
        print(f"bootentries: usage: {one_line(error.format_message())}", file=sys.stderr)
        print("hint: bootentries --help lists verbs, VERB --help its options", file=sys.stderr)
        return 1 if is_shared(argv) else 2
    except (click.Abort, KeyboardInterrupt):
        print("bootentries: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _forget_output()
        return 141
    except BootentriesError as error:
        print_error(str(error), error.hint)
        return error.status
    except OSError as error:
        name = error.filename
        shown = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
        print_error(f"system call: {shown or '-'}: {error.strerror}", None)
        return 1


def _flush() -> None:
    """Bring what was printed to its reader, or raise an error that names it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _forget_output()
        raise from_os_error("print", error, "standard output") from error


def _forget_output() -> None:
    """What could not be printed would be tried once more at exit, and complained of."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _help_width() -> int:
    """Return how wide help may be; click would load shutil, and much with it, to find out."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
    except (OSError, ValueError):
        columns = _USUAL_WIDTH
    return max(min(columns, _WIDEST) - 2, 50)
