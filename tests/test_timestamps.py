from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.errors import InputError
from driftmeter.timestamps import (
    DAY,
    LATEST,
    common_step,
    duration_text,
    find_zone,
    iso,
    length_text,
    milliseconds_of,
    moment_of,
    on_clock,
    parse_duration,
    parse_time,
    since_epoch,
    zone_named,
    zone_of_column,
)

NINE = dt.datetime(2024, 1, 8, 9)
UTC_NINE = NINE.replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-08T09:00:00",
        "2024-01-08 09:00",
        "2024-01-08T09",
        " 2024-01-08 09:00:00 ",
        "2024-01-08 09:00:00.000000000",
        "2024-01-08 09:00:00,000",
        "20240108T0900",
    ],
)
def test_texts_without_a_zone_are_naive(text: str) -> None:
    assert moment_of(text) == NINE
    assert moment_of(text).tzinfo is None


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-08T09:00:00Z",
        "2024-01-08T09:00:00z",
        "2024-01-08 09:00:00 UTC",  # BigQuery
        "2024-01-08 09:00:00.000 Z",
        "2024-01-08 09:00:00+00",  # PostgreSQL
        "2024-01-08 10:00:00.000 +0100",  # Snowflake
        "2024-01-08T03:30:00-05:30",
        "1704704400",
        "1704704400.0",
        "1.7047044e9",
    ],
)
def test_texts_with_a_zone_and_numbers_are_aware(text: str) -> None:
    assert moment_of(text) == UTC_NINE


@pytest.mark.parametrize(
    "value",
    [1_704_704_400, 1_704_704_400.0, np.int64(1_704_704_400), np.float64(1_704_704_400), Decimal("1704704400.00")],
    ids=repr,
)
def test_numbers_are_seconds_since_the_epoch(value: object) -> None:
    assert moment_of(value) == UTC_NINE


@pytest.mark.parametrize(
    "value",
    [
        "08/01/2024 09:00", "unknown", "", "09:00:00", "20240108", "2024", "2024-01", "1704704400000", "1_704_704_400",
        "nan", "UTC", "2024-13-01", 0, 1_704_704_400_000, 45_299.375, float("nan"), float("inf"), True, dt.time(9),
        None, [], b"2024-01-08", np.datetime64("NaT", "us"), np.datetime64(10**6, "Y"), Decimal("NaN"), "9" * 400,
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_time_raises(value: object) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError, ArithmeticError)):
        moment_of(value)


def test_dates_are_their_midnight_and_numpys_times_are_naive() -> None:
    assert moment_of(dt.date(2024, 1, 8)) == NINE - dt.timedelta(hours=9)
    assert moment_of(np.datetime64("2024-01-08T09:00:00.000000001")) == NINE


def test_a_time_is_as_written_unless_there_are_clocks_to_tell_it_by() -> None:
    written = moment_of("2024-07-08T09:00:00+02:00")
    assert on_clock(written, None).hour == 9
    assert on_clock(written, zone_named("America/St_Johns")).strftime("%H:%M") == "04:30"
    assert on_clock(NINE, zone_named("America/St_Johns")) == NINE


def test_zones_are_found_by_their_names() -> None:
    assert find_zone("Europe/Berlin") == zoneinfo.ZoneInfo("Europe/Berlin")
    for strange in ("Europe/Ulm", "Europe", "", "../x", "/etc/passwd", "CET-1", "+01:00", "a\0b"):
        assert find_zone(strange) is None


def test_a_column_may_name_a_bare_offset() -> None:
    assert zone_of_column("+05:30") == dt.timezone(dt.timedelta(minutes=330))
    assert zone_of_column("-0530") == dt.timezone(dt.timedelta(minutes=-330))
    assert zone_of_column("+25:00") is None
    assert zone_of_column("Europe/Berlin") == zoneinfo.ZoneInfo("Europe/Berlin")


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(InputError, match=r"zone: expected a name of the IANA database, .*, got 'Berlin'"):
        zone_named("Berlin")


def test_where_there_is_no_database_of_zones_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    with pytest.raises(InputError, match="pip install tzdata"):
        zone_named("Europe/Nowhere")


@pytest.mark.parametrize(
    "value",
    [
        1_700_000_000.5,
        "2023-11-14T22:13:20.5Z",
        "2023-11-14T22:13:20.500999",
        "2023-11-14 22:13:20.5",
        "2023-11-15T00:13:20.5+02:00",
        dt.datetime(2023, 11, 14, 22, 13, 20, 500_000),
        dt.datetime(2023, 11, 14, 12, 13, 20, 500_000, dt.timezone(-dt.timedelta(hours=10))),
    ],
    ids=str,
)
def test_a_time_is_read_in_each_of_its_forms(value: object) -> None:
    assert parse_time(value) == 1_700_000_000_500


def test_a_date_is_its_midnight_as_the_text_of_it_is() -> None:
    assert parse_time(dt.date(2023, 11, 14)) == parse_time("2023-11-14") == 1_699_920_000_000


@given(st.integers(0, 4 * 10**12))
def test_seconds_and_iso_text_of_one_time_are_the_same_millisecond(time: int) -> None:
    assert parse_time(iso(time)) == time
    assert parse_time(time / 1000) == time


def test_the_ends_of_the_calendar_are_times() -> None:
    assert [parse_time(0), parse_time(LATEST // 1000)] == [0, LATEST]
    assert parse_time(iso(LATEST)) == LATEST


@pytest.mark.parametrize(
    "value",
    [
        *[
            None,
            True,
            "",
            "soon",
            "20240101",
            -1,
            -0.5,
            1e18,
            10**400,
            math.nan,
            math.inf,
            -math.inf,
            [],
            {},
            b"2024",
        ],
        *["1969-12-31T23:59:59", "0001-01-01", "9999-12-31T23:59:59-14:00"],
        *[dt.datetime(1960, 1, 1), dt.date(1960, 1, 1), dt.time(9)],
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_time_is_refused_by_field(value: object) -> None:
    with pytest.raises(InputError, match=r"rows\.timestamp: expected seconds since the epoch or ISO 8601"):
        parse_time(value, "rows.timestamp")


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert [iso(0), iso(1), iso(1_700_000_000_999)] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.001Z",
        "2023-11-14T22:13:20.999Z",
    ]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("0s", 0), ("500ms", 500), ("1.5h", 5_400_000), (" 12 H ", 43_200_000), ("30d", 2_592_000_000)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, milliseconds: int) -> None:
    assert parse_duration(text, "budget") == milliseconds


@pytest.mark.parametrize("wrong", ["", "10", "1w", "-1s", "1e3s", "9" * 400 + "d", 10, None, ["1s"]])
def test_anything_else_is_refused_by_its_name(wrong: object) -> None:
    with pytest.raises(InputError, match="budget: expected a number with ms, s, m, h or d, such as 500ms"):
        parse_duration(wrong, "budget")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (1_000, "1s"),
        (90_000, "90s"),
        (3_600_000, "1h"),
        (172_800_000, "2d"),
        (86_400_001, "86400001ms"),
    ],
)
def test_a_duration_is_written_in_the_largest_unit_and_read_back(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text
    assert parse_duration(text, "x") == milliseconds


@given(st.lists(st.floats(0, LATEST / 1000), max_size=20))
def test_seconds_side_by_side_are_read_as_one_by_one(seconds: list[float]) -> None:
    assert milliseconds_of(np.array(seconds, np.float64)).tolist() == [parse_time(number) for number in seconds]


def test_a_moment_is_of_the_zone_that_is_given_unless_it_names_one() -> None:
    kolkata = zoneinfo.ZoneInfo("Asia/Kolkata")
    assert since_epoch(NINE, kolkata) == since_epoch(NINE, dt.UTC) - 19_800_000
    assert since_epoch(UTC_NINE, kolkata) == since_epoch(NINE, dt.UTC)
    assert since_epoch(dt.datetime(1969, 12, 31, 23, 59, 59, 999_500), dt.UTC) == -1


@pytest.mark.parametrize(
    ("times", "step"), [([], 0), ([0], 0), ([90_000], 90_000), ([DAY, 3 * DAY, 7_200_000], 7_200_000)]
)
def test_the_step_of_times_is_the_longest_that_they_all_keep(times: list[int], step: int) -> None:
    assert common_step(np.array(times, np.int64)) == step


@pytest.mark.parametrize(
    ("length", "text"),
    [(0, "0 s"), (59_999, "60 s"), (60_000, "1 min"), (DAY - 1, "24 h"), (DAY, "1 d"), (10**11, "1,157 d")],
)
def test_a_length_is_written_to_three_digits(length: int, text: str) -> None:
    assert length_text(length) == text
