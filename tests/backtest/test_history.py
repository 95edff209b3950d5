from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from driftmeter.backtest import history as module
from driftmeter.backtest.history import History, choose_pane
from driftmeter.backtest.inject import parse_fault
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.errors import InputError
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, HOUR, MINUTE
from tests.backtest import streams

START, STEP = streams.START, streams.STEP


@pytest.fixture(scope="module")
def profile() -> Profile:
    return streams.profile()


def counted(profile: Profile, frame: pl.DataFrame) -> Summary:
    rows, _, _ = Reader(profile).read_columns(columns_of(as_frame(frame), frame.columns))
    return Binner(profile).observe(rows)


def total(slices: list[Slice], profile: Profile) -> Summary:
    return Summary.sum((slice_.summary for slice_ in slices), profile.bins)


def missing(slices: list[Slice], profile: Profile, name: str) -> int:
    feature, part = next(pair for pair in profile.slices() if pair[0].name == name)
    return int(total(slices, profile).counts[part][feature.grid.special["missing"]])


def test_each_pane_holds_the_rows_of_its_time(profile: Profile) -> None:
    frame, times = streams.frame(1000, seed=2), streams.times(1000)
    slices = list(History.of(profile, frame, times, pane=10 * MINUTE).slices())
    assert [slice_.start for slice_ in slices] == [START + 10 * MINUTE * pane for pane in range(50)]
    assert all(slice_.length == 10 * MINUTE for slice_ in slices)
    assert all(slices[pane].summary == counted(profile, frame[20 * pane : 20 * pane + 20]) for pane in range(50))


def test_time_without_rows_makes_no_pane(profile: Profile) -> None:
    times = np.array([START, START + 5 * DAY])
    slices = list(History.of(profile, streams.frame(2, seed=2), times, pane=HOUR).slices())
    assert [(slice_.start, slice_.summary.rows) for slice_ in slices] == [(START, 1), (START + 5 * DAY, 1)]


@pytest.mark.parametrize("block", [1, 7, 20, 999])
def test_the_blocks_in_which_rows_are_read_do_not_matter(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    def slices() -> list[Slice]:
        faults = [parse_fault("temp: shift 5 from 2024-06-01T02:00"), parse_fault("city: category XX 10%")]
        times = streams.times(1000)
        return list(
            History.of(profile, streams.frame(1000, seed=2), times, pane=10 * MINUTE, faults=faults, seed=3).slices()
        )

    whole = slices()
    monkeypatch.setattr(module, "BLOCK", block)
    parts = slices()
    assert [slice_.start for slice_ in parts] == [slice_.start for slice_ in whole]
    assert all(one.summary == other.summary for one, other in zip(parts, whole, strict=True))


def test_a_fault_is_in_the_counts(profile: Profile) -> None:
    faults = [parse_fault("temp: missing 25%"), parse_fault("city: missing from 2024-06-01T04:00")]
    history = History.of(profile, streams.frame(1000, seed=2), streams.times(1000), faults=faults)
    slices = list(history.slices())
    assert missing(slices, profile, "temp") == 250
    assert missing(slices, profile, "city") == 1000 - 4 * 120
    assert missing(slices, profile, "seats") == 0
    assert history.clean_until == START
    assert history.starts(faults[1]) == START + 4 * HOUR


def test_values_that_cannot_be_read_count_as_such_once_however_often_rows_are_counted_and_are_told(
    profile: Profile,
) -> None:
    frame = streams.frame(100, seed=2).with_columns(member=pl.Series(["true"] * 98 + ["perhaps", "false"]))
    history = History.of(profile, frame, streams.times(100), pane=HOUR)
    for _ in range(2):
        assert total(list(history.slices()), profile).rows == 100
    assert history.unreadable.values == 1
    assert len(history.unreadable.first) == 1
    assert (history.unreadable.first[0].row, history.unreadable.first[0].field) == (98, "member")


@pytest.mark.parametrize(
    ("step", "pane"),
    [
        (1_234, 10_000),
        (10_000, 10_000),
        (30_000, 30_000),
        (MINUTE, MINUTE),
        (25 * MINUTE, 5 * MINUTE),
        (HOUR, HOUR),
        (DAY, HOUR),
    ],
)
def test_panes_are_no_shorter_than_the_times_are_fine(step: int, pane: int) -> None:
    assert choose_pane(START + np.arange(100) * step) == pane


def test_panes_grow_until_there_are_few_enough() -> None:
    def every(step: int) -> int:
        return choose_pane(START + 1 + np.arange(500_000, dtype=np.int64) * step)

    assert (every(100), every(10_001), every(100_000), every(DAY)) == (10_000, 30_000, 300_000, HOUR)


def test_a_pane_that_is_asked_for_is_kept_or_refused() -> None:
    assert choose_pane(streams.times(10), 17_000) == 17_000
    with pytest.raises(InputError, match="pane"):
        choose_pane(streams.times(10), 10)


def test_rows_that_are_no_history_are_refused(profile: Profile) -> None:
    frame = streams.frame(3, seed=2)
    with pytest.raises(InputError, match="in order of time"):
        History.of(profile, frame, streams.times(3)[::-1])
    with pytest.raises(InputError, match="3 rows and 2 times"):
        History.of(profile, frame, streams.times(2))
    with pytest.raises(InputError, match="0 rows"):
        History.of(profile, frame[:0], streams.times(0))


def test_a_fault_in_a_column_that_is_not_monitored_is_refused(profile: Profile) -> None:
    frame = streams.frame(3, seed=2).with_columns(extra=1)
    for name in ("extra", "tmep"):
        with pytest.raises(InputError, match="in the data and in the profile"):
            History.of(profile, frame, streams.times(3), faults=[parse_fault(f"{name}: missing")])
