"""The program `bootentries`, and `python3 -m bootentries` without an installation."""

import gc


def main() -> None:
    """Run the program; never returns."""
    # A command is over before there is much to collect, and looking takes a tenth of a start.
    gc.set_threshold(100_000)
    # Only now, because most of a start is to load click.
    from bootentries.cli import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
