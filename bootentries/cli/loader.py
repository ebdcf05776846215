"""`loader`: which bootloader is written for, why, and what its program still has to do."""

import json
from dataclasses import replace

import click

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
from bootentries.errors import BootentriesError
from bootentries.esp.config import SDBOOT, read_esp_config
from bootentries.loaders.detect import Detection, Probe, choose_loader, detect, in_force
from bootentries.loaders.stamp import STAMP, is_pending
from bootentries.repo import LOADERS, RepoConfig, read_config
from bootentries.root import Root
from bootentries.txn.context import Context
from bootentries.txn.run_ops import LIMIT_S, RunProgram
from bootentries.txn.write import apply_notes, plan_clean

# What people call it, to the word that libostree has.
_ALIASES = {"grub": "grub2"}


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
        defaults = _defaults(root)
    if settings(context).json:
        report = to_json(config, found, pending=pending, problem=problem)
        if defaults is not None:
            report["esp"] = defaults
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(config, found, pending=pending, problem=problem)))
        for item in defaults or ():
            print(_default_line(item))


@loader.command("set")
@click.argument("name", type=click.Choice((*LOADERS, SDBOOT, *_ALIASES)), metavar="NAME")
@click.option("--only", is_flag=True, help="Write for this one alone from now on.")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def set_loader(context: click.Context, *, name: str, only: bool, dry_run: bool) -> None:
    """Write into ostree/repo/config which bootloader is written for.

    NAME is auto, none, grub2 (or grub), syslinux, uboot, zipl or aboot, which is
    sysroot.bootloader; or sdboot, for systemd-boot on EFI partitions, which stands beside
    that.  The rest of the file stays as it is.

    Example: bootentries loader set grub2
    """
    from bootentries.cli.loader_set import CONFIG, change_loader, unready  # noqa: PLC0415

    name = _ALIASES.get(name, name)
    with (reading if dry_run else writing)(context) as root:
        changes, back = change_loader(root, name, only=only, dry_run=dry_run)
        if not changes:
            key = "bootchain.bootloader" if name == SDBOOT else "sysroot.bootloader"
            print(f"{key}: {name} already")
            return
        if dry_run:
            for change in changes:
                group, _, setting = change.key.partition(".")
                print(f"write {CONFIG}: [{group}] {setting}={change.after}")
            return
        for change in changes:
            print(change)
        if only or name == SDBOOT:
            note(f"to go back: {back}")
        problem = _problem(root, read_config(root.fd))
        if problem is not None:
            note(f"no list can be written yet: {problem}")
        elif name == SDBOOT and not only:
            note("next: bootentries esp install")
        elif name != SDBOOT and read_esp_config(root.fd).enabled:
            for finding in unready(root, name):
                note(f"{finding.place}: {finding.reason}; next: {finding.code.remedy}")


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
        found = views(read_directory(root))
        rows: list[tuple[str, str | None, bool, tuple[str, ...]]] = [
            (view.reader, view.default, view.default == found[0].default, view.names)
            for view in found
        ]
        if read_esp_config(root.fd).enabled:
            from bootentries.esp.report import orders  # noqa: PLC0415

            rows += orders(root)
    if settings(context).json:
        keys = ("reader", "default", "agrees", "entries")
        report = [dict(zip(keys, row, strict=True)) for row in rows]
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return
    width = max(len(row[0]) for row in rows)
    for reader, _, agrees, names in rows:
        print(f"{' ' if agrees else '!'} {reader:{width}}  {' '.join(names) or '-'}")


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


def _defaults(root: Root) -> list[dict[str, str | None]] | None:
    """Return what systemd-boot boots from each partition; None where it is not in force."""
    if not read_esp_config(root.fd).enabled:
        return None
    from bootentries.esp.report import read_reports  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415

    try:
        reports, _ = read_reports(root, load(root))
    except BootentriesError as error:
        return [{"esp": None, "state": str(error), "default": None, "title": None}]
    titles = {item.file: item.title for report in reports for item in report.entries}
    return [
        {
            "esp": report.place.label,
            "state": report.state,
            "default": report.default,
            "title": titles.get(report.default or ""),
        }
        for report in reports
    ]


def _default_line(item: dict[str, str | None]) -> str:
    where = item["esp"] or "sdboot"
    boots = f", boots {item['default']}: {item['title']}" if item["default"] else ""
    return f"esp         {where}: {item['state']}{boots}"
