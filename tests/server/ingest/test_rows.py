from __future__ import annotations

import datetime as dt
import math
import struct
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.server.ingest import alike
from driftmeter.server.ingest.content import MOST_VALUES
from driftmeter.server.ingest.media import MEDIA, Media, media_of
from driftmeter.server.ingest.rows import MOST_NAMED, RowBatch, read_batch
from driftmeter.server.problems import TooLargeError, UnsupportedMediaError
from driftmeter.timestamps import parse_time
from tests.server.harness import FILE, NOW, STREAM, arrow_bytes


def read(reader: Reader, body: object, media: Media = "json", **options: Any) -> RowBatch:
    if not isinstance(body, bytes):
        body = msgspec.msgpack.encode(body) if media == "msgpack" else msgspec.json.encode(body)
    return read_batch(media, body, reader, NOW, most=10_000_000, **options)


def read_arrow(reader: Reader, table: pa.Table, framing: Media = "stream", **options: Any) -> RowBatch:
    return read(reader, arrow_bytes(table, STREAM if framing == "stream" else FILE, **options), framing)


def rejected(batch: RowBatch) -> list[tuple[int, str, str, str]]:
    return [(value.row, value.field, value.expected, value.got) for value in batch.rejected]


# --- content types


@pytest.mark.parametrize("content_type", MEDIA)
def test_a_content_type_may_carry_parameters_and_capitals(content_type: str) -> None:
    assert media_of(f"{content_type.upper()}; charset=utf-8") == MEDIA[content_type]


@pytest.mark.parametrize("content_type", [None, "", "text/csv", "application/x-www-form-urlencoded"])
def test_any_other_content_type_is_refused_with_the_ones_that_are_read(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaError, match="application/vnd"):
        media_of(content_type)


# --- times on the clocks of their zone


def hours(body: object, media: Media, zone: str | None) -> list[str]:
    profile = Profile.fit(pa.table({"at": ["2024-01-08 09:00"]}), model="m", kinds={"at": "hour"}, zone=zone)
    reader = Reader(profile)
    batch = read_arrow(reader, body, media) if isinstance(body, pa.Table) else read(reader, body, media)
    return [profile.features[0].grid.labels[code] for code in batch.rows.codes[:, 0]]


SUMMER = dt.datetime(2024, 7, 8, 7, tzinfo=dt.UTC)


@pytest.mark.parametrize("framing", ["stream", "file"])
@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize(("zone", "hour"), [("UTC", "7"), ("Europe/Berlin", "9"), ("-03:30", "3")])
def test_a_column_of_arrow_is_on_the_clocks_of_its_own_zone_or_on_those_of_the_profile(
    framing: Media, coded: bool, zone: str, hour: str
) -> None:
    column = pa.array([SUMMER, None], pa.timestamp("us", zone))
    table = pa.table({"at": column.dictionary_encode() if coded else column})
    assert hours(table, framing, None) == [hour, "missing"]
    assert hours(table, framing, "Europe/Berlin") == ["9", "missing"]


@pytest.mark.parametrize("media", ["json", "msgpack"])
def test_texts_and_seconds_are_on_the_clocks_of_the_profile(media: Media) -> None:
    told = [SUMMER.isoformat(), "2024-07-08T09:00:00+02:00", SUMMER.timestamp(), str(int(SUMMER.timestamp()))]
    body = {"columns": {"at": told}}
    assert hours(body, media, "Europe/Berlin") == ["9"] * 4
    assert hours(body, media, None) == ["7", "9", "7", "7"]


def test_msgpacks_own_timestamps_are_on_the_clocks_of_the_profile() -> None:
    assert hours({"rows": [{"at": SUMMER}]}, "msgpack", "Europe/Berlin") == ["9"]


def test_an_arrow_column_of_a_zone_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"columns.at: expected a time zone that is known here, got 'Europe/Ulm'"):
        hours(pa.table({"at": pa.array([0], pa.timestamp("s", "Europe/Ulm"))}), "stream", None)


# --- the same rows by every door

numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=32))
records = st.lists(
    st.fixed_dictionaries(
        {
            "amount": numbers,
            "count": st.one_of(st.none(), st.integers(-50, 50)),
            "weight": numbers,
            "city": st.one_of(st.none(), st.sampled_from(["Ulm", "Bonn", "Köln", "nowhere", ""])),
            "code": st.one_of(st.none(), st.integers(0, 600)),
            "member": st.one_of(st.none(), st.booleans()),
            "seen": st.one_of(
                st.none(), st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))
            ),
        }
    ),
    max_size=12,
)
SCHEMA = pa.schema(
    {
        "amount": pa.float64(),
        "count": pa.int32(),
        "weight": pa.float32(),
        "city": pa.dictionary(pa.int8(), pa.string()),
        "code": pa.int64(),
        "member": pa.bool_(),
        "seen": pa.timestamp("us", tz="UTC"),
    }
)


@given(records)
def test_the_same_rows_by_each_door_give_the_same_summary(
    reader: Reader, binner: Binner, records: list[dict[str, Any]]
) -> None:
    columns: dict[str, Any] = {name: [record[name] for record in records] for name in SCHEMA.names}
    floats = {name: [math.nan if v is None else v for v in columns[name]] for name in ("amount", "count", "weight")}
    packed = {
        **columns,
        "amount": struct.pack(f"<{len(records)}d", *floats["amount"]),
        "count": {"dtype": "<f4", "data": struct.pack(f"<{len(records)}f", *floats["count"])},
        "weight": {"dtype": "<f4", "data": struct.pack(f"<{len(records)}f", *floats["weight"])},
    }
    table = pa.table(columns, schema=SCHEMA)
    plain = pa.table({**columns, "city": pa.array(columns["city"], pa.string())})
    batches = [
        read(reader, {"rows": records}),
        read(reader, {"columns": columns}),
        read(reader, {"rows": records}, nan_is_null=True),
        read(reader, {"rows": records}, "msgpack"),
        read(reader, {"columns": packed}, "msgpack"),
        read_arrow(reader, table),
        read_arrow(reader, table, "file"),
        read_arrow(reader, table, compression="lz4"),
        read_arrow(reader, plain),
    ]
    assert [batch.rejected for batch in batches] == [()] * len(batches)
    summaries: list[Summary] = [binner.observe(batch.rows) for batch in batches]
    assert summaries == [summaries[0]] * len(batches)
    assert [(batch.sent, batch.ignored) for batch in batches] == [(len(records), 0)] * len(batches)


numbers = st.one_of(st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(numbers, max_size=6), st.lists(st.one_of(st.none(), numbers, st.text(max_size=2)), max_size=6))
def test_numbers_are_to_the_bit_what_the_reader_makes_of_them(
    reader: Reader, pure: list[float], mixed: list[object]
) -> None:
    for values in (pure, mixed):
        expected = reader.read_columns({"amount": values})[0].numbers
        for body in ({"columns": {"amount": values}}, {"rows": [{"amount": value} for value in values]}):
            for media in ("json", "msgpack"):
                rows = read(reader, body, media).rows
                assert rows.numbers.tobytes() == expected.tobytes()


def test_a_column_of_dates_says_when_rows_were_as_text_of_dates_does(reader: Reader) -> None:
    days = pa.array([dt.date(2023, 11, 13), None], pa.date32())
    arrow = read_arrow(reader, pa.table({"amount": [1.0, 2.0], "timestamp": days}))
    text = read(reader, {"columns": {"amount": [1.0, 2.0], "timestamp": ["2023-11-13", None]}})
    assert np.asarray(arrow.times).tolist() == np.asarray(text.times).tolist() == [1_699_833_600_000, NOW]


@given(st.lists(st.one_of(st.none(), st.integers(0, 2_000_000_000), st.floats(0, 2e9)), max_size=8))
def test_times_by_each_door_are_the_same(reader: Reader, times: list[float | None]) -> None:
    expected = [NOW if time is None else parse_time(time) for time in times]
    within = all(time <= NOW + 60_000 for time in expected)
    packed = np.array([math.nan if time is None else time for time in times], "<f8")
    rows = [{"amount": 1.0} if time is None else {"amount": 1.0, "timestamp": time} for time in times]
    amounts = [1.0] * len(times)
    moments = pa.array([None if time is None else parse_time(time) for time in times], pa.timestamp("ms"))
    batches = [
        read(reader, {"rows": rows}),
        read(reader, {"columns": {"amount": amounts, "timestamp": times}}),
        read(reader, {"columns": {"amount": amounts, "timestamp": packed.tobytes()}}, "msgpack"),
        read_arrow(reader, pa.table({"amount": pa.array(amounts, pa.float64()), "timestamp": pa.array(packed)})),
        read_arrow(reader, pa.table({"amount": pa.array(amounts, pa.float64()), "timestamp": moments})),
    ]
    for batch in batches:
        kept = np.broadcast_to(np.asarray(batch.times), len(batch.rows)).tolist()
        assert kept == ([time for time in expected if time <= NOW + 60_000])
        assert batch.dropped.get("future", 0) == len(times) - len(kept)
        assert within or batch.rejected


def test_where_there_are_decoders_enough_rows_are_read_the_general_way(
    reader: Reader, binner: Binner, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = msgspec.json.encode({"rows": [{"amount": 1.5, "city": "Ulm"}, {"amount": None}]})
    fast = binner.observe(read(reader, body).rows)
    monkeypatch.setattr(alike, "_decoders", {})
    monkeypatch.setattr(alike, "_MOST_DECODERS", 1)
    assert alike.decode_alike(False, body, ("amount", "city")) is not None
    assert alike.decode_alike(False, body, ("amount", "city", "another")) is None
    assert alike.decode_alike(False, body, ("amount", "city")) is not None
    assert len(alike._decoders) == 1
    assert binner.observe(read(reader, body).rows) == fast


# --- times


def test_rows_without_a_time_are_of_the_batchs_time_or_else_of_now(reader: Reader) -> None:
    assert read(reader, {"rows": [{}]}).times == NOW
    assert read(reader, {"rows": [{}], "timestamp": "2023-11-14T22:00:00Z"}).times == 1_699_999_200_000
    times = read(reader, {"rows": [{"timestamp": 5}, {}], "timestamp": 7.5}).times
    assert np.asarray(times).tolist() == [5_000, 7_500]


def test_times_may_be_mixed_and_a_bad_one_rejects_its_row_alone(reader: Reader) -> None:
    rows = [{"timestamp": value} for value in (1.5, "1970-01-01T00:00:02", None, "noon", True, -3, [1])]
    batch = read(reader, {"rows": rows})
    assert np.asarray(batch.times).tolist() == [1_500, 2_000, NOW]
    assert [(row, field) for row, field, _, _ in rejected(batch)] == [(row, "timestamp") for row in (3, 4, 5, 6)]
    assert batch.dropped == {"invalid": 4}


def test_a_time_more_than_a_minute_ahead_is_future(reader: Reader) -> None:
    ahead = NOW / 1000 + 61
    batch = read(
        reader, {"rows": [{"timestamp": ahead}, {"timestamp": ahead - 2}, {"timestamp": ahead, "amount": "x"}, 7]}
    )
    assert len(batch.rows) == 1
    assert batch.dropped == {"invalid": 1, "future": 2}
    assert batch.unreadable == {}
    assert rejected(batch)[0][:3] == (0, "timestamp", "a time at most 60 s ahead of the server")
    assert batch.totals.to_json() == {"observed": 4, "counted": 1, "dropped": {"future": 2, "invalid": 1}}


def test_a_batch_from_the_future_is_rejected_row_by_row(reader: Reader) -> None:
    batch = read(reader, {"rows": [{}] * 500, "timestamp": NOW / 1000 + 120})
    assert (len(batch.rows), batch.dropped, len(batch.rejected)) == (0, {"future": 500}, MOST_NAMED)


def test_timestamp_is_an_ordinary_column_where_the_profile_has_such_a_feature() -> None:
    profile = Profile.fit(pa.table({"timestamp": [float(i) for i in range(50)]}), model="odd")
    reader, binner = Reader(profile), Binner(profile)
    batch = read(reader, {"rows": [{"timestamp": 7.0}], "timestamp": 3})
    assert batch.times == 3_000
    assert binner.observe(batch.rows) == binner.observe(read(reader, {"columns": {"timestamp": [7.0]}}).rows)


def test_a_watermark_may_come_without_rows(reader: Reader) -> None:
    batch = read(reader, {"watermark": "1970-01-01T00:00:09Z"})
    assert (batch.watermark, batch.sent, len(batch.rows)) == (9_000, 0, 0)


def test_rows_of_which_only_the_time_is_known_count(reader: Reader) -> None:
    assert len(read(reader, {"columns": {"timestamp": [1, 2]}}).rows) == 2
    assert len(read_arrow(reader, pa.table({"timestamp": [1.0, 2.0, 3.0]})).rows) == 3
    assert len(read(reader, {"rows": [{}, {}]}).rows) == 2


# --- what is wrong with rows


def test_a_value_that_cannot_be_read_is_counted_as_such_and_what_is_no_row_is_none(reader: Reader) -> None:
    batch = read(reader, {"rows": [{"amount": 1}, {"amount": "much"}, 7, {"member": [True]}, {"amount": 2}]})
    assert batch.rows.index.tolist() == [0, 1, 3, 4]
    assert batch.dropped == {"invalid": 1}
    assert batch.unreadable == {"amount": 1, "member": 1}
    assert batch.totals.to_json() == {
        "observed": 5,
        "counted": 4,
        "dropped": {"invalid": 1},
        "unreadable": {"amount": 1, "member": 1},
    }
    assert rejected(batch) == [
        (1, "amount", "a number", "text ('much')"),
        (2, "", "an object of features", "a number (7)"),
        (3, "member", "true or false", "a list"),
    ]


def test_extra_columns_are_ignored_and_counted(reader: Reader) -> None:
    assert read(reader, {"rows": [{"amount": 1, "x": 1}, {"x": None, "y": [2], "timestamp": 5}]}).ignored == 3
    assert read(reader, {"columns": {"amount": [1, 2], "x": [1, 2], "timestamp": [1, 2]}}).ignored == 2
    nested = pa.table({"amount": [1.0, 2.0], "x": [[1], [2]], "y": [b"", b""]})
    assert read_arrow(reader, nested).ignored == 4


def test_absent_null_and_nan_are_missing_and_infinity_is_not_finite(reader: Reader, binner: Binner) -> None:
    profile = reader.profile
    offset = profile.offsets[[feature.name for feature in profile.features].index("amount")]
    special = profile.features[0].grid.special
    packed = np.array([math.nan, math.inf, -math.inf], "<f8").tobytes()
    for batch in (
        read(reader, {"columns": {"amount": packed}}, "msgpack"),
        read(reader, b'{"columns": {"amount": [NaN, Infinity, -Infinity]}}', nan_is_null=True),
        read_arrow(reader, pa.table({"amount": [None, math.inf, -math.inf]})),
        read(reader, {"rows": [{"amount": math.nan}, {"amount": math.inf}, {"amount": -math.inf}]}, "msgpack"),
    ):
        counts = binner.observe(batch.rows).counts
        assert counts[offset + special["missing"]] == 1
        assert counts[offset + special["not finite"]] == 2


# --- what cannot be read at all

UNREADABLE: list[tuple[Media, bytes, str, str]] = [
    ("json", b'{"rows": [{"amount": NaN}]}', "body, byte 20", "null"),
    ("json", b'{"rows": [{"amount": -Infinity}]}', "body, byte 20", "nan=null"),
    ("json", b'{"rows": [{"a": 1}', "body", "truncated"),
    ("json", b"", "body", "truncated"),
    ("json", b"[" * 100_000, "body", "recursion"),
    ("json", b'{"rows": [{"a": "\xff"}]}', "body", "utf-8"),
    ("json", b'{"rows": [{"a": 1e400}]}', "body", "out of range"),
    ("json", b"[]", "body", 'an object with "rows" or "columns"'),
    ("json", b"{}", "body", "neither"),
    ("json", b'{"rows": [], "columns": {}}', "body", "both"),
    ("json", b'{"rows": {}}', "rows", "an array of objects"),
    ("json", b'{"row": []}', "body", "'row'"),
    ("json", b'{"rows": [], "timestamp": "soon"}', "timestamp", "ISO 8601"),
    ("json", b'{"rows": [], "watermark": []}', "watermark", "ISO 8601"),
    ("json", b'{"columns": []}', "columns", "an object of arrays"),
    ("json", b'{"columns": {"amount": 5}}', "columns.amount", "an array"),
    ("json", b'{"columns": {"amount": [1], "count": [1, 2]}}', "columns.count", "1 values"),
    ("json", b'{"columns": {"amount": [1], "timestamp": [1, 2]}}', "columns.timestamp", "1 values"),
    ("msgpack", b"\xc1", "body", "msgpack"),
    ("msgpack", b"", "body", "msgpack"),
    ("msgpack", msgspec.msgpack.encode({"columns": {"amount": b"1234567"}}), "columns.amount", "7 bytes"),
    ("msgpack", msgspec.msgpack.encode({"columns": {None: [1]}}), "columns", "text"),
    (
        "msgpack",
        msgspec.msgpack.encode({"columns": {"amount": {"dtype": "O", "data": b""}}}),
        "columns.amount.dtype",
        "<f8",
    ),
    ("msgpack", msgspec.msgpack.encode({"columns": {"amount": {"data": b""}}}), "columns.amount", "raw bytes"),
    ("stream", b"", "body", "Arrow IPC stream"),
    ("stream", b"\xff\xff\xff\xff\x10\x00\x00\x00", "body", "Arrow IPC stream"),
    ("file", b'{"rows": []}', "body", "Arrow IPC file"),
]


@pytest.mark.parametrize(("media", "body", "where", "says"), UNREADABLE)
def test_what_cannot_be_read_says_where_what_was_expected_and_what_came(
    reader: Reader, media: Media, body: bytes, where: str, says: str
) -> None:
    with pytest.raises(InputError) as raised:
        read(reader, body, media)
    assert raised.value.field == where
    assert says in str(raised.value)


def test_half_a_surrogate_pair_is_unreadable_by_either_json_reader(reader: Reader) -> None:
    for nan_is_null in (False, True):
        with pytest.raises(InputError):
            read(reader, b'{"rows": [{"city": "\\ud800"}]}', nan_is_null=nan_is_null)


@pytest.mark.parametrize("framing", ["stream", "file"])
def test_arrow_that_ends_anywhere_too_early_is_unreadable(reader: Reader, framing: Media) -> None:
    table = pa.table({"amount": [1.0, 2.0, 3.0], "city": pa.array(["Ulm", "Bonn", None]).dictionary_encode()})
    whole = arrow_bytes(table, STREAM if framing == "stream" else FILE)
    unreadable = 0
    for length in range(len(whole)):
        try:
            batch = read(reader, whole[:length], framing)
        except InputError:
            unreadable += 1
        else:
            # cut between two messages, or within the end marker, a stream is a shorter stream
            assert framing == "stream"
            assert batch.sent in (0, 3)
    assert unreadable >= len(whole) - 12


@given(st.data())
def test_arrow_with_a_flipped_byte_never_does_more_than_fail_to_be_read(reader: Reader, data: st.DataObject) -> None:
    table = pa.table({"amount": [1.0, None, 3.0], "city": pa.array(["Ulm", "Bonn", None]).dictionary_encode()})
    body = bytearray(arrow_bytes(table))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))
    try:
        batch = read(reader, bytes(body), "stream")
    except InputError:
        return
    assert len(batch.rows) <= batch.sent <= MOST_VALUES


def test_arrow_indices_beyond_their_dictionary_are_unreadable(reader: Reader) -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 9], pa.int8()), pa.array(["Ulm"]), safe=False)
    with pytest.raises(InputError, match="Arrow"):
        read_arrow(reader, pa.table({"city": coded}))


def test_two_arrow_columns_of_one_name_are_unreadable(reader: Reader) -> None:
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["amount", "amount"])
    with pytest.raises(InputError, match=r"columns\.amount"):
        read_arrow(reader, table)


def test_a_known_arrow_column_of_a_type_that_is_no_value_is_unreadable_in_each_cell(reader: Reader) -> None:
    batch = read_arrow(reader, pa.table({"amount": [[1.0], None, [2.0, 3.0]], "city": ["Ulm"] * 3}))
    assert (len(batch.rows), batch.unreadable) == (3, {"amount": 2})
    assert rejected(batch) == [(0, "amount", "a number", "a list"), (2, "amount", "a number", "a list")]


def test_arrow_columns_of_every_plain_type_are_read(reader: Reader, binner: Binner) -> None:
    expected = binner.observe(read(reader, {"rows": [{"amount": 5, "count": 3, "city": "Ulm"}, {}]}).rows)
    for kind in (pa.float16(), pa.float32(), pa.int8(), pa.uint16(), pa.uint64(), pa.decimal128(5, 2)):
        for text in (pa.string(), pa.large_string(), pa.string_view()):
            columns = {
                "amount": pa.array([5, None], pa.int8()).cast(kind),
                "count": pa.DictionaryArray.from_arrays(pa.array([0, None]), pa.array([3], pa.int8()).cast(kind)),
                "city": pa.array(["Ulm", None], text),
                "member": pa.nulls(2),
            }
            assert binner.observe(read_arrow(reader, pa.table(columns)).rows) == expected
    several = pa.concat_tables([pa.table({"city": pa.array([city]).dictionary_encode()}) for city in ("Ulm", "Bonn")])
    batch = read_arrow(reader, several)
    assert binner.observe(batch.rows) == binner.observe(read(reader, {"columns": {"city": ["Ulm", "Bonn"]}}).rows)


def test_more_rows_than_a_batch_may_unfold_to_are_too_large(reader: Reader) -> None:
    most = MOST_VALUES // len(reader.names)
    with pytest.raises(TooLargeError, match="rows"):
        read(reader, b'{"rows": [' + b"0," * most + b"0]}")
    with pytest.raises(TooLargeError, match="rows"):
        read_arrow(reader, pa.table({"x": pa.nulls(most + 1)}))


def test_arrow_that_would_inflate_beyond_the_limit_is_too_large(reader: Reader) -> None:
    body = arrow_bytes(pa.table({"x": np.zeros(1_000_000)}), compression="zstd")
    assert len(body) < 10_000
    with pytest.raises(TooLargeError, match="after decompression"):
        read_batch("stream", body, reader, NOW, most=1_000_000)
