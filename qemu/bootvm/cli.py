"""The `bootvm` command: boots a disk, shows its console, and says how it went."""

import sys
from pathlib import Path

import click

from bootvm import firmware, kvm
from bootvm.errors import BootvmError, ConsoleError
from bootvm.spec import Disk, Firmware, Interface, VmSpec
from bootvm.vm import Vm

_FILE = click.Path(path_type=Path)
_MISUSE = ("start: ", "open disk: ", "find firmware: ", "find partition: ")
EXAMPLE = """\b
Example:
  bootvm disk.img --until login: --screenshot menu.png
  bootvm --firmware direct --kernel vmlinuz --initrd initrd.img \\
         --append console=ttyS0 --until 'Run /init'

\b
Exit status: 0 the text was seen (without --until: the machine ended by itself);
1 it was not, or the machine failed; 2 the command line is wrong."""


def _format(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return "qcow2" if file.read(4) == b"QFI\xfb" else "raw"
    except OSError as error:
        raise BootvmError("open disk", path, error.strerror or str(error)) from error


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _boot(
    spec: VmSpec, until: str | None, screenshot: Path | None, timeout: float, log: Path | None
) -> None:
    place = log.resolve() if log else None
    with Vm(
        spec,
        name=place.name.removesuffix(".console") if place else "bootvm",
        logs=place.parent if place else None,
        live=_show,
    ) as vm:
        if until is None:
            vm.wait_end(timeout)
        else:
            vm.wait_for(until, timeout)
            if screenshot is not None:
                vm.screenshot(screenshot)


@click.command(epilog=EXAMPLE, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("disks", metavar="[DISK]...", nargs=-1, type=_FILE)
@click.option(
    "--firmware",
    "kind",
    type=click.Choice([one.value for one in Firmware]),
    default=Firmware.BIOS.value,
    show_default=True,
    help="What runs first.",
)
@click.option("--until", metavar="TEXT", help="Stop, with success, when the console shows TEXT.")
@click.option("--timeout", default=300.0, show_default=True, help="Seconds to wait at most.")
@click.option("--screenshot", type=_FILE, help="Write the screen as PNG before stopping.")
@click.option("--kernel", type=_FILE, help="Kernel, with --firmware direct.")
@click.option("--initrd", type=_FILE, help="Initramfs, with --firmware direct.")
@click.option("--append", default="", help="Kernel command line, with --firmware direct.")
@click.option("--memory", default=1024, show_default=True, help="MiB.")
@click.option("--cpus", default=1, show_default=True)
@click.option(
    "--interface",
    type=click.Choice([one.value for one in Interface]),
    default=Interface.VIRTIO.value,
    show_default=True,
    help="How the guest sees the disks.",
)
@click.option(
    "--icount", type=int, metavar="SHIFT", help="Let the guest's clock count instructions."
)
@click.option("--write", is_flag=True, help="Write to the disks themselves, not to an overlay.")
@click.option(
    "--log", type=_FILE, help="Keep the console's bytes in this file (.console is added)."
)
def command(  # noqa: PLR0917 - one for each option
    disks: tuple[Path, ...],
    kind: str,
    until: str | None,
    timeout: float,
    screenshot: Path | None,
    kernel: Path | None,
    initrd: Path | None,
    append: str,
    memory: int,
    cpus: int,
    interface: str,
    icount: int | None,
    write: bool,
    log: Path | None,
) -> None:
    """Boots DISKs in QEMU through real firmware and shows the serial console.

    The disks stay unchanged unless --write is given.  `bootvm crash` cuts the power instead.
    """
    if not disks and kernel is None:
        raise BootvmError("start", "bootvm", "nothing to boot", "name a disk, or a kernel")
    direct = kind == Firmware.DIRECT.value
    spec = VmSpec(
        firmware=Firmware(kind),
        disks=tuple(
            Disk(path, _format(path), Interface(interface), overlay=not write) for path in disks
        ),
        kernel=kernel,
        initrd=initrd,
        cmdline=append,
        memory=memory,
        cpus=cpus,
        icount=icount,
        ovmf=firmware.find() if kind == Firmware.UEFI.value else None,
        kvm=icount is None and kvm.usable(kernel if direct else None),
    )
    _boot(spec, until, screenshot, timeout, log)


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit status.

    A first word `crash` is the power-cut explorer; any other is the name of a disk.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        if words[:1] == ["crash"]:
            from bootvm.crash.cli import command as crash  # noqa: PLC0415 - only for that

            crash.main(words[1:], prog_name="bootvm crash", standalone_mode=False)
        else:
            command.main(words, prog_name="bootvm", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        print(f"bootvm: usage: {error.format_message()}", file=sys.stderr)
        verb = " crash" if words[:1] == ["crash"] else ""
        print(f"hint: bootvm{verb} --help", file=sys.stderr)
        return 2
    except click.Abort:
        print("bootvm: interrupted", file=sys.stderr)
        return 1
    except BootvmError as error:
        print(f"bootvm: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        misuse = str(error).startswith(
            ("start: ", "open disk: ", "find firmware: ", "find partition: ")
        )
        return 2 if misuse and not isinstance(error, ConsoleError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
