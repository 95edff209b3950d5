import datetime as dt
import zoneinfo
from decimal import Decimal

import numpy as np
import pytest

from driftmeter.errors import InputError
from driftmeter.moments import find_zone, moment_of, on_clock, zone_named, zone_of_column

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
