"""`esp`: the EFI partitions that follow the list, for systemd-boot."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from bootentries.cli.common import Number, common_options, lock_option, note, reading, settings
from bootentries.cli.writing import changing, dry_run_option

if TYPE_CHECKING:
    from bootentries.esp.sync import Outcome

_F = TypeVar("_F", bound=Callable[..., object])


def _esp_option(command: _F) -> _F:
    option = click.option(
        "--esp", "told", multiple=True, metavar="PATH",
        help="A partition: a directory where it is mounted, its device, or PARTUUID=… "
        "(default: what ostree/repo/config says, else those on the sysroot's disks).",
    )  # fmt: skip
    return option(command)


@click.group()
def esp() -> None:
    """Keep EFI partitions in step with the list, for systemd-boot.

    The boot directory stays the truth.  Kernels, initramfs and entries are copied to each
    partition, in an order that leaves a bootable default whenever power fails.

    Example: bootentries esp sync --dry-run
    """


@esp.command()
@click.option("--reread", is_flag=True, help="Read and compare the files that are there, too.")
@click.option(
    "--if-enabled", is_flag=True, help="Do nothing unless every write does this: for units."
)
@_esp_option
@dry_run_option
@lock_option
@common_options
@click.pass_context
def sync(
    context: click.Context, *, told: tuple[str, ...], reread: bool, if_enabled: bool, dry_run: bool
) -> None:
    """Bring the partitions in step with the active list.

    One that fails does not stop the others; the exit status is 1 then.

    Example: bootentries esp sync --esp /efi
    """
    from bootentries.esp.config import read_esp_config  # noqa: PLC0415
    from bootentries.esp.sync import sync_all  # noqa: PLC0415

    if if_enabled:
        with reading(context) as root:
            if not read_esp_config(root.fd).enabled:
                return
    with changing(context, dry_run) as (root, present):
        outcomes = sync_all(root, present, note, told=told, dry_run=dry_run, reread=reread)
    _report(context, outcomes, dry_run)


def _report(context: click.Context, outcomes: tuple["Outcome", ...], dry_run: bool) -> None:
    """Print what became of each partition; raises the error of one that failed."""
    if settings(context).json:
        report = [_outcome_json(outcome, dry_run) for outcome in outcomes]
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        for outcome in outcomes:
            _print_outcome(outcome, dry_run, settings(context).verbose)
    _raise_failed(outcomes)


def _raise_failed(outcomes: tuple["Outcome", ...]) -> None:
    """Raise the error of the last partition that failed; the others' are notes."""
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    for error in failed[:-1]:
        note(str(error))
        if error.hint:
            note(f"hint: {error.hint}")
    if failed:
        raise failed[-1]


def _outcome_json(outcome: "Outcome", dry_run: bool) -> dict[str, object]:
    return {
        "esp": outcome.label,
        "state": _state(outcome, dry_run),
        "error": None if outcome.error is None else str(outcome.error),
        "hint": None if outcome.error is None else outcome.error.hint,
        "operations": [] if outcome.plan is None else outcome.plan.describe(),
    }


def _state(outcome: "Outcome", dry_run: bool) -> str:
    if outcome.error is not None or outcome.plan is None:
        return "missing" if outcome.missing else "failed"
    if outcome.plan.in_step:
        return "in step"
    return "out of step" if dry_run else "updated"


def _print_outcome(outcome: "Outcome", dry_run: bool, verbose: bool) -> None:
    print(f"{outcome.label}: {_state(outcome, dry_run)}")
    if outcome.plan is not None and (dry_run or verbose):
        print("".join(f"    {line}\n" for line in outcome.plan.describe()), end="")


@esp.command()
@_esp_option
@common_options
@click.pass_context
def status(context: click.Context, *, told: tuple[str, ...]) -> None:
    """Show what is on each partition, and what systemd-boot boots by default.

    Nothing is changed.  The exit status is 0 whatever is found; `verify` judges.

    Example: bootentries esp status --json
    """
    from bootentries.cli.esp_text import report_json, report_lines  # noqa: PLC0415
    from bootentries.esp.report import read_reports  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415

    with reading(context) as root:
        reports, _ = read_reports(root, load(root), told)
    if settings(context).json:
        found = [report_json(report) for report in reports]
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(report_lines(report)) for report in reports))


@esp.command()
@click.option(
    "--from", "tree", metavar="TREE", help="The tree that holds systemd-boot "
    "(default: the default deployment).",
)  # fmt: skip
@click.option(
    "--timeout", type=Number(0, 3600), default=5, show_default=True, metavar="SECONDS",
    help="How long the menu waits, for loader.conf; 0 shows none.",
)  # fmt: skip
@_esp_option
@dry_run_option
@lock_option
@common_options
@click.pass_context
def install(
    context: click.Context, *, tree: str | None, timeout: int, told: tuple[str, ...], dry_run: bool
) -> None:
    """Bring the partitions in step, and put systemd-boot on them.

    The program goes to EFI/systemd and EFI/BOOT, with loader/loader.conf, each only where
    nothing is, or what is there is from here.  No EFI variable is written.

    Example: bootentries esp install --dry-run
    """
    from bootentries.esp.install import read_tree  # noqa: PLC0415
    from bootentries.esp.sync import install_all, sync_all  # noqa: PLC0415

    with changing(context, dry_run) as (root, present):
        programs = read_tree(root, present, tree)
        synced = sync_all(root, present, note, told=told, dry_run=dry_run)
        ready = frozenset(outcome.label for outcome in synced if outcome.error is None)
        installed = install_all(
            root, programs, note, told=told, timeout=timeout, labels=ready, dry_run=dry_run
        )
    _report(context, (*synced, *installed), dry_run)


@esp.command()
@_esp_option
@dry_run_option
@lock_option
@common_options
@click.pass_context
def remove(context: click.Context, *, told: tuple[str, ...], dry_run: bool) -> None:
    """Take everything from the partitions that is from here; the rest stays.

    Refused while every write brings them in step: see `loader set`.

    Example: bootentries esp remove --esp /efi
    """
    from bootentries.errors import BootentriesError  # noqa: PLC0415
    from bootentries.esp.config import read_esp_config  # noqa: PLC0415
    from bootentries.esp.sync import remove_all  # noqa: PLC0415

    with changing(context, dry_run) as (root, _):
        if read_esp_config(root.fd).enabled:
            raise BootentriesError(
                "remove from ESP", "ostree/repo/config", "systemd-boot is in force",
                hint="make another bootloader the only one first: bootentries loader set grub2 "
                "--only",
            )  # fmt: skip
        outcomes = remove_all(root, note, told=told, dry_run=dry_run)
    _report(context, outcomes, dry_run)
