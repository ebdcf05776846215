"""One disk whose deployments differ in what stands at /home and its sisters; and a visitor.

The four states are spread so that each deployment also has other names in other states.
`visit` boots one deployment through the GRUB menu, lets an ordinary user write, and says
what became of it; the expectations are in the tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootvm.agent import with_agent
from bootvm.menu import Menu
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import commit, disk
from guest.shape import KEPT_FILE, LINKS, LinkState, Variant
from guest.system import VAR_FSTAB, VAR_MIB
from guest.tree import Tree
from prepare_root.image.initramfs import command

CHECKOUT = Path(__file__).resolve().parents[2]
MENU, READY = 90, 300
STATES = (LinkState.LINK, LinkState.EMPTY, LinkState.MISSING, LinkState.FULL)


def states(home: LinkState) -> dict[str, LinkState]:
    """What stands at each link's name in the deployment where `home` stands at /home."""
    first = STATES.index(home)
    return {name: STATES[(first + number) % 4] for number, name in enumerate(LINKS)}


def build(tree: Tree, image: Path, *, separate_var: bool) -> disk.Disk:
    """A disk with one deployment for each of STATES, in that order; all are kept.

    Nothing in the trees makes targets of links.  With `separate_var`, /var is a partition.
    """
    made = [
        commit.make(
            tree,
            Variant(
                version=f"home-{state.value}",
                links=tuple(states(state).items()),
                link_targets=False,
                fstab=VAR_FSTAB if separate_var else "",
                checkout=CHECKOUT,
            ),
            image,
        )
        for state in STATES
    ]
    spec = disk.DiskSpec(
        tuple(disk.Deployment(one) for one in made), var_mib=VAR_MIB if separate_var else 0
    )
    return disk.make(tree, spec, disk.programs(CHECKOUT))


def initramfs(tree: Tree, top: Path, var_mount: str) -> Path:
    """Our initramfs for `tree` below `top`, with `[var] mount` as said."""
    config = top / "prepare-root.conf"
    config.write_text(f"[var]\nmount={var_mount}\n")
    words = [top / "image", "--kver", tree.kernel, "--modules-dir", tree.path, "--config", config]
    command.main([str(word) for word in words], standalone_mode=False)
    return top / "image"


def title(home: LinkState) -> str:
    """The end of the menu's line for that deployment."""
    return f"home-{home.value} (ostree:{len(STATES) - 1 - STATES.index(home)})"


@dataclass(frozen=True, slots=True)
class User:
    """Who writes during one visit."""

    name: str
    number: int

    @property
    def text(self) -> str:
        return f"written by {self.name}\n"


def user(home: LinkState) -> User:
    return User(f"user-{home.value}", 2000 + STATES.index(home))


def start(machine: Callable[..., Vm], path: Path, home: LinkState) -> Vm:
    """Boots the deployment from the disk at `path`, which keeps what is written."""
    vm = machine(with_agent(VmSpec(disks=(Disk(path, overlay=False),))))
    menu = Menu(vm.console)
    menu.wait(title(STATES[0]), MENU)
    menu.choose(title(home))
    vm.wait_for("login:", READY)
    vm.agent.wait_ready(READY)
    assert vm.check("cat /usr/share/guest/version") == f"home-{home.value}\n"
    return vm


def write_as(vm: Vm, who: User) -> None:
    """The account is made the way an admin makes one, and its owner writes and reads back."""
    vm.check(f"useradd --create-home --uid {who.number} --shell /bin/sh {who.name}")
    script = f"cd && pwd && echo '{who.text.strip()}' > note && chmod 600 note && cat note"
    answer = vm.check(f'su - {who.name} -c "{script}"')
    assert answer == f"/home/{who.name}\n{who.text}"


def read_in(vm: Vm, home: str, who: User) -> str | None:
    """The note of `who` below the directory `home`, or None; its owner must be right."""
    note = f"{home}/{who.name}/note"
    result = vm.run(f"cat {note} && stat -c %u:%g:%a {note} {home}/{who.name}")
    if result.status != 0:
        assert "No such file or directory" in result.stderr, result.stderr
        return None
    text, file, directory = result.stdout.splitlines(keepends=True)
    owner = f"{who.number}:{who.number}"
    assert file == f"{owner}:600\n"
    assert directory.startswith(f"{owner}:")
    return text


def said(vm: Vm) -> str:
    """What prepare-root said, as /init to the kernel's log and as a service to the journal."""
    return vm.check("journalctl -b --no-pager -o short-monotonic | grep prepare-root")


def check_state(vm: Vm, name: str, state: LinkState, by_unit: bool) -> None:
    """What stands at /NAME in the running system when the tree has it in `state`.

    `by_unit`: an empty directory is covered by a unit, not by prepare-root itself.
    """
    target = LINKS[name].removeprefix("../")
    kind = vm.check(f"stat -c %F /{name}").strip()
    mounted = vm.run(f"findmnt -n -o FSROOT --mountpoint /{name}").stdout.strip()
    reported = f"link: /{name}: left alone, not made to lead to /{target}: " in said(vm)
    if state is LinkState.FULL:
        assert (kind, mounted, reported) == ("directory", "", True), name
        assert vm.check(f"cat /{name}/{KEPT_FILE}") == f"{name}\n"
        assert vm.run(f"test -e /{target}/{KEPT_FILE}").status == 1, name
        return
    mode = "700" if name == "root" else "755"
    assert vm.check(f"stat -c '%F %a' /{target}").strip() == f"directory {mode}", name
    here, there = vm.check(f"stat -L -c %d:%i /{name} /{target}").split()
    assert here == there, name
    if state is LinkState.EMPTY:
        assert (kind, reported) == ("directory", False), name
        assert mounted.endswith(target.removeprefix("var").removeprefix("run")), name
        unit = name.replace("/", "-") + ".mount"
        written = vm.run(f"systemctl show -P FragmentPath {unit}").stdout.strip()
        # What leads to /run needs no /var.
        late = by_unit and target.startswith("var/")
        assert written == (f"/run/systemd/system/{unit}" if late else ""), name
    else:
        assert (kind, mounted, reported) == ("symbolic link", "", False), name
        assert vm.check(f"readlink /{name}") == f"{LINKS[name]}\n"


def check_sound(vm: Vm) -> None:
    """The system came up whole, and its root is immutable again."""
    assert vm.check("systemctl is-system-running --wait", 120) == "running\n"
    assert vm.check("systemctl --failed --no-legend") == ""
    assert "i" in vm.check("lsattr -d /").split()[0]


def walk(
    machine: Callable[..., Vm], path: Path, *, separate_var: bool, by_unit: bool = True
) -> None:
    """Visits every deployment on the disk at `path`, one boot each; files must last.

    A user who wrote where /home leads to /var is there in every later deployment; one who
    wrote in a /home that the tree fills is in that deployment alone.
    """
    moved: list[User] = []  # whose files are in /var/home
    for home in STATES:
        vm = start(machine, path, home)
        check_sound(vm)
        for name, state in states(home).items():
            check_state(vm, name, state, by_unit)
        who = user(home)
        write_as(vm, who)
        own = vm.check("cat /proc/cmdline").partition("ostree=")[2].split()[0]
        places = {
            "deployment": f"/sysroot{own}/home",
            "stateroot": f"/sysroot/ostree/deploy/{disk.STATEROOT}/var/home",
            "var": "/var/home",
        }
        if home is LinkState.FULL:
            expected = {"deployment"}
        else:
            moved.append(who)
            expected = {"var"} if separate_var else {"var", "stateroot"}
        assert {k for k, place in places.items() if read_in(vm, place, who)} == expected
        for earlier in moved:
            assert read_in(vm, "/var/home", earlier) == earlier.text
            seen = None if home is LinkState.FULL else earlier.text
            assert read_in(vm, "/home", earlier) == seen
        source = vm.check("findmnt -n -o LABEL --target /var/home").strip()
        assert source == ("var" if separate_var else "root")
        vm.power_off()
