from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.replay import load_trace
from driftmeter.timestamps import parse_time
from tests.replay.samples import write
from tests.support import orders


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
def test_a_trace_is_in_order_of_time_and_knows_where_each_row_stood(
    profile: Profile, tmp_path: Path, name: str
) -> None:
    rows = orders.orders(40, seed=2)
    file = write(tmp_path / name, [*rows[::-1], *orders.orders(10, seed=3)])
    trace = load_trace(file, profile, limit=40)
    assert len(trace) == 40
    assert trace.times is not None
    assert trace.times.tolist() == [parse_time(row["bestellt"]) for row in rows[:40]]
    assert trace.file_rows.tolist() == list(range(39, -1, -1))
    assert set(trace.rows.column_names) == {"größe", "ville", "plz", "aktiv", "anzahl", "score"}
    assert trace.rows["größe"].to_pylist() == [row["größe"] for row in rows[:40]]
    assert trace.rows["plz"].to_pylist() == [row["plz"] for row in rows[:40]]


@pytest.mark.parametrize(
    "when",
    [
        [1714521600, 1714521600.5, 1714521601],
        ["2024-05-01T00:00:00Z", "2024-05-01T00:00:00.500", "2024-05-01T02:00:01+02:00"],
        [dt.datetime(2024, 5, 1), dt.datetime(2024, 5, 1, 0, 0, 0, 500_000), dt.datetime(2024, 5, 1, 0, 0, 1)],
    ],
)
def test_times_may_be_numbers_text_or_date_times(profile: Profile, tmp_path: Path, when: list[Any]) -> None:
    file = tmp_path / "o.parquet"
    pl.DataFrame({"größe": [1.0, 2.0, 3.0], "am": when}, strict=False).write_parquet(file)
    trace = load_trace(file, profile, time="am")
    assert trace.times is not None
    assert trace.times.tolist() == [1714521600000, 1714521600500, 1714521601000]


@pytest.mark.parametrize("when", [[1, 2, 3], [1714521600000, 1714521600500, 1714521601000], [20240501.0] * 3])
def test_numbers_that_are_no_seconds_are_refused(profile: Profile, tmp_path: Path, when: list[Any]) -> None:
    file = tmp_path / "o.parquet"
    pl.DataFrame({"größe": [1.0, 2.0, 3.0], "am": when}).write_parquet(file)
    with pytest.raises(InputError, match="time 'am': expected seconds since the epoch, of 1990 to 2100, got"):
        load_trace(file, profile, time="am")


def test_a_number_among_seconds_that_is_none_costs_its_row(profile: Profile, tmp_path: Path) -> None:
    file = tmp_path / "o.parquet"
    pl.DataFrame({"größe": [1.0, 2.0, 3.0, 4.0], "am": [1714521600, 0, None, 1714521601]}).write_parquet(file)
    with pytest.raises(InputError, match=r"time 'am': .* 2 of 4 \(50 %\) .* row 1: a number \(0\); row 2: nothing"):
        load_trace(file, profile, time="am")
    trace = load_trace(file, profile, time="am", allow_unreadable_times=True)
    assert trace.file_rows.tolist() == [0, 3]
    assert [value.row for value in trace.rejected] == [1, 2]
    assert trace.note is not None
    assert "2 of 4 (50 %) cannot be read" in trace.note


def test_dates_are_midnights(profile: Profile, tmp_path: Path) -> None:
    file = tmp_path / "o.parquet"
    pl.DataFrame({"größe": [1.0], "am": [dt.date(2024, 5, 1)]}).write_parquet(file)
    trace = load_trace(file, profile, time="am")
    assert trace.times is not None
    assert trace.times.tolist() == [1714521600000]


def test_rows_without_a_time_are_left_out_and_named_and_those_with_unreadable_numbers_are_sent(
    profile: Profile, tmp_path: Path
) -> None:
    rows = orders.orders(10, seed=2)
    rows[3]["bestellt"], rows[5]["größe"], rows[6]["bestellt"] = None, "n.v.", "soon"
    trace = load_trace(orders.write_csv(tmp_path / "o.csv", rows), profile, allow_unreadable_times=True)
    assert trace.file_rows.tolist() == [0, 1, 2, 4, 5, 7, 8, 9]
    assert [(value.row, value.field) for value in trace.rejected] == [(3, "bestellt"), (6, "bestellt")]


def test_the_time_is_found_by_the_profile_or_by_its_name(tmp_path: Path) -> None:
    rows = orders.orders(300, seed=2)
    frame = pa.Table.from_pylist(rows)
    file = write(tmp_path / "o.parquet", rows)
    by_hour = Profile.fit(frame, model="m", kinds={"bestellt": "hour"})
    assert load_trace(file, by_hour).times is not None
    unaware = Profile.fit(frame, model="m", exclude=["bestellt"])
    assert load_trace(file, unaware).times is None
    renamed = write(tmp_path / "p.parquet", [{**row, "timestamp": row["bestellt"]} for row in rows])
    assert load_trace(renamed, unaware).times is not None
    told = replace(unaware, time="bezahlt am")
    moved = write(tmp_path / "q.parquet", [{**row, "timestamp": 0, "bezahlt am": row["bestellt"]} for row in rows])
    times, expected = load_trace(moved, told).times, load_trace(file, by_hour).times
    assert times is not None
    assert expected is not None
    assert times.tolist() == expected.tolist()


def test_a_file_without_the_columns_is_an_error(profile: Profile, tmp_path: Path) -> None:
    file = write(tmp_path / "o.csv", [{"other": 1}])
    with pytest.raises(InputError, match="expected columns of the profile"):
        load_trace(file, profile)
    file = write(tmp_path / "o.csv", orders.orders(3, seed=1))
    with pytest.raises(InputError, match="expected a column 'when', got bestellt"):
        load_trace(file, profile, time="when")
