"""`install-units`: the service manager runs our commands at shutdown and after boot."""

import os

import click

from bootentries.cli.common import common_options
from bootentries.cli.writing import dry_run_option


@click.command("install-units")
@click.option("--uninstall", is_flag=True, help="Let libostree's own commands run again.")
@click.option(
    "--root", metavar="TREE", help="A tree that will be committed (default: this system)."
)
@click.option(
    "--import-path", "import_path", multiple=True, metavar="DIR",
    help="Where bootentries and click are in it (default: where they are now).",
)  # fmt: skip
@click.option(
    "--esp", "with_esp", is_flag=True,
    help="With the units that keep EFI partitions in step (without --root: when "
    "ostree/repo/config has systemd-boot).",
)  # fmt: skip
@dry_run_option
@common_options
def install_units(
    *,
    uninstall: bool,
    root: str | None,
    import_path: tuple[str, ...],
    with_esp: bool,
    dry_run: bool,
) -> None:
    """Take over libostree's units for staged deployments, or be them where there are none.

    Example: bootentries install-units --root=/srv/tree --import-path=/usr/lib/python3/dist-packages
    """
    from bootentries.units import install  # noqa: PLC0415

    top = root or "/"
    # What is part of the tree does not belong to its /etc.
    directory = "etc/systemd/system" if root is None else "usr/lib/systemd/system"
    if uninstall:
        paths = install.installed(top)
        for path in paths:
            print(f"remove {path}")
        if not paths:
            print("nothing to do")
        elif not dry_run:
            install.uninstall(top, paths)
            if root is None and _is_running():
                install.stop_following(paths)
            _reload(root)
        return
    with_esp = with_esp or (root is None and _has_esp())
    todo = install.plan(top, directory, import_path or _own_import_path(), with_esp=with_esp)
    for path, text in todo:
        print(f"write {path}")
        if dry_run:
            print("".join(f"    {line}\n" for line in text.splitlines()), end="")
    if not dry_run:
        install.install(top, todo)
        _reload(root)
        if with_esp and root is None and _is_running():
            install.start_following()


def _own_import_path() -> tuple[str, ...]:
    """Return the directories that this program itself came from."""
    import bootentries  # noqa: PLC0415

    files = (bootentries.__file__, click.__file__)
    return tuple(dict.fromkeys(os.path.dirname(os.path.dirname(file)) for file in files))


def _has_esp() -> bool:
    """Return whether this system's repository says that EFI partitions follow the list."""
    from bootentries.esp.config import read_esp_config  # noqa: PLC0415

    fd = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return read_esp_config(fd).enabled
    finally:
        os.close(fd)


def _is_running() -> bool:
    """Return whether systemd runs this system, as sd_booted(3) finds out."""
    return os.path.isdir("/run/systemd/system")


def _reload(root: str | None) -> None:
    """Let a running service manager see the change."""
    if root is None and _is_running():
        from bootentries.run import run  # noqa: PLC0415

        run(("systemctl", "daemon-reload"), "reload units", "systemd")
