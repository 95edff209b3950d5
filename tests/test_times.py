import datetime as dt

import narwhals as nw
import pandas as pd
import polars as pl
import pytest

from driftmeter.errors import InputError
from driftmeter.times import read_times

NOON = 1_717_243_200_000
"""1 June 2024, 12:00 UTC."""


def read(values, **how):
    series = values if isinstance(values, pl.Series | pd.Series) else pl.Series("at", values, **how)
    times, bad = read_times(nw.from_native(series, series_only=True), "at")
    assert times.dtype == "int64"
    return times.tolist(), bad


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_date_times_without_a_zone_are_utc(unit):
    moments = pl.Series("at", [dt.datetime(2024, 6, 1, 12), dt.datetime(2024, 6, 1, 12, 0, 0, 250_000)])
    assert read(moments.cast(pl.Datetime(unit))) == ([NOON, NOON + 250], [])


def test_a_zone_is_heeded():
    berlin = pl.Series("at", [dt.datetime(2024, 6, 1, 14)]).dt.replace_time_zone("Europe/Berlin")
    assert read(berlin) == ([NOON], [])
    assert read(["2024-06-01T14:00:00+02:00"]) == ([NOON], [])


def test_dates_are_their_midnight():
    assert read([dt.date(2024, 6, 1)]) == ([NOON - 12 * 3_600_000], [])


def test_numbers_are_seconds_since_the_epoch():
    assert read([NOON // 1000]) == ([NOON], [])
    assert read([NOON / 1000 + 0.25]) == ([NOON + 250], [])


def test_texts_are_iso_8601():
    assert read(["2024-06-01T12:00:00Z", "2024-06-01 12:00", "2024-06-01"])[0] == [NOON, NOON, NOON - 12 * 3_600_000]


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ([None, dt.datetime(2024, 6, 1, 12)], "null"),
        ([dt.datetime(1969, 7, 20), dt.datetime(2024, 6, 1, 12)], "1969-07-20T00:00:00.000Z"),
        ([None, NOON // 1000], "null"),
        ([float("nan"), NOON / 1000, NOON / 1000], "a number (nan)"),
        ([5.0, NOON / 1000, NOON / 1000], "a number (5.0)"),
        (["", "2024-06-01T12:00Z"], "text ('')"),
        (["yesterday", "2024-06-01T12:00Z"], "text ('yesterday')"),
        ([None, "2024-06-01T12:00Z"], "null"),
    ],
    ids=str,
)
def test_what_is_no_time_is_named_with_its_row(values, got):
    times, (bad,) = read(values)
    assert times[0] == -1
    assert set(times[1:]) == {NOON}
    assert (bad.row, bad.field, bad.got) == (0, "at", got)
    assert "a time since 1970" in bad.expected


def test_milliseconds_are_refused_and_called_so():
    with pytest.raises(InputError, match=r"seconds since the epoch.*these look like milliseconds"):
        read([NOON, NOON + 1])


def test_numbers_that_are_no_times_are_refused():
    with pytest.raises(InputError, match="seconds since the epoch, of 1990 to 2100") as raised:
        read([1, 2, 3])
    assert "milliseconds" not in str(raised.value)


def test_a_column_without_a_single_time_is_read_as_none():
    times, bad = read([None, None], dtype=pl.Float64)
    assert times == [-1, -1]
    assert [each.row for each in bad] == [0, 1]
    assert read([], dtype=pl.Datetime("ms")) == ([], [])


def test_pandas_columns_are_read_alike():
    assert read(pd.Series(pd.to_datetime(["2024-06-01T12:00", None])))[0] == [NOON, -1]
    assert read(pd.Series([NOON / 1000, float("nan")]))[0] == [NOON, -1]
