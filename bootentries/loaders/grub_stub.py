"""The static `grub.cfg`: it never changes, and finds the menu that does.

It sources `/boot/loader/grub.cfg` (or `/loader/grub.cfg` on a boot partition).  When that
file is missing or not complete it takes another:

- that of `loader.0` or `loader.1`.  GRUB replays no journal, and a power cut while the swap
  comes to its place on ext4 can leave it a link `loader` that leads nowhere.  Both
  directories are whole then, and either list boots.
- the last menu that was, kept beside GRUB.  It may be older: libostree does not write it.
"""

from dataclasses import dataclass

MARKER = "# bootchain GRUB stub"
LAST_GOOD = "bootchain-last-good.cfg"


@dataclass(frozen=True, slots=True)
class StubOptions:
    """Seconds until the default boots; the serial unit's speed, or None for no serial."""

    timeout: int = 5
    serial_speed: int | None = None
    serial_unit: int = 0


def grub_stub(options: StubOptions) -> str:
    """Return the text of the stub."""
    serial = ""
    if options.serial_speed is not None:
        serial = (
            f"serial --unit={options.serial_unit} --speed={options.serial_speed}\n"
            "terminal_input console serial\n"
            "terminal_output console serial\n"
        )
    return f"""{MARKER}: do not edit, and keep other programs from writing it.
# The menu is /boot/loader/grub.cfg; bootentries writes it with every deployment list.
{serial}set timeout={options.timeout}
set default=0
if [ "$grub_platform" = efi ]; then
    insmod all_video
fi
if [ -s "$prefix/grubenv" ]; then
    load_env
fi
if [ "$next_entry" ]; then
    # A choice for one boot, by grub-reboot.
    set default="$next_entry"
    set next_entry=
    save_env next_entry
elif [ "$saved_entry" ]; then
    set default="$saved_entry"
fi
set bootchain_bootversion=
if [ -s /boot/loader/grub.cfg ]; then
    source /boot/loader/grub.cfg
elif [ -s /loader/grub.cfg ]; then
    source /loader/grub.cfg
fi
if [ -z "$bootchain_bootversion" ]; then
    echo "The boot menu is missing or damaged: taking the last good one."
    for menu in /boot/loader.0 /boot/loader.1 /loader.0 /loader.1; do
        if [ -z "$bootchain_bootversion" -a -s "$menu/grub.cfg" ]; then
            source "$menu/grub.cfg"
        fi
    done
    if [ -z "$bootchain_bootversion" -a -s "$prefix/{LAST_GOOD}" ]; then
        source "$prefix/{LAST_GOOD}"
    fi
    if [ -z "$bootchain_bootversion" ]; then
        echo "There is none. Boot by hand from the GRUB prompt (key c), or reinstall the menu."
    fi
fi
"""
