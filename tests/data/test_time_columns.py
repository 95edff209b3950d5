from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Literal

import narwhals as nw
import pandas as pd
import polars as pl
import pytest

from driftmeter.data.rejected import Rejected
from driftmeter.data.time_columns import note_on_unreadable, read_times
from driftmeter.errors import InputError

NOON = 1_717_243_200_000
"""1 June 2024, 12:00 UTC."""


def read(values: Any, **how: Any) -> tuple[list[int], list[Rejected]]:
    series = values if isinstance(values, pl.Series | pd.Series) else pl.Series("at", values, **how)
    times, bad = read_times(nw.from_native(series, series_only=True), "at")
    assert times.dtype == "int64"
    return times.tolist(), bad


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_date_times_without_a_zone_are_utc(unit: Literal["ms", "us", "ns"]) -> None:
    moments = pl.Series("at", [dt.datetime(2024, 6, 1, 12), dt.datetime(2024, 6, 1, 12, 0, 0, 250_000)])
    assert read(moments.cast(pl.Datetime(unit))) == ([NOON, NOON + 250], [])


def test_a_zone_is_heeded() -> None:
    berlin = pl.Series("at", [dt.datetime(2024, 6, 1, 14)]).dt.replace_time_zone("Europe/Berlin")
    assert read(berlin) == ([NOON], [])
    assert read(["2024-06-01T14:00:00+02:00"]) == ([NOON], [])


def test_dates_are_their_midnight() -> None:
    assert read([dt.date(2024, 6, 1)]) == ([NOON - 12 * 3_600_000], [])


def test_numbers_are_seconds_since_the_epoch() -> None:
    assert read([NOON // 1000]) == ([NOON], [])
    assert read([NOON / 1000 + 0.25]) == ([NOON + 250], [])


def test_texts_are_iso_8601() -> None:
    assert read(["2024-06-01T12:00:00Z", "2024-06-01 12:00", "2024-06-01"])[0] == [NOON, NOON, NOON - 12 * 3_600_000]


def test_decimals_and_texts_of_digits_are_seconds_too() -> None:
    assert read([Decimal(NOON // 1000)], dtype=pl.Decimal(12, 2)) == ([NOON], [])
    assert read([str(NOON // 1000), f" {NOON / 1000 + 0.25} "]) == ([NOON, NOON + 250], [])
    assert read(pd.Series([Decimal("1717243200.25"), dt.datetime(2024, 6, 1, 12)], dtype=object))[0] == [
        NOON + 250,
        NOON,
    ]


BERLIN = [
    ("2024-01-01T13:00", "2024-01-01T12:00Z"),
    ("2024-06-01T14:00", "2024-06-01T12:00Z"),
    ("2024-03-31T02:30", "2024-03-31T01:30Z"),  # left out
    ("2024-10-27T02:30", "2024-10-27T00:30Z"),  # comes twice
    ("2024-10-27T03:00", "2024-10-27T02:00Z"),
]


@pytest.mark.parametrize("form", ["text", "polars", "pandas", "objects"])
def test_times_that_name_no_zone_are_of_the_one_that_is_given(form: str) -> None:
    moments = [dt.datetime.fromisoformat(local) for local, _ in BERLIN]
    column = {
        "text": pl.Series("at", [local for local, _ in BERLIN]),
        "polars": pl.Series("at", moments),
        "pandas": pd.Series(moments),
        "objects": pd.Series(moments, dtype=object),
    }[form]
    times, bad = read_times(nw.from_native(column, series_only=True), "at", "Europe/Berlin")
    assert times.tolist() == read([utc for _, utc in BERLIN])[0]
    assert bad == []


def test_times_that_name_a_zone_or_are_seconds_are_not_moved() -> None:
    aware = pl.Series("at", [dt.datetime(2024, 6, 1, 12)]).dt.replace_time_zone("UTC")
    for column in (aware, pl.Series("at", ["2024-06-01T12:00Z"]), pl.Series("at", [NOON // 1000])):
        assert read_times(nw.from_native(column, series_only=True), "at", "Asia/Kolkata")[0].tolist() == [NOON]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_pandas_columns_of_any_zone_are_read(zone: str) -> None:
    there = pd.Series(pd.to_datetime(["2024-06-01T12:00Z", None])).dt.tz_convert(zone)
    times, bad = read_times(nw.from_native(there, series_only=True), "at", "Asia/Kolkata")
    assert times.tolist() == [NOON, -1]
    assert [cell.got for cell in bad] == ["nothing"]


def test_dates_are_the_midnight_of_the_zone() -> None:
    dates = nw.from_native(pl.Series("at", [dt.date(2024, 6, 1)]), series_only=True)
    assert read_times(dates, "at", "Asia/Kolkata")[0].tolist() == [NOON - 12 * 3_600_000 - 19_800_000]


def test_up_to_a_hundredth_is_told_and_more_is_an_error_unless_allowed() -> None:
    bad = [Rejected(row, "at", "a time", "text ('?')") for row in range(10)]
    assert note_on_unreadable([], 1000, allow=False) is None
    sentence = "10 of 1,000 (1 %) cannot be read, such as row 0: text ('?'); row 1: text ('?'); row 2: text ('?')"
    assert note_on_unreadable(bad, 1000, allow=False) == f"Time 'at': {sentence}; expected a time."
    with pytest.raises(InputError, match=r"time 'at': expected a time, got 10 of 999 .*--allow-unreadable-times"):
        note_on_unreadable(bad, 999, allow=False)
    assert "10 of 999" in (note_on_unreadable(bad, 999, allow=True) or "")


@pytest.mark.parametrize(
    ("values", "given", "expected"),
    [
        (["13/01/2024", "02/01/2024"], "%m/%d/%Y", "; these look like dates: --time-format '%d/%m/%Y'"),
        (["13/01/2024", "01/01/1900"], "%d/%m/%Y", "by the format '%d/%m/%Y'"),
        (["13/01/2024", "02/01/2024"], None, "; these look like dates: --time-format '%d/%m/%Y'"),
    ],
)
def test_dates_in_another_form_than_the_given_one_are_told(values: list[str], given: str | None, expected: str) -> None:
    _, bad = read_times(nw.from_native(pl.Series(values), series_only=True), "at", None, given)
    assert bad[0].expected.endswith(expected)


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ([None, dt.datetime(2024, 6, 1, 12)], "nothing"),
        ([dt.datetime(1969, 7, 20), dt.datetime(2024, 6, 1, 12)], "1969-07-20T00:00:00.000Z"),
        ([dt.datetime(1970, 1, 1), dt.datetime(2024, 6, 1, 12)], "1970-01-01T00:00:00.000Z"),
        ([dt.datetime(1, 1, 1), dt.datetime(2024, 6, 1, 12)], "0001-01-01T00:00:00.000Z"),
        ([dt.datetime(9999, 12, 31), dt.datetime(2024, 6, 1, 12)], "9999-12-31T00:00:00.000Z"),
        ([None, NOON // 1000], "nothing"),
        ([float("nan"), NOON / 1000, NOON / 1000], "nothing"),
        ([5.0, NOON / 1000, NOON / 1000], "a number (5.0)"),
        ([0, NOON // 1000, NOON // 1000], "a number (0)"),
        ([NOON, NOON // 1000, NOON // 1000], f"a number ({NOON}); these look like milliseconds: --time-format ms"),
        (["", "2024-06-01T12:00Z"], "text ('')"),
        (["yesterday", "2024-06-01T12:00Z"], "text ('yesterday')"),
        (["01/06/2024 12:00", "2024-06-01T12:00Z"], "text ('01/06/2024 12:00')"),
        (["1900-01-01", "2024-06-01T12:00Z"], "text ('1900-01-01')"),
        ([str(NOON), "2024-06-01T12:00Z"], f"text ('{NOON}'); these look like milliseconds: --time-format ms"),
        (["20240601", "2024-06-01T12:00Z"], "text ('20240601'); these look like dates: --time-format '%Y%m%d'"),
        (["45444.5", "2024-06-01T12:00Z"], "text ('45444.5'); these look like the days that spreadsheets count"),
        ([None, "2024-06-01T12:00Z"], "nothing"),
    ],
    ids=str,
)
def test_what_is_no_time_is_named_with_its_row(values: list[Any], got: str) -> None:
    times, (bad,) = read(values)
    assert times[0] == -1
    assert set(times[1:]) == {NOON}
    assert (bad.row, bad.field, bad.got) == (0, "at", got)
    assert bad.expected.startswith("a time of 1971 to 2100: ISO 8601")


def test_milliseconds_are_refused_and_called_so() -> None:
    with pytest.raises(InputError, match=r"seconds since the epoch.*these look like milliseconds"):
        read([NOON, NOON + 1])


def test_numbers_that_are_no_times_are_refused() -> None:
    with pytest.raises(InputError, match="seconds since the epoch, of 1990 to 2100") as raised:
        read([1, 2, 3])
    assert "milliseconds" not in str(raised.value)


def test_a_column_without_a_single_time_is_read_as_none() -> None:
    times, bad = read([None, None], dtype=pl.Float64)
    assert times == [-1, -1]
    assert [cell.row for cell in bad] == [0, 1]
    assert read([], dtype=pl.Datetime("ms")) == ([], [])


def test_pandas_columns_are_read_alike() -> None:
    assert read(pd.Series(pd.to_datetime(["2024-06-01T12:00", None])))[0] == [NOON, -1]
    assert read(pd.Series([NOON / 1000, float("nan")]))[0] == [NOON, -1]
