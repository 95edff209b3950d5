"""observe_many counts a frame's columns as it counts its rows."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.client.intake import Intake
from driftmeter.client.monitor import Monitor
from driftmeter.client.records import iterate_records
from driftmeter.counts import compiled
from driftmeter.counts.summary import Summary
from driftmeter.data.columns import Column, Dictionary
from driftmeter.profile.profile import Profile
from tests.support.columns import columns_of, profile_of

pytestmark = pytest.mark.skipif(compiled.KIND == "plain", reason=f"only the {compiled.describe()} is here")

NOW = 1_700_000_000_000


def monitor_of(profile: Profile) -> Monitor:
    """Return a monitor that counts live, without a thread and without a tier."""
    monitor = Monitor("http://nowhere", "m", profile)
    live = Intake(profile).count_live(lambda: 0.0, None, 2_000_000)
    assert live is not None
    live.set_terms(NOW + 0.25, 2_000)
    monitor._buffer.live, monitor._buffer.limit = live, 10_000
    monitor._worker.pipeline.collect = lambda: None  # type: ignore[method-assign]  # the counts stay where they are
    return monitor


def counted(monitor: Monitor, profile: Profile) -> Any:
    """Return all that a monitor counted, and what it left to its thread."""
    assert monitor._buffer.live is not None
    taken = monitor._buffer.live.take()
    panes: dict[int | None, Summary] = {}
    for pane in taken.panes:
        bins = profile.bins if pane.start is not None else 0
        panes[pane.start] = panes.get(pane.start, Summary.zero(bins)) + pane.summary
    remarks = (monitor._buffer.remark, monitor._buffer.last_invalid, monitor._buffer.invalid.value())
    columns = {feature.column for feature in profile.features}
    strangers = [name for name in taken.strangers if name not in columns]
    names = (taken.present, strangers, {name: one.expected for name, one in taken.unreadable.items()})
    kept = [(list(record), timestamp) for record, _, timestamp, _ in monitor._rows]
    return panes, taken.rows, taken.ignored_values, taken.ignored_predictions, names, remarks, kept


def check(
    profile: Profile, frame: Any, predictions: Any = None, timestamp: Any = None, *, columnar: bool = True
) -> None:
    by_column, by_row = monitor_of(profile), monitor_of(profile)
    observed: list[object] = []
    observe = by_column.observe
    by_column.observe = lambda *row: observed.append(row) or observe(*row)  # type: ignore
    by_column.observe_many(frame, predictions, timestamp)
    by_row.observe_many(list(iterate_records(frame)), predictions, timestamp)
    assert counted(by_column, profile) == counted(by_row, profile)
    assert bool(observed) != columnar or not len(frame)


def values(column: Column) -> Any:
    return [None if i < 0 else column.values[i] for i in column.indices] if isinstance(column, Dictionary) else column


def arrow_of(column: Column) -> pa.Array:
    if isinstance(column, Dictionary):
        index = column.indices.astype(np.int16)
        texts = pa.array([value if isinstance(value, str) else None for value in column.values], pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(index, mask=index < 0), texts)
    if isinstance(column, np.ndarray):
        mask = np.arange(len(column)) % 3 == 0
        plain = column.astype(column.dtype.newbyteorder("="))
        return pa.array(plain, mask=mask) if plain.dtype != np.float16 else pa.array(plain)
    return pa.array([value if isinstance(value, float) else None for value in column], pa.float64())


def texts(column: Column) -> list[str | None]:
    return [value if isinstance(value, str) else None for value in values(column)]


def native(column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return column.astype(column.dtype.newbyteorder("="))


def pandas_of(column: Column) -> Any:
    if isinstance(column, Dictionary):
        return pd.Categorical(texts(column))
    return pd.Series(column, dtype=object) if isinstance(column, list) else native(column)


def polars_of(column: Column) -> Any:
    if isinstance(column, np.ndarray):
        return pl.Series(native(column).astype("f8"))
    return pl.Series(texts(column), dtype=pl.Categorical if isinstance(column, Dictionary) else pl.String)


def frames_of(columns: dict[str, Column]) -> Iterator[Any]:
    """Yield frames of every library with these columns, as far as it can hold them."""
    yield pd.DataFrame({name: pandas_of(column) for name, column in columns.items()})
    yield pl.DataFrame({name: polars_of(column) for name, column in columns.items()})
    table = pa.table({name: arrow_of(column) for name, column in columns.items()})
    yield table
    yield table.to_batches()[0]
    half = len(table) // 2
    yield pa.concat_tables([table[half:], table[:half]])


@settings(max_examples=15)
@given(st.integers(0, 1), st.integers(1, 40), st.randoms(use_true_random=True))
def test_a_frame_counts_as_its_rows(seed: int, rows: int, draw: random.Random) -> None:
    profile = profile_of(seed)
    columns = columns_of(draw, seed, rows) or {"a": np.zeros(rows)}
    predictions = draw.choice([None, [draw.random() for _ in range(rows)], np.arange(rows) / rows, [math.nan] * rows])
    times = [NOW / 1000 + draw.choice([0, -1.001, 3, 60.0, 60.001, 90]) for _ in range(rows)]
    for frame in frames_of(columns):
        check(profile, frame, predictions, draw.choice([None, times, np.array(times), times[0]]))


FRAME = pl.DataFrame({"a": [1.0, 2.0, None], "city": ["Ulm", "new", None], "other": [1, 2, 3]})
FORMS = [FRAME, FRAME.to_pandas(), FRAME.to_arrow()]


@pytest.mark.parametrize("frame", FORMS, ids=lambda frame: type(frame).__module__)
@pytest.mark.parametrize(
    ("predictions", "columnar"),
    [
        ([0.1, 0.2, 0.3], True),
        ((0.1, 0.2, 0.3), True),
        (np.array([[0.1], [0.2], [math.nan]]), True),
        ([[0.1], np.array([0.2]), "high"], True),
        (pd.Series([0.1, 0.2, 0.3]), True),
        (pl.Series([0.1, 0.2, 0.3]), True),
        (pl.Series([0.1, None, 0.3]), False),
        (pd.DataFrame({"score": [0.1, 0.2, 0.3]}), True),
        (pa.array([0.1, 0.2, 0.3]), True),
        ([0.1, None, 0.3], False),
        ([0.1, 0.2], False),
        ([0.1] * 4, False),
        (0.5, False),
    ],
)
def test_predictions_of_a_frame_count_as_those_of_rows(frame: Any, predictions: Any, columnar: bool) -> None:
    check(profile_of(0), frame, predictions, columnar=columnar)


@pytest.mark.parametrize("frame", FORMS, ids=lambda frame: type(frame).__module__)
@pytest.mark.parametrize(
    ("timestamp", "columnar"),
    [
        (1_700_000_001, True),
        ("2023-11-14T22:13:21Z", True),
        ([1_700_000_000.0015, None, 1_700_000_062], True),
        (np.array([1_700_000_000, 1_699_999_999, 5], np.int64), True),
        (np.array(["2023-11-14T22:13:21", "NaT", "2023-11-14"], "datetime64[ns]"), True),
        (pd.Series(pd.to_datetime([1_700_000_000, 1_700_000_003, 0], unit="s")), True),
        (pl.Series([dt.datetime(2023, 11, 14, 22), dt.datetime(2023, 11, 14), None]), True),
        ([dt.datetime(2023, 11, 14, 22, tzinfo=dt.UTC)] * 3, True),
        (np.array([1_700_000_000, np.inf, 0]), False),
        (np.array([1_700_000_000, -1, 1e300]), False),
        (np.array(["3000-01-01", "30000-01-01", "2023-11-14"], "datetime64[D]"), False),
        (["2023-11-14", "yesterday", None], False),
        ([1_700_000_000] * 2, False),
        ("yesterday", False),
    ],
)
def test_times_of_a_frame_count_as_those_of_rows(frame: Any, timestamp: Any, columnar: bool) -> None:
    check(profile_of(0), frame, None, timestamp, columnar=columnar)


def test_frames_with_odd_names_count_as_their_rows() -> None:
    odd = pd.DataFrame([[1.0, 2.0]], columns=[7, "a"])
    check(profile_of(0), odd, columnar=False)
    check(profile_of(0), pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), columnar=False)
    check(profile_of(0), pd.DataFrame({"a": []}))


@pytest.mark.parametrize("predictions", [None, [0.1, 0.2, 0.3]])
def test_rows_without_columns_count_all_the_same(predictions: Any) -> None:
    check(profile_of(0), pd.DataFrame(index=range(3)), predictions, columnar=False)


def test_many_rows_are_counted_in_turns_and_taken_when_it_is_due() -> None:
    profile = profile_of(0)
    frame = pl.DataFrame({"a": np.arange(2_500.0), "city": [f"new {number}" for number in range(2_500)]})
    check(profile, frame, np.zeros(2_500), np.arange(2_500) + NOW // 1000)
    monitor = monitor_of(profile)
    takes: list[int] = []
    monitor._worker.pipeline.collect = lambda: takes.append(monitor._buffer.live.take().rows)  # type: ignore
    monitor.observe_many(frame)
    assert sum(takes) + monitor._buffer.live.rows == 2_500  # type: ignore[union-attr]
    assert max(takes) <= 258
    monitor._buffer.live.close()  # type: ignore[union-attr]
    monitor.observe_many(frame, np.zeros(2_500))
    assert len(monitor._rows) == 2_500


def test_generators_beside_a_frame_are_used_up_once() -> None:
    by_column, by_row = monitor_of(profile_of(0)), monitor_of(profile_of(0))
    times = [NOW / 1000 + second for second in range(3)]
    by_column.observe_many(FRAME, (number / 3 for number in range(3)), iter(times))
    by_row.observe_many(list(iterate_records(FRAME)), [number / 3 for number in range(3)], times)
    assert counted(by_column, profile_of(0)) == counted(by_row, profile_of(0))
