"""The program `bootentries`, and `python3 -m bootentries` without an installation."""

import gc
import sys


def main() -> None:
    """Run the program; never returns."""
    # A command is over before there is much to collect, and looking takes a tenth of a start.
    gc.set_threshold(100_000)
    status = _run_for_unit(sys.argv[1:])
    if status is not None:
        sys.exit(status)
    # Only now, because most of a start is to load click.
    from bootentries.cli import main as run  # noqa: PLC0415

    run()


def _run_for_unit(argv: list[str]) -> int | None:
    """Run just what the units of `install-units` say, and return the exit status.

    None for every other command line: that is for click.
    """
    import os  # noqa: PLC0415

    if argv[:1] != ["finalize-staged"] or "OSTREE_SYSROOT" in os.environ:
        return None
    from bootentries.errors import BootentriesError, from_os_error  # noqa: PLC0415
    from bootentries.say import note, print_error  # noqa: PLC0415
    from bootentries.units.service import BOOTED, Service, unit_timeout  # noqa: PLC0415

    hold = argv[1:] == ["--hold"]
    try:
        service = Service(note, lock_timeout=None if hold else unit_timeout(argv[1:]))
    except ValueError:
        return None
    if not os.path.exists(BOOTED):
        return 0
    try:
        if hold:
            service.hold()
            return 0
        from bootentries.environment import sysroot_words  # noqa: PLC0415

        todo = service.finalise(sysroot_words(os.environ.get), print)
        if todo is not None:
            print(todo.result())
        sys.stdout.flush()
    except (BootentriesError, OSError) as error:
        if isinstance(error, OSError):
            error = from_os_error("system call", error)
        print_error(str(error), error.hint)
        return error.status
    return 0


if __name__ == "__main__":
    main()
