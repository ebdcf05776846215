"""The kernel arguments of a new deployment, as the options of `deploy` ask for them."""

from dataclasses import dataclass

from bootentries.errors import BootentriesError
from bootentries.kargs import KernelArgs


@dataclass(frozen=True, slots=True)
class KargOptions:
    """`--karg-none`, `--karg-proc-cmdline`, `--karg`, `--karg-append` and `--karg-delete`."""

    none: bool = False
    proc_cmdline: bool = False
    replace: tuple[str, ...] = ()
    append: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()

    def apply(self, merge: str, proc_cmdline: str) -> str:
        """Return the arguments; `merge` are those of the deployment that is continued.

        Raises BootentriesError when --karg-delete names a value that its key has not.
        """
        if self.none and self.proc_cmdline:
            raise BootentriesError(
                "choose kernel arguments",
                "--karg-none",
                "excludes --karg-proc-cmdline",
                hint="leave one of them out",
            )
        args = KernelArgs.parse(merge)
        if self.none:
            args = KernelArgs()
        elif self.proc_cmdline:
            args = KernelArgs.from_proc_cmdline(proc_cmdline)
        for arg in self.replace:
            args = args.replace(arg)
        args = args.append_all(self.append)
        for arg in self.delete:
            args = args.delete_if_present(arg)
        return str(args)
