from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from dataclasses import replace

import numpy as np
import pytest

from driftmeter.counts.rows import Reader
from driftmeter.errors import InputError
from tests.counts.samples import bins, got, reader_of

ZONE = dt.timezone(dt.timedelta(hours=-5))


@pytest.mark.parametrize(
    "moment",
    [
        "2024-01-01T05:30:00",
        "2024-01-01T05:30:00Z",
        "2024-01-01 05:30",
        "2024-01-01T05:30:00-05:00",
        dt.datetime(2024, 1, 1, 5, 59, 59, 999_999),
        dt.datetime(2024, 1, 1, 5, 30, tzinfo=ZONE),
        dt.datetime(2024, 1, 1, 5, 30, tzinfo=dt.UTC),
        np.datetime64("2024-01-01T05:30"),
        np.datetime64("2024-01-01T05:30:00.123456789"),
        1_704_087_000,
        1_704_087_000.25,
        np.int64(1_704_087_000),
    ],
    ids=repr,
)
def test_without_a_zone_a_moment_has_the_hour_and_weekday_that_are_written_however_it_is_told(
    hours: Reader, weekdays: Reader, moment: object
) -> None:
    assert bins(hours, [moment]) == ["5"]
    assert bins(weekdays, [moment]) == ["0"]


@pytest.mark.parametrize(
    ("moment", "hour", "weekday"),
    [
        ("2024-01-07T23:30:00Z", "0", "0"),
        ("2024-07-07T22:30:00Z", "0", "0"),
        ("2024-07-08T00:30:00+02:00", "0", "0"),
        ("2024-07-07T22:30:00-00:00", "0", "0"),
        (dt.datetime(2024, 7, 7, 22, 30, tzinfo=dt.UTC), "0", "0"),
        (dt.datetime(2024, 7, 8, 4, tzinfo=zoneinfo.ZoneInfo("Asia/Kolkata")), "0", "0"),
        (1_720_391_400, "0", "0"),
        ("1720391400", "0", "0"),
        ("2024-07-08T00:30:00", "0", "0"),
        (np.datetime64("2024-07-08T00:30"), "0", "0"),
        (dt.date(2024, 7, 8), "0", "0"),
        ("2024-03-31T00:59:59Z", "1", "6"),
        ("2024-03-31T01:00:00Z", "3", "6"),
        ("2024-10-27T00:59:59Z", "2", "6"),
        ("2024-10-27T01:00:00Z", "2", "6"),
        ("2024-10-27T02:00:00Z", "3", "6"),
    ],
    ids=repr,
)
def test_with_a_zone_a_moment_has_the_hour_and_weekday_of_its_clocks(moment: object, hour: str, weekday: str) -> None:
    for kind, expected in (("hour", hour), ("weekday", weekday)):
        reader = reader_of(kind, zone="Europe/Berlin", c=[dt.datetime(2024, 1, 1, 5)])
        assert bins(reader, [moment]) == [expected]


def test_a_zone_that_is_half_an_hour_beside_the_others_has_its_own_hours() -> None:
    reader = reader_of("hour", zone="Asia/Kolkata", c=[dt.datetime(2024, 1, 1, 5)])
    assert bins(reader, ["2024-01-01T00:29:59Z", "2024-01-01T00:30:00Z"]) == ["5", "6"]


def test_a_zone_that_this_machine_does_not_know_is_named_at_once() -> None:
    profile = reader_of("hour", c=[dt.datetime(2024, 1, 1, 5)]).profile
    strange = replace(profile, features=(replace(profile.features[0], zone="Europe/Ulm"),))
    with pytest.raises(InputError, match=r"zone: expected a name of the IANA database.*'Europe/Ulm'"):
        Reader(strange)


def test_a_date_is_its_midnight(hours: Reader, weekdays: Reader) -> None:
    for date in (dt.date(2024, 1, 7), "2024-01-07", np.datetime64("2024-01-07")):
        assert bins(hours, [date]) == ["0"]
        assert bins(weekdays, [date]) == ["6"]


@pytest.mark.parametrize("value", [None, math.nan, np.datetime64("NaT", "us")])
def test_a_missing_moment_is_missing(hours: Reader, value: object) -> None:
    assert bins(hours, [value]) == ["missing"]


@pytest.mark.parametrize(
    "value", ["yesterday", True, 1e300, math.inf, -math.inf, [1], "5", dt.time(5), "9" * 400, 0, 1e12, "20240101"]
)
def test_what_is_no_moment_is_unreadable(hours: Reader, value: object) -> None:
    assert got(hours, value)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_an_array_of_moments_is_read_in_any_unit(hours: Reader, unit: str) -> None:
    column = np.array(["2024-01-01T05:30", "NaT"], f"datetime64[{unit}]")
    assert hours.read_columns({"c": column})[0].codes.ravel().tolist() == [5, 26]
