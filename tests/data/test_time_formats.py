from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from driftmeter.counts.rows import Reader
from driftmeter.data.time_columns import note_on_unreadable, read_times
from driftmeter.data.time_formats import check_format, formats_of, option_of
from driftmeter.errors import InputError, ProfileError
from driftmeter.profile.profile import Profile
from driftmeter.replay.trace import load_trace

DAYS = [dt.datetime(2012, 1, 1) + dt.timedelta(hours=hour) for hour in range(0, 24 * 40, 7)]
MS = [int(day.replace(tzinfo=dt.UTC).timestamp() * 1000) for day in DAYS]
MIDNIGHTS = [ms // 86_400_000 * 86_400_000 for ms in MS]


def series(values: Any) -> nw.Series[Any]:
    return nw.from_native(pl.Series("at", values), series_only=True)


def read(values: Any, time_format: str, zone: str | None = None) -> list[int]:
    return list(map(int, read_times(series(values), "at", zone, time_format)[0]))


WRITTEN = ["%Y/%m/%d", "%m/%d/%Y", "%d.%m.%Y", "%d-%b-%y", "%b %d %Y", "%Y%m%d", "%d %B %Y"]


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("clock", ["", " %H:%M", " %I:%M:%S %p"])
def test_times_are_read_and_recognised_in_the_format_that_they_are_written_in(form: str, clock: str) -> None:
    texts = [day.strftime(form + clock) for day in DAYS]
    assert read(texts, form + clock) == (MS if clock else MIDNIGHTS)
    assert formats_of(texts) == (form + clock,)


@pytest.mark.parametrize(("form", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)])
def test_times_since_the_epoch_are_read_in_the_unit_that_is_said(form: str, factor: int) -> None:
    numbers = [ms * factor // 1000 for ms in MS]
    assert read(numbers, form) == MS
    assert read([str(number) for number in numbers], form) == MS


def test_digits_that_became_numbers_are_read_as_digits() -> None:
    assert read([2012, None, 2013], "%Y") == [MIDNIGHTS[0], -1, 1_356_998_400_000]
    assert read([20120101.0, 20130101.0], "%Y%m%d") == [MIDNIGHTS[0], 1_356_998_400_000]


def test_a_format_is_of_the_zone_unless_it_holds_one() -> None:
    assert read(["01/01/2012 01:00"], "%d/%m/%Y %H:%M", "Europe/Berlin") == [MIDNIGHTS[0]]
    assert read(["01/01/2012 02:00 +0200"], "%d/%m/%Y %H:%M %z", "Europe/Berlin") == [MIDNIGHTS[0]]


def test_date_times_need_no_format_and_other_cells_are_unreadable() -> None:
    assert read(DAYS, "%d/%m/%Y") == MS
    times, bad = read_times(series(["01/01/2012", "2012-01-01", None, "01/01/1812"]), "at", None, "%d/%m/%Y")
    assert times.tolist() == [MIDNIGHTS[0], -1, -1, -1]
    assert [(value.row, value.expected) for value in bad] == [
        (row, "a time of 1971 to 2100 by the format '%d/%m/%Y'") for row in (1, 2, 3)
    ]


@pytest.mark.parametrize("form", ["", "days", "%d/%m", "%H:%M", "%Q", "%Y%", "m"])
def test_what_tells_no_time_is_refused(form: str) -> None:
    with pytest.raises(
        InputError, match="time format: expected s, ms, us, ns, or a format of Python's strptime with a"
    ):
        check_format(form)
    with pytest.raises(InputError, match="time format"):
        Profile.fit(pl.DataFrame({"at": ["x"], "x": [1.0]}), model="m", time="at", time_format=form)


def test_day_and_month_that_cannot_be_told_apart_give_two_proposals() -> None:
    assert option_of(formats_of(["01/02/2012", "03/04/2012"])) == "--time-format '%m/%d/%Y' or '%d/%m/%Y'"


@pytest.mark.parametrize(
    "texts", [["a", "b"], ["1.5", "2.5"], ["2012-01-01"], ["x1"] * 9, ["12:00"], [""], [], ["3/4"]]
)
def test_other_texts_are_no_dates(texts: list[str]) -> None:
    assert formats_of(texts) == ()


@pytest.mark.parametrize(
    ("values", "option"),
    [
        ([day.strftime("%Y/%m/%d") for day in DAYS], "--time-format '%Y/%m/%d'"),
        ([day.strftime("%m/%d/%Y") for day in DAYS], "--time-format '%m/%d/%Y'"),
        ([1987, 1988], "--time-format '%Y'"),
        ([20120101, 20120102], "--time-format '%Y%m%d'"),
        (MS, "--time-format ms"),
    ],
)
def test_the_error_proposes_the_option_that_reads_the_times(values: Any, option: str) -> None:
    with pytest.raises(InputError) as raised:
        note_on_unreadable(read_times(series(values), "at")[1], len(values), allow=False)
    assert option in str(raised.value)


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%d%m%Y%H"])
def test_the_profile_keeps_the_format_and_other_files_are_read_by_it(form: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"at": [day.strftime(form) for day in DAYS], "x": np.random.default_rng(1).normal(size=len(DAYS))}
    )
    profile = Profile.fit(frame, model="m", time="at", time_format=form)
    assert Profile.loads(profile.dumps()).time_format == form
    frame.write_csv(tmp_path / "d.csv")
    times = [ms // 3_600_000 * 3_600_000 for ms in MS]
    by_profile = load_trace(tmp_path / "d.csv", profile).times
    assert by_profile is not None
    assert by_profile.tolist() == times
    plain = Profile.fit(frame.select("x"), model="m")
    asked = load_trace(tmp_path / "d.csv", plain, time="at", time_format=form).times
    assert asked is not None
    assert asked.tolist() == times


def test_a_format_without_a_column_is_refused() -> None:
    with pytest.raises(ProfileError, match="time format '%Y': expected the column"):
        Profile.fit(pl.DataFrame({"x": [1.0]}), model="m", time_format="%Y")


def test_the_hour_of_the_time_is_read_by_its_format_too_from_files_and_rows(tmp_path: Path) -> None:
    texts = [day.strftime("%d/%m/%Y %H:%M") for day in DAYS]
    frame = pl.DataFrame({"at": texts, "x": np.random.default_rng(1).normal(size=len(DAYS))})
    options: dict[str, Any] = {"time": "at", "time_format": "%d/%m/%Y %H:%M", "kinds": {"at": "hour"}}
    profile = Profile.fit(frame, model="m", **options)
    hours = profile.features[0]
    assert hours.name == "at hour"
    assert hours.counts[:24] == tuple(sum(day.hour == hour for day in DAYS) for hour in range(24))
    rows, bad, _ = Reader(profile).read_records(
        [{"at": "31/01/2024 17:00"}, {"at": DAYS[3]}, {"at": "2024-01-31T17:00"}]
    )
    assert rows.codes[:, 0].tolist() == [17, 21, hours.grid.special["unreadable"]]
    assert [value.row for value in bad] == [2]
