"""What every verb shares: where the sysroot is, and the options that say so."""

import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

from bootentries import __version__
from bootentries.environment import sysroot_words
from bootentries.errors import from_os_error
from bootentries.root import Root, open_root
from bootentries.say import note as note  # noqa: PLC0414 - verbs take it from here

_F = TypeVar("_F", bound=Callable[..., object])
# Parameters that are paths of the host: any bytes can be one.
_PATHS = frozenset({"path", "output", "origin_file", "overlay_initrd"})
_YEAR_S = 366 * 86400
_DIGITS = re.compile(r"-?[0-9]{1,9}")


@dataclass(slots=True)
class Settings:
    """Where things are and how to report; filled from options before and after the verb."""

    sysroot: str = "/"
    boot: str | None = None
    json: bool = False
    verbose: bool = False
    lock_timeout: float | None = None


class Number(click.IntRange):
    """A whole number in ASCII digits; Python's own rule takes `1_0` and ` 1` as well."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; raises click's error about a bad parameter."""
        if isinstance(value, str) and not _DIGITS.fullmatch(value):
            self.fail(f"{value!r} is not a whole number of at most nine digits.", param, ctx)
        number: int = super().convert(value, param, ctx)
        return number


class Seconds(click.FloatRange):
    """A time; not a number is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; raises click's error about a bad parameter."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a time.", param, ctx)
        return number


def common_options(command: _F) -> _F:
    """Add `--sysroot`, `--boot`, `--json`, `-v` and `--version`, before or after the verb.

    What else the verb takes has to be text that can stand in a line of a file.
    """

    @wraps(command)
    def checked(*args: object, **values: object) -> object:
        for name, value in values.items():
            if name not in _PATHS:
                for text in value if isinstance(value, tuple) else (value,):
                    _check_text(name, text)
        return command(*args, **values)

    return _with_common_options(cast("_F", checked))


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        return
    reason = "a line feed is in it" if "\n" in text else None
    try:
        text.encode()
    except UnicodeEncodeError:
        reason = "it is not UTF-8"
    if reason is not None:
        raise click.BadParameter(f"{text!a}: {reason}.", param_hint=f"'{name}'")


def _with_common_options(command: _F) -> _F:
    for option in reversed(
        (
            click.option(
                "--sysroot", metavar="PATH", expose_value=False, callback=_keep("sysroot"),
                help="The physical root (default: $OSTREE_SYSROOT, or /).",
            ),
            click.option(
                "--boot", metavar="PATH", expose_value=False, callback=_keep("boot"),
                help="Its boot directory (default: boot in the sysroot).",
            ),
            click.option(
                "--json", is_flag=True, default=None, expose_value=False, callback=_keep("json"),
                help="Report as JSON.",
            ),
            click.option(
                "-v", "--verbose", is_flag=True, default=None, expose_value=False,
                callback=_keep("verbose"), help="Say what is done.",
            ),
            click.version_option(__version__, prog_name="bootentries"),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def lock_option(command: _F) -> _F:
    """Add `--lock-timeout`."""
    option = click.option(
        "--lock-timeout", type=Seconds(0, _YEAR_S), metavar="SECONDS", expose_value=False,
        callback=_keep("lock_timeout"), help="Give up waiting for another writer after this long.",
    )  # fmt: skip
    return option(command)


def settings(context: click.Context) -> Settings:
    """Return the settings of this invocation."""
    return context.ensure_object(Settings)


def default_settings() -> Settings:
    """Return the settings that the environment asks for."""
    return Settings(sysroot=os.environ.get("OSTREE_SYSROOT") or "/")


def environment_words() -> frozenset[str]:
    """Return the words of OSTREE_SYSROOT_OPTS and OSTREE_SYSROOT_DEBUG."""
    return sysroot_words(os.environ.get)


def proc_cmdline(wanted: bool) -> str:
    """Return the running kernel's command line, or nothing unless it is wanted."""
    if not wanted:
        return ""
    try:
        with open("/proc/cmdline", errors="surrogateescape") as file:
            return file.read()
    except OSError as error:
        raise from_os_error("import kernel arguments", error) from error


@contextmanager
def reading(context: click.Context) -> Iterator[Root]:
    """Hold the sysroot open for a verb that only reads."""
    chosen = settings(context)
    with open_root(chosen.sysroot, chosen.boot) as root:
        yield root


def _keep(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def callback(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value is not None:
            setattr(settings(context), name, value)

    return callback
