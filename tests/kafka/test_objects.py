from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from driftmeter.kafka.forms import FormOptions
from driftmeter.kafka.records import NO_TIME
from tests.kafka.runs import FULL, STAMP, expected, read, summary

CODINGS = {"json": lambda value: json.dumps(value).encode(), "msgpack": msgspec.msgpack.encode}


@pytest.fixture(params=CODINGS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def coded(form: str, *values: Any) -> list[bytes]:
    return [CODINGS[form](value) for value in values]


def test_rows_count_as_they_would_one_by_one(form: str) -> None:
    rows = [FULL, {**FULL, "age": None, "more": [1]}, {**FULL, "city": "Rom", "amount": "x"}, {**FULL, "age": "41.5"}]
    got = read(form, coded(form, *rows))
    assert summary(got) == expected(*rows)
    assert got.rows.offsets.tolist() == [0, 2, 4, 6]
    assert got.rows.times.tolist() == [STAMP, STAMP + 1, STAMP + 2, STAMP + 3]
    assert got.rows.unreadable
    assert got.bad == ()


def test_a_time_is_that_of_its_field_or_else_of_its_record(form: str) -> None:
    got = read(form, coded(form, {**FULL, "timestamp": 5.25}, FULL, {**FULL, "timestamp": "1970-01-01T00:00:07Z"}))
    assert got.rows.times.tolist() == [5_250, STAMP + 1, 7_000]
    by_record = read(form, coded(form, {**FULL, "timestamp": 5.25}), FormOptions(time="record"))
    assert by_record.rows.times.tolist() == [STAMP]
    in_ms = read(form, coded(form, {**FULL, "at": 5_250}), FormOptions(time="at", time_format="ms"))
    assert in_ms.rows.times.tolist() == [5_250]
    written = FormOptions(time="at", time_format="%d.%m.%Y %H:%M")
    assert read(form, coded(form, {**FULL, "at": "02.01.1970 00:01"}), written).rows.times.tolist() == [86_460_000]
    a_feature = read(form, coded(form, {**FULL, "age": 60}), FormOptions(time="age"))
    assert a_feature.rows.times.tolist() == [60_000]
    assert summary(a_feature) == expected({**FULL, "age": 60})


def test_a_row_whose_time_cannot_be_read_is_bad_and_no_other(form: str) -> None:
    got = read(form, coded(form, FULL, {**FULL, "timestamp": "noon"}, FULL))
    assert got.rows.offsets.tolist() == [0, 4]
    assert [(one.position, "timestamp" in one.reason) for one in got.bad] == [(1, True)]
    assert [(one.offset, one.reason, one.rows) for one in got.rows.dropped] == [(2, "invalid", 1)]
    nameless = read(form, coded(form, FULL), stamp=NO_TIME)
    assert len(nameless.rows.rows) == 0
    assert "a time of the record" in nameless.bad[0].reason


def test_what_is_no_row_costs_only_its_record(form: str) -> None:
    values = [*coded(form, FULL, {"other": 1}, 17), b"\xc1{", None, *coded(form, FULL)]
    got = read(form, values)
    assert [one.position for one in got.bad] == [1, 2, 3]
    assert got.rows.offsets.tolist() == [0, 10]
    assert got.rows.records.tolist() == [0, 2, 4, 6, 8, 10]
    assert summary(got) == expected(FULL, FULL)


def test_a_row_whose_values_are_all_missing_is_a_row(form: str) -> None:
    got = read(form, coded(form, {"age": None}, FULL))
    assert summary(got) == expected({"age": None}, FULL)
    assert got.bad == ()


def test_bodies_of_rows_and_columns_are_many_rows(form: str) -> None:
    bodies = [
        {"rows": [FULL, FULL], "timestamp": 9},
        {"columns": {name: [value] * 3 for name, value in FULL.items()}},
        {"rows": [{**FULL, "timestamp": 3}]},
    ]
    got = read(form, coded(form, *bodies, FULL))
    assert summary(got) == expected(*[FULL] * 7)
    assert got.rows.offsets.tolist() == [0, 0, 2, 2, 2, 4, 6]
    assert got.rows.times.tolist() == [9_000] * 2 + [STAMP + 1] * 3 + [3_000, STAMP + 3]


def test_payloads_of_model_servers_are_read_in_json() -> None:
    order = ["age", "amount", "city", "member"]
    row = [FULL[name] for name in order]
    v2 = {"inputs": [{"name": "age", "shape": [2], "datatype": "FP64", "data": [41.5, 3]}]}
    got = read("json", coded("json", {"instances": [row, row]}, v2, [FULL, FULL], [row], {"instances": [[1]]}))
    given = {name: FULL[name] for name in order}
    assert summary(got) == expected(given, given, {"age": 41.5}, {"age": 3}, FULL, FULL, given)
    assert [one.position for one in got.bad] == [4]
    reordered = read("json", coded("json", [row[::-1]]), FormOptions(order=order[::-1]))
    assert summary(reordered) == expected(given)


def test_fields_are_mapped_to_columns(form: str) -> None:
    row = {name: value for name, value in FULL.items() if name not in ("age", "city")}
    flat = FormOptions(fields={"age": "years"})
    assert summary(read(form, coded(form, {**row, "years": 7, "city": "Ulm"}), flat)) == expected(
        {**FULL, "age": 7, "city": "Ulm"}
    )
    deep = FormOptions(fields={"age": "customer.age", "city": "customer.home.city"}, time="meta.at")
    nested = {**row, "customer": {"age": 7, "home": {"city": "Kiel"}}, "meta": {"at": 4}}
    got = read(form, coded(form, nested), deep)
    assert summary(got) == expected({**FULL, "age": 7, "city": "Kiel"})
    assert got.rows.times.tolist() == [4_000]


def test_the_mark_of_a_schema_registry_before_json_is_left_out() -> None:
    assert summary(read("json", [b"\0\0\0\0\7" + json.dumps(FULL).encode()])) == expected(FULL)
