import numpy as np

from driftmeter.detectors.calibrate import cut
from driftmeter.detectors.run import LONGEST_GAP, Run, runs
from driftmeter.panes import HOUR, Slice
from driftmeter.summary import Summary


def slice_of(start: int, rows: int, length: int = 10_000) -> Slice:
    return Slice(start, length, Summary(rows, np.array([rows, 0])))


def test_a_run_is_complete_with_enough_rows_or_enough_time():
    short = Run.of(slice_of(0, 60))
    assert not short.complete(100, HOUR)
    assert (short + slice_of(10_000, 40)).complete(100, HOUR)
    assert (short + slice_of(HOUR - 10_000, 1)).complete(100, HOUR)


def test_a_long_gap_counts_as_an_hour_at_most():
    run = Run.of(slice_of(0, 1)) + slice_of(9 * HOUR, 1)
    assert (run.end - run.start, run.length) == (9 * HOUR + 10_000, 10_000 + LONGEST_GAP)


def test_runs_leave_out_empty_slices_and_an_unfinished_end():
    given = [slice_of(0, 60), slice_of(10_000, 0), slice_of(20_000, 60), slice_of(30_000, 10)]
    (run,) = runs(given, 100, HOUR)
    assert (run.rows, run.end) == (120, 30_000)


def test_a_reference_is_cut_as_live_slices_are():
    chance = np.random.default_rng(0)
    times = np.sort(chance.integers(0, 40 * HOUR, 3_000)) + 1
    times = times[(times // HOUR) % 24 > 6]  # nights are empty
    starts, rows = np.unique(times // 10_000 * 10_000, return_counts=True)
    live = list(runs([slice_of(int(s), int(n)) for s, n in zip(starts, rows, strict=True)], 100, HOUR))
    reference = list(cut(times, 100, HOUR))
    assert np.diff([0, *(end for end, _ in reference)]).tolist() == [run.rows for run in live]
    assert [length for _, length in reference] == [min(run.length, HOUR) for run in live]
