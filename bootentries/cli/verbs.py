"""The verbs, and where each is; a verb's module is loaded when the verb is used.

Start-up counts: scripts run these commands by the hundred.
"""

from dataclasses import dataclass
from importlib import import_module

import click


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb's command object is; `shared` if `ostree admin` has the verb, too.

    Shared verbs exit 1 on misuse, as there; ours alone exit 2, as is the custom.
    """

    module: str
    attribute: str
    shared: bool = True


# In the order of `--help`: to look, to change, for installers.
VERBS = {
    "status": Verb("status", "status"),
    "config-diff": Verb("config_diff", "config_diff"),
    "verify": Verb("verify", "verify", shared=False),
    "explain": Verb("explain", "explain", shared=False),
    "loader": Verb("loader", "loader", shared=False),
    "esp": Verb("esp", "esp", shared=False),
    "deploy": Verb("deploy", "deploy"),
    "upgrade": Verb("upgrade", "upgrade"),
    "switch": Verb("upgrade", "switch"),
    "undeploy": Verb("listing", "undeploy"),
    "set-default": Verb("listing", "set_default"),
    "rollback": Verb("rollback", "rollback", shared=False),
    "pin": Verb("listing", "pin"),
    "label": Verb("label", "label", shared=False),
    "cleanup": Verb("listing", "cleanup"),
    "lock-finalization": Verb("staging", "lock_finalization"),
    "finalize-staged": Verb("staging", "finalize_staged"),
    "boot-complete": Verb("staging", "boot_complete"),
    "prepare-soft-reboot": Verb("soft_reboot", "prepare_soft_reboot"),
    "kexec-load": Verb("kexec", "kexec_load", shared=False),
    "set-origin": Verb("set_origin", "set_origin"),
    "kargs": Verb("kargs", "kargs"),
    "unlock": Verb("unlock", "unlock"),
    "post-copy": Verb("unlock", "post_copy"),
    "init-fs": Verb("initfs", "init_fs"),
    "os-init": Verb("initfs", "os_init"),
    "stateroot-init": Verb("initfs", "os_init"),
    "hooks": Verb("hooks", "hooks", shared=False),
    "install-units": Verb("units", "install_units", shared=False),
    "instutil": Verb("instutil", "instutil"),
}


class VerbGroup(click.Group):
    """A group that finds its commands in `VERBS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb's command, loading its module."""
        del ctx
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command = getattr(import_module(f"bootentries.cli.{verb.module}"), verb.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.module}.{verb.attribute} is no command")
        return command


def is_shared(argv: list[str]) -> bool:
    """Return whether a command line names a verb that `ostree admin` has, too."""
    verb = next((VERBS[word] for word in argv if word in VERBS), None)
    return verb is not None and verb.shared
