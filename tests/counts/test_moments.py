from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftmeter.counts import compiled
from driftmeter.counts.rows import Reader
from driftmeter.errors import InputError
from driftmeter.profile.feature import Feature
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


ZONES = [None, "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "UTC"]
READERS = [
    (kind, zone, reader_of(kind, zone=zone, c=[dt.datetime(2024, 1, 1, hour) for hour in range(20)]))
    for kind in ("hour", "weekday")
    for zone in ZONES
]
EVERY_MINUTE = st.timedeltas(dt.timedelta(days=-1000), dt.timedelta(days=80_000)).map(
    lambda since: dt.datetime(1990, 1, 1) + dt.timedelta(minutes=since // dt.timedelta(minutes=1))
)
moments = st.one_of(
    st.datetimes(),
    EVERY_MINUTE,
    EVERY_MINUTE.map(lambda moment: moment.replace(tzinfo=dt.UTC)),
    st.datetimes(timezones=st.timezones()),
)
texts = st.builds(
    lambda moment, separator, unit, tail: moment.replace(tzinfo=None).isoformat(separator, unit) + tail,
    moments,
    st.sampled_from("T x"),
    st.sampled_from(["auto", "minutes", "seconds", "milliseconds", "hours"]),
    st.sampled_from(["", "", "Z", "z", "+00:00", "-03:30", "+23:59", "+24:00", "+0100", " UTC", "+05:30:15", "é", "."]),
)
numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(631_151_000, 4_102_445_000),
    st.floats(),
    st.floats(631_151_000, 4_102_445_000),
    st.integers(175_321, 1_139_568).map(lambda hour: math.nextafter(hour * 3600.0, 0)),
)
near_texts = st.one_of(
    st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{0,8})?)?)?\Z"),
    st.text("0123456789-:.TZ +", max_size=26),
)


@given(st.lists(st.one_of(moments, texts, numbers, near_texts, moments.map(dt.datetime.date)), min_size=1, max_size=30))
@example(["2024-02-30", "2100-02-29T00:00", "2000-02-29 23:59:59.999999", "0000-01-01", "0001-01-01T00:00Z"])
@example(["2024-01-01T24:00", "2024-01-01T00:60", "2024-01-01T00:00:60", "2024-01-01T1\u0663:00", "\ud800-01-01-01"])
@example([631_152_000, 631_151_999.9999999, 4_102_444_799.9999995, 1_704_088_799.9999996, True, "1969-12-31T23:59Z"])
def test_a_moment_of_a_record_is_that_of_a_column(values: list[object]) -> None:
    for kind, zone, reader in READERS:
        of_column, _, _ = reader.read_columns({"c": values})
        for _ in range(2):  # the second time bins are remembered
            of_records, _, _ = reader.read_records([{"c": value} for value in values])
            assert of_records.codes.tolist() == of_column.codes.tolist(), (kind, zone)


@pytest.mark.skipif(compiled.KIND == "plain", reason=f"only the {compiled.describe()} is here")
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_moments_in_the_usual_forms_are_read_without_python(zone: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = list[object]()
    look_up = Reader._look_up

    def noted(reader: Reader, feature: Feature, value: object) -> int:
        looked_up.append(value)
        return look_up(reader, feature, value)

    monkeypatch.setattr(Reader, "_look_up", noted)
    reader = reader_of("hour", zone=zone, c=[dt.datetime(2024, 1, 1, hour) for hour in range(24)])
    values: list[object] = [1_704_087_000.25 + second for second in range(100)]
    values += [f"2024-01-01T05:30:{second:02}.125Z" for second in range(60)]
    values += [dt.datetime(2024, 1, 1, 5, second) for second in range(60)]
    records = [{"c": value} for value in [*values, None]]
    first, _, _ = reader.read_records(records)
    seen = len(looked_up)
    second, _, _ = reader.read_records(records)
    assert second.codes.tolist() == first.codes.tolist()
    assert len(looked_up) == seen
    if zone is None:
        assert set(looked_up) == {False, True}  # as the tables are made
