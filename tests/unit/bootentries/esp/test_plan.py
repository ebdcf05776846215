"""The order of a sync: what is booted at each point of it, and what it leaves."""

import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bootentries.entries import bls
from bootentries.errors import BootentriesError
from bootentries.esp import ops
from bootentries.esp.names import ENTRIES
from bootentries.esp.plan import Wanted, clusters, in_step, needed, plan, with_counters
from bootentries.esp.present import Present, PresentEntry

from .conftest import entry, open_partition, payload


@contextmanager
def scratch():
    """A partition for one example of hypothesis, which runs many in one test."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as esp, tempfile.TemporaryDirectory() as boot:
        found = open_partition(Path(esp), Path(boot) / "boot", [])
        try:
            yield found
        finally:
            os.close(found.place.fd)
            os.close(found.place.boot_fd)


ENTRY = st.builds(
    entry,
    st.sampled_from("abcd"),
    st.sampled_from([1, 2, 3]),
    st.sampled_from(["quiet", "loud"]),
    st.sampled_from([None, None, (3, 0), (2, 1), (0, 3)]),
)
COUNTED = st.sampled_from([None, *(f"bootchain-000001-0{n}+2-1.conf" for n in (1, 2, 3))])
LIST = st.lists(ENTRY, min_size=1, max_size=4, unique_by=lambda item: item.deployment)


def expected(wanted):
    """The deployment that a list boots: the first that has tries left, if any has."""
    good = [item for item in wanted if item.tries is None or item.tries[0]]
    return (good or wanted)[0].deployment


@settings(max_examples=60, deadline=None)
@given(LIST, LIST, COUNTED)
@example(
    [entry("b", tries=(2, 1)), entry("a", tries=(0, 3)), entry("c", 2)],
    [entry("a", 3, tries=(3, 0))], "bootchain-000001-03+2-1.conf",
)  # fmt: skip
@example(
    [entry("b", tries=(2, 1)), entry("a", tries=(0, 3)), entry("c", 2)],
    [entry("a", 3, tries=(3, 0))], None,
)  # fmt: skip
def test_the_default_is_old_or_new_after_every_operation(old, new, counted):
    with scratch() as esp:
        esp.sync(*old)
        before = esp.boots()
        assert before == expected(old)
        todo = esp.plan(*new, counted=counted)
        due = expected(with_counters(esp.present(), Wanted(tuple(new))).entries)
        seen = []
        for op in todo.ops:
            op.apply(esp.place)
            seen.append(esp.boots())
        # It changes once, and not back.
        switches = [now for was, now in zip([before, *seen], seen, strict=False) if was != now]
        assert switches in ([], [due])
        assert esp.boots() == due


@settings(max_examples=60, deadline=None)
@given(LIST, LIST, LIST, COUNTED, st.data())
def test_a_run_after_an_interrupted_one_ends_it_and_leaves_nothing(old, new, third, counted, data):
    with scratch() as esp:
        esp.sync(*old)
        todo = esp.plan(*new, counted=counted)
        stop = data.draw(st.integers(0, len(todo.ops)))
        for op in todo.ops[:stop]:
            op.apply(esp.place)
        before = esp.boots()
        last = esp.plan(*third)
        due = expected(with_counters(esp.present(), Wanted(tuple(third))).entries)
        for op in last.ops:
            op.apply(esp.place)
            assert esp.boots() in (before, due)
        assert esp.boots() == due
        esp.sync(*third)
        assert esp.plan(*third).in_step
        names = {item.name for one in third for item in one.payloads}
        assert set(esp.present().payload) == names
        assert len(esp.present().entries) == len(third)


@settings(max_examples=40, deadline=None)
@given(LIST)
def test_what_is_there_is_what_was_wanted_in_its_order(wanted):
    with scratch() as esp:
        first = esp.sync(*wanted)
        assert not first.in_step
        again = esp.plan(*wanted)
        assert again.in_step
        assert again.ops == ()
        shown = [item.deployment for item in esp.present().live]
        good = [item.deployment for item in wanted if item.tries is None or item.tries[0]]
        bad = [item.deployment for item in wanted if item.deployment not in good]
        assert shown == good + bad


def test_the_first_sync_in_words(esp):
    wanted = (entry("a", 2), entry("b"))
    kernel, old, initrd = (payload(name) for name in ("vmlinuz-2", "vmlinuz-1", "initrd-1"))
    assert esp.sync(*wanted).describe() == [
        "create directory bootchain",
        "create directory loader/entries",
        "write loader/entries.srel",
        f"copy {kernel.path} from boot/ostree/os/vmlinuz-2",
        f"copy {initrd.path} from boot/ostree/os/initrd-1",
        f"copy {old.path} from boot/ostree/os/vmlinuz-1",
        "sync the partition",
        f"read back {kernel.path}",
        f"read back {initrd.path}",
        f"read back {old.path}",
        "write loader/entries/bootchain-000001-02.conf",
        "write loader/entries/bootchain-000001-01.conf",
        "sync the partition",
        "read back loader/entries/bootchain-000001-02.conf",
        "read back loader/entries/bootchain-000001-01.conf",
        "switch on loader/entries/bootchain-000001-02.conf",
        "sync the partition",
        "switch on loader/entries/bootchain-000001-01.conf",
        "sync the partition",
    ]
    assert (esp.path / "loader/entries.srel").read_text() == "type1\n"
    # The list before is removed last: the entries, then the kernel that only they named.
    assert esp.sync(entry("b")).describe()[-2:] == [
        "remove loader/entries/bootchain-000001-01.conf, loader/entries/bootchain-000001-02.conf",
        f"remove {kernel.path}",
    ]


def test_what_is_not_ours_stays(esp):
    (esp.path / ENTRIES).mkdir(parents=True)
    foreign = {
        f"{ENTRIES}/fedora.conf": "title Fedora\nlinux /vmlinuz\n",
        f"{ENTRIES}/bootchain-1.conf": "title not a name of ours\n",
        f"{ENTRIES}/BOOTCHAIN-000001-01.CONF": "title in capitals\n",
        "bootchain/note.txt": "mine",
        "EFI/BOOT/BOOTX64.EFI": "shim",
    }
    for name, text in foreign.items():
        (esp.path / name).parent.mkdir(parents=True, exist_ok=True)
        (esp.path / name).write_text(text)
    esp.sync(entry("a"), entry("b", 2))
    esp.sync(entry("c", 3))
    assert {name: (esp.path / name).read_text() for name in foreign} == foreign
    # Whose semantics the directory has is not for us to say: it was there.
    assert not (esp.path / "loader/entries.srel").exists()


def test_a_name_in_capitals_is_not_written_over(esp):
    """On FAT it would be the same file."""
    (esp.path / ENTRIES).mkdir(parents=True)
    (esp.path / ENTRIES / "BOOTCHAIN-000007-01.CONF").write_text("mine")
    esp.sync(entry("a"))
    assert [item.file for item in esp.present().entries] == ["bootchain-000008-01.conf"]


def test_counters_that_the_loader_left_are_kept(esp):
    fresh = [entry("a", tries=(3, 0)), entry("b", tries=(3, 0))]
    esp.sync(*fresh)
    esp.count("bootchain-000001-02+3-0.conf", "bootchain-000001-02+2-1.conf")
    esp.count("bootchain-000001-01+3-0.conf", "bootchain-000001-01.conf")
    assert esp.plan(*fresh).in_step
    esp.sync(entry("c", tries=(3, 0)), *fresh)
    names = [item.file for item in esp.present().live]
    assert names == [
        "bootchain-000002-03+3-0.conf", "bootchain-000002-02+2-1.conf", "bootchain-000002-01.conf",
    ]  # fmt: skip
    # systemd-boot does not keep the width.
    esp.count("bootchain-000002-02+2-1.conf", "bootchain-000002-02+9-10.conf")
    esp.sync(*fresh)
    assert [item.file for item in esp.present().live] == [
        "bootchain-000003-02+9-10.conf", "bootchain-000003-01.conf",
    ]  # fmt: skip
    # Where counting is off nothing is counted.
    esp.sync(*(replace(item, tries=None) for item in fresh))
    assert [item.name.tries for item in esp.present().live] == [None, None]


def test_what_is_counted_goes_on_where_the_list_has_lost_the_counters(esp):
    """libostree leaves them out with other arguments: nobody has said that these are good."""
    esp.sync(entry("a", tries=(3, 0)), entry("b", tries=(3, 0)), counting=True)
    esp.count("bootchain-000001-02+3-0.conf", "bootchain-000001-02+2-1.conf")
    esp.count("bootchain-000001-01+3-0.conf", "bootchain-000001-01.conf")
    esp.sync(entry("a", options="other"), entry("b", tries=(3, 0)), entry("c"), counting=True)
    assert [item.name.tries for item in esp.present().live] == [(2, 1), None, None]


RUNS = {"keep": "os/b.0", "counted": "bootchain-000001-01+2-1.conf"}


def counting(esp, **more):
    """A new deployment was booted once, and is to be judged; then the list changes."""
    esp.sync(entry("a", tries=(3, 0)), entry("b", tries=(3, 0)), **more)
    esp.count("bootchain-000001-01+3-0.conf", "bootchain-000001-01+2-1.conf")
    return [entry("c", tries=(3, 0)), entry("b", tries=(3, 0))]


def test_the_name_that_was_booted_stays_for_who_blesses(esp):
    new = counting(esp, **RUNS)
    todo = esp.sync(*new, **RUNS)
    assert "switch off loader/entries/bootchain-000001-01+2-1.conf" in todo.describe()
    assert [item.file for item in esp.present().live] == [
        "bootchain-000002-02+3-0.conf", "bootchain-000002-01+2-1.conf",
    ]  # fmt: skip
    # No later sync takes it away before there is a verdict.
    assert esp.plan(*new, **RUNS).in_step
    third = [entry("d", tries=(3, 0)), *new]
    esp.sync(*third, **RUNS)
    assert len(esp.present().entries) == 4
    assert (esp.path / ENTRIES / "bootchain-000001-01+2-1.conf").exists()
    esp.count("bootchain-000001-01+2-1.conf", "bootchain-000001-01.conf")
    assert not esp.plan(*third, **RUNS).in_step
    esp.sync(*third, **RUNS)
    assert [item.file for item in esp.present().entries] == [
        "bootchain-000004-01.conf", "bootchain-000004-02+3-0.conf", "bootchain-000004-03+3-0.conf",
    ]  # fmt: skip


def test_a_bad_verdict_counts_as_well(esp):
    new = counting(esp, **RUNS)
    esp.sync(*new, **RUNS)
    esp.count("bootchain-000001-01+2-1.conf", "bootchain-000001-01+0-1.conf")
    esp.sync(*new, **RUNS)
    assert [item.name.tries for item in esp.present().live] == [(3, 0), (0, 1)]


def test_a_verdict_survives_a_run_that_does_not_end(esp):
    new = counting(esp, **RUNS)
    esp.sync(*new, **RUNS)
    esp.count("bootchain-000001-01+2-1.conf", "bootchain-000001-01.conf")
    for stop in range(len(esp.plan(*new, **RUNS).ops)):
        for op in esp.plan(*new, **RUNS).ops[:stop]:
            op.apply(esp.place)
        wanted = with_counters(esp.present(), Wanted(tuple(new), **RUNS))
        assert [item.tries for item in wanted.entries] == [(3, 0), None]


def test_without_a_verdict_it_goes_after_the_next_boot(esp):
    new = counting(esp, **RUNS)
    esp.sync(*new, **RUNS)
    esp.sync(*new, keep="os/b.0", counted="bootchain-000002-01+2-1.conf")
    assert [item.file for item in esp.present().entries] == [
        "bootchain-000002-01+2-1.conf", "bootchain-000002-02+3-0.conf",
    ]  # fmt: skip


def test_what_is_not_counted_is_not_kept(esp):
    esp.sync(entry("a"), entry("b"), **RUNS)
    esp.sync(entry("b"), **RUNS)
    assert [item.file for item in esp.present().entries] == ["bootchain-000002-01.conf"]


def test_an_empty_list_takes_nothing_away(esp):
    esp.sync(entry("a"))
    todo = esp.plan()
    assert todo.ops == ()
    assert not todo.in_step


def test_a_kernel_that_was_damaged_is_written_again_when_it_is_read(esp):
    esp.sync(entry("a", 2))
    file = esp.path / payload("vmlinuz-2").path
    file.write_bytes(file.read_bytes()[::-1])
    assert esp.plan(entry("a", 2)).in_step
    esp.apply(plan(esp.present(), Wanted((entry("a", 2),)), reread=True))
    assert esp.boots() == "os/a.0"
    # One that is not whole is seen by its size.
    file.write_bytes(b"two")
    assert not esp.plan(entry("a", 2)).in_step
    esp.sync(entry("a", 2))
    assert esp.boots() == "os/a.0"


def test_kernels_of_a_staged_deployment_are_copied_ahead_and_stay(esp):
    extra = (payload("vmlinuz-3"),)
    esp.sync(entry("a"))
    todo = esp.sync(entry("a"), extra=extra)
    assert [op for op in todo.ops if isinstance(op, ops.Enable)] == []
    assert extra[0].name in esp.present().payload
    assert esp.plan(entry("a"), extra=extra).in_step
    esp.sync(entry("b"), extra=extra)
    assert extra[0].name in esp.present().payload
    esp.sync(entry("b"))
    assert extra[0].name not in esp.present().payload


# --- room ---------------------------------------------------------------------


def state(*items, free, cluster=1024, size=1 << 20):
    """A partition by hand: (deployment, kernel number) in order, and so many bytes free."""
    entries, sizes = [], {}
    for place, (name, kernel) in enumerate(items):
        item = entry(name, kernel)
        number = len(items) - place
        file = f"bootchain-000001-{number:02}.conf"
        text = (
            f"\ntitle x\nversion 1.{number}\nsort-key bootchain\nlinux /{item.linux.path}\n"
            f"x-bootchain-deployment {item.deployment}\n"
        )
        parsed = ops_name(file)
        entries.append(PresentEntry(file, parsed, text))
        sizes[item.linux.name] = item.linux.size
    return Present(
        tuple(entries), payload=sizes, has_entries=True, has_payload=True, cluster=cluster,
        size=size, free=free,
    )  # fmt: skip


def ops_name(file):
    from bootentries.esp.names import parse_entry_name

    found = parse_entry_name(file)
    assert found is not None
    return found


@pytest.mark.parametrize(("size", "taken"), [(0, 0), (1, 512), (512, 512), (513, 1024)])
def test_clusters(size, taken):
    assert clusters(size, 512) == taken


def test_what_is_needed_is_counted_in_clusters():
    present = state(("a", 1), free=0)
    wanted = Wanted((entry("b", 2),))
    # The kernel's 6000 bytes, one of initramfs, one entry, and two for directories.
    assert needed(present, wanted) == 6 * 1024 + 1024 + 1024 + 2 * 1024
    empty = Present(cluster=1024)
    assert needed(empty, wanted) == needed(present, wanted) + 3 * 1024


def test_enough_room_takes_one_step():
    present = state(("a", 1), ("b", 3), free=11 * 1024)
    assert not plan(present, Wanted((entry("c", 2), entry("a", 1)))).two_steps


def test_two_steps_keep_the_default_and_what_runs():
    items = (("a", 1), ("b", 2), ("d", 3))
    wanted = (entry("c", 3), entry("a", 1))
    present = state(*items, free=5 * 1024)
    todo = plan(replace(present, free=4 * 1024), Wanted(wanted, keep="os/d.0"))
    assert todo.two_steps
    kernel = payload("vmlinuz-2").path
    assert todo.describe()[:2] == [
        f"remove {ENTRIES}/bootchain-000001-02.conf", f"remove {kernel}",
    ]  # fmt: skip
    # What was removed first is not removed again.
    assert " ".join(todo.describe()).count("bootchain-000001-02.conf") == 1


def test_too_little_room_is_refused_in_words():
    present = state(("a", 1), ("b", 3), free=1024, size=8 << 20)
    with pytest.raises(BootentriesError) as caught:
        plan(present, Wanted((entry("c", 2), entry("a", 1))))
    assert str(caught.value) == ("sync ESP: partition: 0.0 MiB are needed, 0.0 MiB are free")
    assert "undeploy what is not needed" in caught.value.hint
    assert "it holds 8.0 MiB" in caught.value.hint
    # What runs is not taken away for it, nor the default.
    present = state(("a", 1), ("b", 2), free=1024)
    with pytest.raises(BootentriesError, match="are needed"):
        plan(present, Wanted((entry("c", 3), entry("a", 1)), keep="os/b.0"))


def test_read_only():
    with pytest.raises(BootentriesError) as caught:
        plan(Present(read_only=True), Wanted((entry("a"),)))
    assert str(caught.value) == "sync ESP: partition: it is read-only"
    assert "remount,rw" in caught.value.hint


def test_in_step_wants_one_generation(esp):
    wanted = Wanted((entry("a"), entry("b")))
    esp.sync(*wanted.entries)
    assert in_step(esp.present(), wanted)
    esp.count("bootchain-000001-01.conf", "bootchain-000000-01.conf")
    assert not in_step(esp.present(), wanted)


def test_a_full_partition_keeps_the_old_list(esp, monkeypatch):
    """No room is seen before; a filesystem that lies about it is met with care, too."""
    esp.sync(entry("a"))
    todo = esp.plan(entry("b", 2))

    def no_room(fd, data):
        os.write(fd, data[:10])
        raise OSError(28, "No space left on device")

    before = esp.files()
    monkeypatch.setattr("bootentries.fs.write_all", no_room)
    with pytest.raises(OSError, match="No space left"):
        esp.apply(todo)
    monkeypatch.undo()
    assert esp.files() == before
    assert esp.boots() == "os/a.0"


def test_before_the_switch_no_loader_sees_a_new_entry(esp):
    """The law above would hold for nothing if they were not there."""
    esp.sync(entry("a"))
    for op in esp.plan(entry("b"), entry("c")).ops:
        if isinstance(op, ops.Enable):
            break
        op.apply(esp.place)
    prepared = [item for item in esp.present().entries if not item.live]
    assert [item.deployment for item in prepared] == ["os/c.0", "os/b.0"]
    for item in prepared:
        assert "linux" not in dict(bls.parse(item.text).pairs())
    assert [found.name for found in esp.present().shown()] == ["bootchain-000001-01.conf"]
