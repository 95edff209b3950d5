"""The same moments through every door: one hour of the day, whether summer time is on or not."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from driftmeter.client.buffer import Raw
from driftmeter.client.intake import Intake
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.data.files.for_profile import read_data
from driftmeter.profile.profile import Profile
from driftmeter.server.ingest.media import Media
from driftmeter.server.ingest.rows import read_batch
from tests.server.harness import FILE, NOW, STREAM, arrow_bytes

BERLIN = ZoneInfo("Europe/Berlin")
LOCAL = [
    dt.datetime(2024, 1, 8, 0, 30),
    dt.datetime(2024, 1, 8, 23, 59, 59),
    dt.datetime(2024, 3, 31, 1, 59),
    dt.datetime(2024, 3, 31, 3, 0),
    dt.datetime(2024, 7, 8, 9, 0),
    dt.datetime(2024, 10, 27, 1, 59),
    dt.datetime(2024, 10, 27, 3, 0),
]
AWARE = [moment.replace(tzinfo=BERLIN) for moment in LOCAL]
UTC = [moment.astimezone(dt.UTC) for moment in AWARE]
SECONDS = [int(moment.timestamp()) for moment in AWARE]
HOURS = [str(moment.hour) for moment in LOCAL]


def of_frame(profile: Profile, frame: Any) -> list[str]:
    return hours(profile, Reader(profile).read_columns(columns_of(as_frame(frame), ["at"]))[0].codes)


def hours(profile: Profile, codes: Any) -> list[str]:
    return [profile.features[0].grid.labels[code] for code in codes[:, 0]]


def of_body(profile: Profile, body: bytes, media: Media) -> list[str]:
    return hours(profile, read_batch(media, body, Reader(profile), NOW, most=10_000_000).rows.codes)


def of_csv(profile: Profile, cells: list[Any], folder: Path, name: str = "live.csv") -> list[str]:
    (folder / name).write_text("at\n" + "".join(f"{cell}\n" for cell in cells))
    return of_frame(profile, read_data(folder / name, profile))


def of_parquet(profile: Profile, frame: pa.Table) -> list[str]:
    sink = io.BytesIO()
    pa.parquet.write_table(frame, sink)
    return of_frame(profile, pa.parquet.read_table(io.BytesIO(sink.getvalue())))


def of_sdk(profile: Profile, values: list[Any]) -> list[str]:
    raw: list[Raw] = [({"at": value}, None, None, 0.0) for value in values]
    return hours(profile, Intake(profile).read(raw).rows.codes)


def seen(profile: Profile, values: list[Any], folder: Path) -> dict[str, list[str]]:
    """Return what every door makes of values that JSON has, too."""
    rows = {"rows": [{"at": value} for value in values]}
    texts = pa.table({"at": values})
    return {
        "json": of_body(profile, msgspec.json.encode(rows), "json"),
        "msgpack": of_body(profile, msgspec.msgpack.encode(rows), "msgpack"),
        "arrow stream": of_body(profile, arrow_bytes(texts, STREAM), "stream"),
        "arrow file": of_body(profile, arrow_bytes(texts, FILE), "file"),
        "csv": of_csv(profile, values, folder),
        "tsv": of_csv(profile, values, folder, "live.tsv"),
        "parquet": of_parquet(profile, texts),
        "pandas": of_frame(profile, pd.DataFrame({"at": values})),
        "polars": of_frame(profile, pl.DataFrame({"at": values})),
        "sdk": of_sdk(profile, values),
    }


@pytest.fixture(params=["UTC", "Europe/Berlin", "texts", "naive"])
def zoned(request: pytest.FixtureRequest) -> Profile:
    """Profiles of references of several types, all on the clocks of Berlin."""
    column = {
        "UTC": pa.array(UTC, pa.timestamp("us", "UTC")),
        "Europe/Berlin": pa.array(UTC, pa.timestamp("us", "Europe/Berlin")),
        "texts": pa.array([moment.isoformat() for moment in AWARE]),
        "naive": pa.array(LOCAL, pa.timestamp("ms")),
    }[request.param]
    zone = None if request.param == "Europe/Berlin" else "Europe/Berlin"
    return Profile.fit(pa.table({"at": column}), model="m", kinds={"at": "hour"}, zone=zone)


@pytest.mark.parametrize(
    "values",
    [
        [moment.isoformat() for moment in AWARE],
        [moment.isoformat() for moment in UTC],
        [f"{moment:%Y-%m-%d %H:%M:%S} UTC" for moment in UTC],
        [f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in UTC],
        [f"{moment.astimezone(ZoneInfo('Asia/Kolkata')):%Y-%m-%d %H:%M:%S %z}" for moment in UTC],
        [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in LOCAL],
        SECONDS,
        [moment + 0.25 for moment in SECONDS],
    ],
    ids=lambda values: str(values[0]),
)
def test_a_moment_has_the_hour_of_the_profiles_zone_through_every_door(
    zoned: Profile, values: list[Any], tmp_path: Path
) -> None:
    assert {door: counted for door, counted in seen(zoned, values, tmp_path).items() if counted != HOURS} == {}


def test_typed_times_have_the_hour_of_the_profiles_zone_through_every_door(zoned: Profile) -> None:
    for zone in ("UTC", "Europe/Berlin", "Asia/Kolkata", "-03:30"):
        for unit in ("s", "ms", "us", "ns"):
            table = pa.table({"at": pa.array(UTC, pa.timestamp(unit, zone))})
            assert of_parquet(zoned, table) == HOURS
            assert of_body(zoned, arrow_bytes(table, STREAM), "stream") == HOURS
    assert of_frame(zoned, pd.DataFrame({"at": pd.to_datetime(UTC)})) == HOURS
    assert of_frame(zoned, pl.DataFrame({"at": UTC})) == HOURS
    assert of_sdk(zoned, [*UTC]) == of_sdk(zoned, [*AWARE]) == of_sdk(zoned, [*LOCAL]) == HOURS
    assert of_sdk(zoned, [pd.Timestamp(moment) for moment in UTC]) == HOURS
    assert of_sdk(zoned, [np.datetime64(moment) for moment in LOCAL]) == HOURS
    assert of_body(zoned, msgspec.msgpack.encode({"rows": [{"at": moment} for moment in UTC]}), "msgpack") == HOURS


@pytest.mark.parametrize(
    "values",
    [[moment.isoformat() for moment in AWARE], [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in LOCAL]],
    ids=lambda values: str(values[0]),
)
def test_without_a_zone_an_hour_is_as_written_through_every_door(values: list[str], tmp_path: Path) -> None:
    (tmp_path / "reference.csv").write_text("at\n" + "".join(f"{cell}\n" for cell in values))
    profile = Profile.fit(pa.table({"at": values}), model="m", kinds={"at": "hour"})
    assert {door: counted for door, counted in seen(profile, values, tmp_path).items() if counted != HOURS} == {}


def test_the_weekday_turns_at_the_zones_midnight(tmp_path: Path) -> None:
    frame = pl.DataFrame({"at": ["2024-01-08"]})
    profile = Profile.fit(frame, model="m", kinds={"at": "weekday"}, zone="America/St_Johns")
    weekdays = seen(profile, ["2024-01-08T03:29:59Z", "2024-01-08T03:30:00Z", "2024-01-08"], tmp_path)
    assert all(days == ["6", "0", "0"] for days in weekdays.values()), weekdays
