"""The executable's front: `prepare-root SYSROOT [CMDLINE]`, or /init as process 1."""

import _bootsys

from prepare_root import VERSION, files, init, log, plan, prepare, report, sysroot
from prepare_root.errors import Failure, reason_of, show

HELP = """\
usage: prepare-root [--dry-run] SYSROOT [CMDLINE]
       prepare-root --remount
       prepare-root --generator NORMAL EARLY LATE
       prepare-root --next-root DEPLOYMENT

Turns the physical root mounted at SYSROOT into the root of the deployment that
the kernel command line asks for (ostree=).  As process 1 it is /init: it finds
and mounts root=, prepares it, switches root and starts init.

  SYSROOT      where the physical root is mounted, e.g. /sysroot
  CMDLINE      a file with the kernel command line (default: /proc/cmdline)
  --dry-run    print what would be done, one operation a line, and do nothing
  --remount    in the booted system: make /sysroot, /etc and /var writable or not, as
               the deployment wants; also by the name ostree-remount
  --generator  write the units of /var and /boot to the directory NORMAL, as
               systemd.generator(7); also by the name ostree-system-generator
  --next-root  in the booted system: prepare the root for a soft reboot at
               /run/nextroot; DEPLOYMENT is its directory below /sysroot
  --version    print the version
  --help       print this text

Configuration: /usr/lib/ostree/prepare-root.conf, replaced as a whole by
/etc/ostree/prepare-root.conf, both inside the initramfs.
Exit status: 0 prepared, 1 failed; the first line of the error says why.

Example: prepare-root /sysroot
"""

# Installed under these names it does what libostree's programs of that name do.
_CALLED = {b"ostree-remount": b"--remount", b"ostree-system-generator": b"--generator"}


def run(argv: list[bytes], environ: list[bytes]) -> int:
    """Do what `argv` says and return the exit status.

    `argv` starts with the program's name; `environ` are `NAME=value` items.
    """
    if _bootsys.getpid() == 1:
        return init.main(argv, environ)
    log.to_stderr(environ)
    words = _words(argv)
    if words == [b"--remount"]:
        from prepare_root import remount  # noqa: PLC0415

        return remount.main()
    if words[:1] == [b"--generator"] and 2 <= len(words) <= 4:
        from prepare_root import generator  # noqa: PLC0415

        log.to_kmsg()
        return generator.main(words[1])
    if words[:1] == [b"--next-root"] and len(words) == 2:
        from prepare_root import nextroot  # noqa: PLC0415

        return nextroot.main(words[1])
    if words == [b"--help"]:
        _out(HELP)
        return 0
    if words == [b"--version"]:
        _out(f"prepare-root {VERSION}\n")
        return 0
    dry = words[:1] == [b"--dry-run"]
    if dry:
        words = words[1:]
    if not 1 <= len(words) <= 2 or words[0].startswith(b"-"):
        log.error("read arguments: expected SYSROOT and at most a CMDLINE file")
        log.error("hint: prepare-root --help")
        return 1
    return _service(words[0], words[1] if len(words) == 2 else b"/proc/cmdline", dry)


def _words(argv: list[bytes]) -> list[bytes]:
    """The arguments; a name of libostree's that the program was called by stands for one."""
    called = _CALLED.get(argv[0].rpartition(b"/")[2]) if argv else None
    return argv[1:] if called is None else [called, *argv[1:]]


def _service(root: bytes, cmdline_path: bytes, dry: bool) -> int:
    try:
        cmdline = _read_cmdline(cmdline_path)
        config = prepare.load_config()
        if dry:
            ops = prepare.native_root(root, cmdline)
            if ops is None:
                ops = plan.make(sysroot.observe(root, cmdline, config), config)
            for op in ops:
                _out(f"{op.step}: {op.describe()}\n")
            return 0
        prepare.run(root, cmdline, config)
    except Failure as error:
        report.failure(error, root)
        return 1
    except OSError as error:
        subject = error.filename if isinstance(error.filename, bytes) else root
        report.failure(Failure("system call", show(subject), reason_of(error)), root)
        return 1
    return 0


def _read_cmdline(path: bytes) -> bytes:
    try:
        return files.read(path).removesuffix(b"\n")
    except OSError as error:
        raise Failure("read kernel command line", show(path), reason_of(error)) from error


def _out(text: str) -> None:
    data = text.encode("utf-8")
    while data:
        data = data[_bootsys.write(1, data) :]
