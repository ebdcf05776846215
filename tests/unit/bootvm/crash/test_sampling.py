"""Which cuts are looked at."""

from hypothesis import given
from hypothesis import strategies as st

from bootvm.crash.cuts import Kind, floor
from bootvm.crash.log import Write
from bootvm.crash.sampling import Choice, plan

F = Write(is_flush=True)
writes = st.lists(
    st.one_of(
        st.just(F),
        st.builds(
            Write,
            offset=st.integers(0, 20).map(lambda n: n * 512),
            length=st.integers(1, 9).map(lambda n: n * 512),
            is_fua=st.booleans(),
        ),
    ),
    max_size=12,
)


@given(writes, st.data())
def test_cuts_are_possible(log: list[Write], data: st.DataObject) -> None:
    """Nothing durable is lost or torn, nothing is torn whole, and all boundaries are there."""
    start = data.draw(st.integers(0, len(log)))
    stop = data.draw(st.integers(start, len(log)))
    ends = {kind: set() for kind in Kind}
    for window, cuts in plan(log, start, stop, Choice(samples=30, tears=2)):
        for cut in cuts:
            ends[cut.kind].add(cut.end)
            assert start <= cut.end <= stop
            assert floor(log, cut.end) == window.first
            for number in cut.lost:
                assert window.first <= number < cut.end
                assert not log[number].is_fua
            for tear in cut.torn:
                assert tear.number not in cut.lost
                assert 0 < tear.kept < (1 << log[tear.number].sectors) - 1
            if cut.kind is Kind.SAMPLE:
                assert not any(log[tear.number].is_fua for tear in cut.torn)
    wanted = {at for at in range(start, stop + 1) if not (at and log[at - 1].is_flush)}
    assert ends[Kind.WRITE] | ends[Kind.FLUSH] >= wanted
    assert ends[Kind.FLUSH] >= {at + 1 for at in range(start, stop) if log[at].is_flush}
    torn = {at + 1 for at in range(start, stop) if log[at].sectors > 1}
    assert ends[Kind.TEAR] == torn


@given(writes, st.integers(0, 3))
def test_same_seed_same_cuts(log: list[Write], seed: int) -> None:
    choice = Choice(samples=20, seed=seed)
    assert list(plan(log, 0, len(log), choice)) == list(plan(log, 0, len(log), choice))


def test_samples_are_shared_by_the_writes_of_a_window() -> None:
    log = [Write(0, 512)] * 3 + [F] + [Write(0, 512)] + [F] + [Write(0, 512)] * 9
    found = [
        sum(cut.kind is Kind.SAMPLE for cut in cuts)
        for _, cuts in plan(log, 0, len(log), Choice(samples=120))
    ]
    # One write of one sector is there or not: the boundaries say it all.
    assert found == [30, 0, 90]
    others = plan(log, 0, len(log), Choice(samples=120, seed=2))
    assert list(others) != list(plan(log, 0, len(log), Choice(samples=120, seed=1)))
