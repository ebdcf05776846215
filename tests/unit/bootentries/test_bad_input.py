"""Command lines and sysroots that make no sense: one line, and nothing is changed."""

import json

import click
import pytest
from badinput import CASES
from sidebyside import facts
from victims import Victim

from bootentries.cli import run
from bootentries.cli.verbs import VERBS, VerbGroup, is_shared

# Every verb belongs to one of these; a new one has to be put into its place.
WRITING = {
    "deploy", "upgrade", "switch", "undeploy", "set-default", "pin", "cleanup", "set-origin",
    "kargs edit-in-place", "init-fs", "os-init", "stateroot-init", "instutil set-kargs",
    "loader set", "loader run-pending", "unlock", "post-copy",
    "lock-finalization", "finalize-staged", "boot-complete", "install-units", "label", "rollback",
    "hooks run", "hooks run-pending", "esp sync", "esp install", "esp remove",
    "prepare-soft-reboot", "kexec-load",
}  # fmt: skip
# One makes what it would lock; for the next `ostree` takes the lock itself; and two write no
# list.
WITHOUT_LOCK = {"init-fs", "post-copy", "boot-complete", "install-units"}
REPORTING = {
    "status": (), "config-diff": ("--os=testos",), "verify": (), "explain": (), "loader": (),
}  # fmt: skip
GROUPS = {"kargs", "instutil", "loader", "hooks", "esp"}
PRINTING = {"instutil grub2-generate", "instutil grub2-stub", "loader order", "esp status"}
INDEXED = {
    "undeploy": "undeploy {}",
    "set-default": "set-default {}",
    "prepare-soft-reboot": "prepare-soft-reboot {}",
    "kexec-load": "kexec-load {}",
    "set-origin": "set-origin --index={} up http://u b",
    "explain": "explain {}",
}


def commands() -> dict[str, click.Command]:
    """Every verb, and every verb of a group."""
    top = VerbGroup()
    context = click.Context(top)
    found = {}
    for name in VERBS:
        command = top.get_command(context, name)
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {below}": item for below, item in command.commands.items()}
    return found


COMMANDS = commands()


def refused(capsys, argv: list[str], status: int) -> str:
    """Run a bad command line; returns its one line without the program's name."""
    assert run(argv) == status
    said = capsys.readouterr()
    assert said.out == ""
    first, *rest = said.err.splitlines()
    assert all(line.startswith("hint: ") for line in rest)
    assert len(rest) <= 1
    assert first.startswith("bootentries: ")
    return first.removeprefix("bootentries: ")


def misuse(argv: list[str]) -> int:
    return 1 if is_shared(argv) else 2


def test_every_verb_has_its_place():
    assert set(COMMANDS) == WRITING | set(REPORTING) | GROUPS | PRINTING


@pytest.mark.parametrize("name", COMMANDS)
def test_every_verb_helps_with_an_example(name, capsys):
    assert run([*name.split(), "--help"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    example = said.out.partition("Example: ")[2].split()
    assert example[0] == "bootentries"
    # Of a verb that has two names the example shows either.
    assert {name.split()[-1], COMMANDS[name].name} & set(example), example


@pytest.mark.parametrize("name", COMMANDS)
def test_writing_verbs_can_rehearse(name):
    options = {text for item in COMMANDS[name].params for text in item.opts}
    assert ("--dry-run" in options) == (name in WRITING)
    assert name not in WRITING or name in WITHOUT_LOCK or "--lock-timeout" in options


@pytest.mark.parametrize("name", REPORTING)
def test_reporting_verbs_speak_json(name, fake, capsys):
    for path in ("etc", "usr/etc"):
        (fake.deployment() / path).mkdir()
    # What is wrong with the sysroot is told in the same way.
    assert run(["--sysroot", str(fake.path), name, *REPORTING[name], "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_there_is_not(name, capsys):
    said = refused(capsys, [*name.split(), "--no-such-option=1"], misuse([name.split()[0]]))
    # Some versions of click put a colon and no quotes.
    assert said.startswith("usage: No such option")
    assert "--no-such-option" in said


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"kargs", "instutil", "esp"}))
@pytest.mark.parametrize("option", ["--sysroot", "--boot"])
def test_an_option_without_its_value(name, option, capsys):
    argv = [*name.split(), option]
    assert refused(capsys, argv, misuse(argv)) == f"usage: Option '{option}' requires an argument."


NO_NUMBERS = ["x", "", " 1", "1 ", "1_0", "+1", "0x1", "1.0", "1e0", "\u0661", "\u00b2", "9" * 5000]


@pytest.mark.parametrize("name", INDEXED)
@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: ascii(text)[:9])
def test_an_index_that_is_no_number(name, text, fake, capsys):
    argv = [word.format(text) for word in INDEXED[name].split(" ")]
    argv = ["--sysroot", str(fake.path), *argv]
    if name != "explain":
        argv.append("--dry-run")
    said = refused(capsys, argv, misuse(argv))
    assert said.endswith(
        f": {' '.join(repr(text).split())} is not a whole number of at most nine digits."
    )


@pytest.mark.parametrize("name", ["undeploy", "set-default", "set-origin"])
@pytest.mark.parametrize("text", ["2", "-1", "999999999"])
def test_an_index_out_of_range(name, text, fake, capsys):
    words = INDEXED[name].split(" ")
    # A minus begins an option, but for what follows `--`.
    argv = [*words[:1], "--dry-run", *(["--"] if name != "set-origin" else []), *words[1:]]
    argv = ["--sysroot", str(fake.path), *(word.format(text) for word in argv)]
    assert refused(capsys, argv, 1) == (
        f"choose deployment: {text}: out of range: there are deployments 0 to 1"
    )


@pytest.mark.parametrize("text", [*NO_NUMBERS, "-1"], ids=lambda text: ascii(text)[:9])
def test_pin_takes_numbers_and_three_words(text, fake, capsys):
    argv = ["--sysroot", str(fake.path), "pin", "--dry-run", "--", text]
    said = f"pin: {text}: neither a number nor one of booted, pending, rollback"
    assert refused(capsys, argv, 1) == " ".join(said.split())


def test_a_very_long_word_is_cut(fake, capsys):
    said = refused(capsys, ["--sysroot", str(fake.path), "pin", "--dry-run", "x" * 100_000], 1)
    assert said.startswith("pin: xxxx")
    assert "xxx … xxx" in said
    assert said.endswith("xxx: neither a number nor one of booted, pending, rollback")
    assert len(said) < 5000


BAD = {
    "explain 2": (2, "Invalid value for N: there is no entry 2: the list has 2"),
    "explain -- -1": (2, "Invalid value for '[N]': -1 is not in the range x>=0."),
    "explain 0 1": (2, "Got unexpected extra argument (1)"),
    "undeploy 0 1": (1, "Got unexpected extra argument (1)"),
    "status x": (1, "Got unexpected extra argument (x)"),
    "verify x": (2, "Got unexpected extra argument (x)"),
    "cleanup --lock-timeout=soon": (
        1, "Invalid value for '--lock-timeout': 'soon' is not a valid float range.",
    ),
    "cleanup --lock-timeout=-1": (
        1, "Invalid value for '--lock-timeout': -1.0 is not in the range 0<=x<=31622400.",
    ),
    "cleanup --lock-timeout=inf": (
        1, "Invalid value for '--lock-timeout': inf is not in the range 0<=x<=31622400.",
    ),
    "cleanup --lock-timeout=nan": (1, "Invalid value for '--lock-timeout': 'nan' is not a time."),
    "loader run-pending --timeout=nan": (2, "Invalid value for '--timeout': 'nan' is not a time."),
    "loader run-pending --timeout=0": (
        2, "Invalid value for '--timeout': 0.0 is not in the range x>0.",
    ),
    "loader set lilo": (
        2,
        "Invalid value for 'NAME': 'lilo' is not one of 'auto', 'none', 'grub2', 'syslinux', "
        "'uboot', 'zipl', 'aboot', 'sdboot', 'grub'.",
    ),
    "loader set": (
        2, "Missing argument 'NAME'. Choose from: auto, none, grub2, syslinux, uboot, zipl, aboot,"
        " sdboot, grub",
    ),
    "loader nosuch": (2, "No such command 'nosuch'."),
    "kargs nosuch": (1, "No such command 'nosuch'."),
    "init-fs": (1, "Missing argument 'PATH'."),
    "init-fs --epoch=2 x": (
        1, "Invalid value for '-E' / '--epoch': 2 is not in the range 0<=x<=1.",
    ),
    "os-init": (1, "Missing argument 'STATEROOT'."),
    "deploy": (1, "REF/REV must be specified"),
    "deploy --karg-none --karg-proc-cmdline x": (
        1, "--karg-none and --karg-proc-cmdline exclude each other",
    ),
    "switch": (1, "REFSPEC must be specified"),
    "upgrade --pull-only --deploy-only": (1, "--pull-only and --deploy-only exclude each other"),
    "unlock --hotfix --transient": (1, "--hotfix and --transient exclude each other"),
    "set-origin": (1, "Missing argument 'REMOTENAME'."),
    "instutil grub2-generate 2": (
        1, "Invalid value for '[BOOTVERSION]': 2 is not in the range 0<=x<=1.",
    ),
    "instutil grub2-stub --timeout=-2": (
        1, "Invalid value for '--timeout': -2 is not in the range x>=-1.",
    ),
    "instutil grub2-stub --serial-speed=0": (
        1, "Invalid value for '--serial-speed': 0 is not in the range x>=1.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("command", BAD)
def test_misuse_is_one_line(command, fake, capsys):
    status, text = BAD[command]
    argv = ["--sysroot", str(fake.path), *command.split()]
    assert refused(capsys, argv, status) == f"usage: {text}"


TEXTS = {
    "a\nb": "'a\\nb': a line feed is in it.",
    "a\udcffb": "'a\\udcffb': it is not UTF-8.",
}
TAKING_TEXT = {
    "instutil set-kargs --merge --append={}": "append",
    "instutil set-kargs --merge --replace={}": "replace",
    "instutil set-kargs {}": "args",
    "kargs edit-in-place --append-if-missing={}": "append_if_missing",
    "deploy --os=testos --karg={} ref": "karg",
    "deploy --os=testos --karg-append={} ref": "karg_append",
    "deploy --os={} ref": "stateroot",
    "deploy {}": "refspec",
    "switch --os=testos {}": "refspec",
    "set-origin --index=0 {} http://u b": "remote",
    "set-origin --index=0 r {} b": "url",
    "set-origin --index=0 r http://u {}": "branch",
    "os-init {}": "stateroot",
    "upgrade --override-commit={}": "override_commit",
}


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("command", TAKING_TEXT)
def test_text_that_no_line_of_a_file_can_hold(command, text, fake, capsys):
    argv = ["--sysroot", str(fake.path), *(word.format(text) for word in command.split())]
    said = refused(capsys, [*argv, "--dry-run"], 1)
    assert said == f"usage: Invalid value for '{TAKING_TEXT[command]}': {TEXTS[text]}"


@pytest.fixture
def victim(fake):
    return Victim(fake.path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_spoiled_sysroot_is_refused_and_left_alone(case, victim, capsys):
    lines = case.lines(victim)
    case.spoil(victim)
    before = facts(victim.top)
    for verb in ("status", "undeploy --dry-run 1", "set-default --dry-run 1"):
        status = run(["--sysroot", str(victim.top), *verb.split()])
        said = capsys.readouterr()
        if verb == "status" and case.accepted:
            assert status == 0
            continue
        assert said.err.splitlines() == lines
        assert (status, said.out) == (1, "")
    assert facts(victim.top) == before
