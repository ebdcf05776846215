"""`loader`: which bootloader is written for, why, and what its program still has to do."""

import json
import stat
from dataclasses import replace

import click

from bootentries import fs
from bootentries.cli.common import (
    Seconds,
    common_options,
    environment_words,
    lock_option,
    note,
    reading,
    settings,
)
from bootentries.cli.writing import apply_ops, changing, dry_run_option, writing
from bootentries.errors import BootentriesError, from_os_error
from bootentries.loaders.detect import Detection, Probe, choose_loader, detect, in_force
from bootentries.loaders.setting import bootloader_of, with_bootloader
from bootentries.loaders.stamp import STAMP, is_pending
from bootentries.repo import LOADERS, REPO, RepoConfig, read_config
from bootentries.root import Root
from bootentries.txn.context import Context
from bootentries.txn.run_ops import LIMIT_S, RunProgram
from bootentries.txn.write import apply_notes, plan_clean
from prepare_root.formats import FormatError

_CONFIG = f"{REPO}/config"


@click.group(invoke_without_command=True)
@common_options
@click.pass_context
def loader(context: click.Context) -> None:
    """Show which bootloader is in force, and what was looked at.

    Detection only advises: sysroot.bootloader in ostree/repo/config decides, unless it
    is auto.

    Example: bootentries --sysroot /mnt loader --json
    """
    if context.invoked_subcommand is not None:
        return
    with reading(context) as root:
        config = read_config(root.fd)
        found = detect(root)
        pending = is_pending(root)
        problem = _problem(root, config)
    if settings(context).json:
        report = to_json(config, found, pending=pending, problem=problem)
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(config, found, pending=pending, problem=problem)))


@loader.command("set")
@click.argument("name", type=click.Choice(LOADERS), metavar="NAME")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def set_loader(context: click.Context, *, name: str, dry_run: bool) -> None:
    """Write sysroot.bootloader into ostree/repo/config.

    NAME is auto, none, grub2, syslinux, uboot, zipl or aboot.  The rest of the file stays
    as it is.

    Example: bootentries loader set grub2
    """
    with (reading if dry_run else writing)(context) as root:
        before, data = _with_bootloader(root, name)
        if before == name:
            print(f"sysroot.bootloader: {name} already")
            return
        if dry_run:
            print(f"write {_CONFIG}: [sysroot] bootloader={name}")
            return
        try:
            found = fs.stat_optional(root.fd, _CONFIG)
            fs.write_file(root.fd, _CONFIG, data, stat.S_IMODE(found.st_mode) if found else 0o644)
        except OSError as error:
            raise from_os_error("set bootloader", error, _CONFIG) from error
        print(f"sysroot.bootloader: {before or 'not set'} -> {name}")
        problem = _problem(root, read_config(root.fd))
        if problem is not None:
            note(f"no list can be written yet: {problem}")


@loader.command("order")
@common_options
@click.pass_context
def show_order(context: click.Context) -> None:
    """Show in which order each bootloader would list the entries.

    The first of a line is what that bootloader boots when nothing else was chosen; a `!`
    marks one that would not boot the default of the list.

    Example: bootentries loader order --json
    """
    # Loaded late: the other verbs do without.
    from bootentries.order.readers import read_directory, views  # noqa: PLC0415

    with reading(context) as root:
        ours, *others = views(read_directory(root))
    if settings(context).json:
        report = [
            {
                "reader": view.reader,
                "default": view.default,
                "agrees": view.default == ours.default,
                "entries": view.names,
            }
            for view in (ours, *others)
        ]
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return
    width = max(len(view.reader) for view in others)
    for view in (ours, *others):
        sign = " " if view.default == ours.default else "!"
        print(f"{sign} {view.reader:{width}}  {' '.join(view.names) or '-'}")


@loader.command("run-pending")
@click.option(
    "--timeout", type=Seconds(0, min_open=True), default=LIMIT_S, show_default=True,
    metavar="SECONDS", help="Kill the program after this long.",
)  # fmt: skip
@dry_run_option
@lock_option
@common_options
@click.pass_context
def run_pending(context: click.Context, *, timeout: float, dry_run: bool) -> None:
    """Run the bootloader's program (zipl, aboot-deploy) if a write left that undone.

    Then what was kept for the list before is cleaned up.

    Example: bootentries loader run-pending
    """
    with changing(context, dry_run) as (root, present):
        if not is_pending(root):
            print("nothing is pending")
            return
        todo = tuple(
            replace(op, limit_s=timeout) if isinstance(op, RunProgram) else op
            for op in choose_loader(root, present.config).resume()
        )
        if not todo:
            raise BootentriesError(
                "run pending program", STAMP,
                f"{in_force(present.config.bootloader, detect(root))} has none to run "
                "for the active list",
                hint="write the list again, or remove the file if the bootloader was changed",
            )  # fmt: skip
        if apply_ops(root, todo, dry_run):
            apply_notes(plan_clean(root, present, environment_words()), Context(root, note))
            print("the bootloader is up to date")


def to_json(
    config: RepoConfig, found: Detection, *, pending: bool, problem: str | None
) -> dict[str, object]:
    """Return the report for programs."""
    return {
        "configured": config.bootloader,
        "detected": found.loader,
        "in-force": in_force(config.bootloader, found),
        "pending": pending,
        "problem": problem,
        "evidence": [
            {
                "loader": probe.loader,
                "path": probe.path,
                "found": probe.found,
                "speaks": _speaks(probe),
                "remark": probe.remark or None,
            }
            for probe in found.probes
        ],
    }


def _lines(
    config: RepoConfig, found: Detection, *, pending: bool, problem: str | None
) -> list[str]:
    chosen = in_force(config.bootloader, found)
    lines = [
        f"configured  {config.bootloader}",
        f"detected    {found.loader}",
        f"in force    {chosen}",
    ]
    if chosen != found.loader:
        lines.append(f"note        {found.loader} was detected; the configuration decides")
    if pending:
        lines.append(f"pending     {STAMP}: its program has still to run")
    if problem is not None:
        lines.append(f"problem     {problem}")
    names = max(len(probe.loader) for probe in found.probes)
    paths = max(len(probe.path) for probe in found.probes)
    lines += ["", "evidence, in the order in which it counts:"]
    for probe in found.probes:
        words = "found" if probe.found else "not found"
        if probe.remark:
            words += f": {probe.remark}"
        sign = {"for": "+", "against": "-"}.get(_speaks(probe) or "", " ")
        lines.append(f"{sign} {probe.loader:{names}}  {probe.path:{paths}}  {words}")
    return lines


def _speaks(probe: Probe) -> str | None:
    if probe.vetoes:
        return "against"
    return "for" if probe.active else None


def _problem(root: Root, config: RepoConfig) -> str | None:
    """Return why no list can be written for the loader in force, or None."""
    try:
        choose_loader(root, config)
    except BootentriesError as error:
        return str(error)
    return None


def _with_bootloader(root: Root, name: str) -> tuple[str | None, bytes]:
    """Return what the configuration says now, and its new content."""
    try:
        data = fs.read_bytes(root.fd, _CONFIG)
        return bootloader_of(data), with_bootloader(data, name)
    except FormatError as error:
        raise BootentriesError("set bootloader", _CONFIG, str(error)) from error
    except OSError as error:
        raise from_os_error("set bootloader", error, _CONFIG) from error
