from __future__ import annotations

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.detectors.run import LONGEST_GAP, Pace, Run, complete_runs, elapsed_since, runs
from driftmeter.fitting.cut import cut
from driftmeter.panes.pane import Slice
from driftmeter.timestamps import DAY, HOUR

START = 1_704_067_200_000


def slice_of(start: int, rows: int, length: int = 10_000) -> Slice:
    return Slice(start, length, Summary(rows, np.array([rows, 0])))


def test_a_run_is_complete_with_enough_rows_or_enough_time() -> None:
    short = Run.of(slice_of(0, 60), None)
    assert not short.complete(100, HOUR)
    assert (short + slice_of(10_000, 40)).complete(100, HOUR)
    assert (short + slice_of(HOUR - 10_000, 1)).complete(100, HOUR)


def test_a_long_gap_counts_as_an_hour_at_most() -> None:
    run = Run.of(slice_of(0, 1), None) + slice_of(9 * HOUR, 1)
    assert (run.end - run.start, run.length) == (9 * HOUR + 10_000, 10_000 + LONGEST_GAP)


def test_runs_leave_out_empty_slices_and_an_unfinished_end() -> None:
    given = [slice_of(0, 60), slice_of(10_000, 0), slice_of(20_000, 60), slice_of(30_000, 10)]
    (run,) = runs(given, 100, HOUR)
    assert (run.rows, run.end) == (120, 30_000)


@pytest.mark.parametrize("cut_at", [0, 1, 5, 37, 60])
def test_runs_of_many_slices_are_added_up_as_one_slice_after_another(cut_at: int) -> None:
    chance = np.random.default_rng(2)
    starts = np.cumsum(chance.choice([10_000, 20_000, HOUR, 30 * HOUR], 60)).tolist()
    given = [slice_of(start, int(rows)) for start, rows in zip(starts, chance.choice([0, 1, 40, 120], 60), strict=True)]
    one_by_one: list[Run] = []
    run: Run | None = None
    for slice_ in given:
        if run is None and not slice_.summary.rows:
            continue
        run = Run.of(slice_, one_by_one[-1].end if one_by_one else None) if run is None else run + slice_
        if run.complete(100, HOUR):
            one_by_one.append(run)
            run = None
    first, unfinished = complete_runs(None, None, given[:cut_at], 100, HOUR)
    second, rest = complete_runs(unfinished, first[-1][1].end if first else None, given[cut_at:], 100, HOUR)
    done = [run for _, run in (*first, *second)]
    assert [plain(run) for run in done] == [plain(run) for run in one_by_one]
    assert (rest is None) == (run is None)
    assert rest is None or run is None or plain(rest) == plain(run)
    assert [given[index].end for index, _ in first] == [run.end for _, run in first]


def plain(run: Run) -> dict[str, object]:
    return {**vars(run), "counts": run.counts.tolist()}


def test_a_reference_is_cut_as_live_slices_are() -> None:
    chance = np.random.default_rng(0)
    times = np.sort(chance.integers(0, 40 * HOUR, 3_000)) + 1
    times = times[(times // HOUR) % 24 > 6]  # nights are empty
    starts, rows = np.unique(times // 10_000 * 10_000, return_counts=True)
    live = list(runs([slice_of(int(s), int(n)) for s, n in zip(starts, rows, strict=True)], 100, HOUR))
    reference = list(cut(times, 100, HOUR))
    assert np.diff([0, *(end for end, _ in reference)]).tolist() == [run.rows for run in live]
    assert [pace.elapsed for _, pace in reference] == [run.elapsed for run in live]
    assert sum(run.elapsed for run in live) == live[-1].end - live[0].start
    assert [pace.held for _, pace in reference] == [min(run.length, HOUR) for run in live]


def test_what_a_run_stands_for_reaches_back_to_the_one_before_by_a_day_at_most() -> None:
    assert elapsed_since(0, 10_000) == 10_000
    assert elapsed_since(0, 65 * HOUR) == DAY


@pytest.mark.parametrize("rows_of_a_day", [1, 2, 3])
def test_rows_at_odd_times_of_each_day_stand_for_all_days(rows_of_a_day: int) -> None:
    chance = np.random.default_rng(1)
    days = np.repeat(np.arange(819), rows_of_a_day)
    times = np.sort(START + days * DAY + chance.integers(1, HOUR, len(days)))
    covered = sum(pace.elapsed for _, pace in cut(times))
    assert covered == pytest.approx(818 * DAY, rel=0.01)


@pytest.mark.parametrize("batches", [[0, 0, 0], [0, 3 * HOUR, -2 * HOUR]])
def test_a_batch_stands_for_the_time_since_the_one_before(batches: list[int]) -> None:
    times = np.concatenate([np.full(150, START + day * DAY + late) for day, late in enumerate(batches)])
    assert [pace.elapsed for _, pace in cut(times)][1:] == [min(DAY, DAY + late) for late in np.diff(batches)]


@pytest.mark.parametrize(
    ("pace", "held", "stands", "usual", "expected"),
    [
        (Pace(9 * HOUR, 9 * HOUR), HOUR, HOUR, 1.0, HOUR),  # without a gap
        (Pace(8 * HOUR, DAY), HOUR, HOUR, 3.0, 3 * HOUR),  # office hours, as in the reference: noon
        (Pace(8 * HOUR, DAY), HOUR, 17 * HOUR, 3.0, 3 * HOUR),  # and nine o'clock
        (Pace(8 * HOUR, DAY), HOUR, HOUR, 1.0, HOUR),  # office hours, of which the reference knows nothing
        (Pace(70_000, 7 * DAY), 10_000, DAY, 24.0, DAY),  # batches of seconds, where the reference had dates
        (Pace(70_000, 7 * DAY), 10_000, DAY, 1.0, DAY),  # or came all day
        (Pace(DAY, DAY), HOUR, HOUR, 24.0, HOUR),  # all day, where the reference was a batch a day
    ],
)
def test_a_window_counts_for_what_it_stands_for(
    pace: Pace, held: int, stands: int, usual: float, expected: int
) -> None:
    assert pace.length_of(held, stands, usual) == expected
