from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from driftmeter.backtest.changes import UNITS, Category, ColumnChange, MissingCells, Scale, Shift, Shuffle, Stuck
from driftmeter.backtest.inject import FAULTS, Fault, apply_faults, parse_fault
from driftmeter.data.columns import Column, Dictionary
from driftmeter.errors import InputError
from driftmeter.timestamps import DAY, parse_time

TIMES = parse_time("2024-06-01") + np.arange(10) * DAY  # one row a day
NAN = float("nan")


def columns() -> dict[str, Column]:
    return {
        "temp": np.array([50.0, 59.0, NAN, 68.0, 77.0, 50.0, 59.0, NAN, 68.0, 77.0]),
        "seats": np.arange(10),
        "city": Dictionary.encode(["Ulm", "Bonn", None, "Ulm", "Bonn", "Ulm", "Ulm", "Bonn", "Ulm", "Bonn"]),
        "member": Dictionary.encode([True, False] * 5),
        "seen": [None, *TIMES[1:].tolist()],
    }


def values(column: Column) -> list[Any]:
    if isinstance(column, Dictionary):
        return [None if index < 0 else column.values[index] for index in column.indices]
    return [None if value != value else value for value in list(column)]


def inject(*texts: str, seed: int = 0) -> dict[str, list[Any]]:
    changed = apply_faults(columns(), TIMES, [parse_fault(text) for text in texts], np.random.default_rng(seed))
    return {name: values(column) for name, column in changed.items()}


def before(name: str) -> list[Any]:
    return values(columns()[name])


@pytest.mark.parametrize(
    ("text", "column", "change"),
    [
        ("temp: shift 5", "temp", Shift(5.0)),
        ("temp: shift -0.5sd", "temp", Shift(-0.5, in_sd=True)),
        ("temp: shift 0.5 sd", "temp", Shift(0.5, in_sd=True)),
        ("temp: scale 1.609", "temp", Scale(1.609)),
        ("temp: unit f2c", "temp", Scale(*UNITS["f2c"])),
        ("temp: F2C", "temp", Scale(*UNITS["f2c"])),
        ("temp:missing 2%", "temp", MissingCells(0.02)),
        ("temp: missing", "temp", MissingCells(1.0)),
        ("temp: stuck", "temp", Stuck()),
        ("temp: stuck 5", "temp", Stuck("5")),
        ("city: category 'New York' 3%", "city", Category("New York", 0.03)),
        ("city: category New York 3%", "city", Category("New York", 0.03)),
        ("city: category XX", "city", Category("XX", 1.0)),
        ("city: shuffle", "city", Shuffle()),
        ("temp: ramp 5 over 30d", "temp", Shift(5.0, over=30 * DAY)),
        ("temp: ramp 1sd over 12 h", "temp", Shift(1.0, in_sd=True, over=DAY // 2)),
        ("a: b: shift 5", "a: b", Shift(5.0)),
        ("shift: shift 5", "shift", Shift(5.0)),
    ],
)
def test_each_fault_is_read(text: str, column: str, change: ColumnChange) -> None:
    assert parse_fault(text) == Fault(text, column, change)


@pytest.mark.parametrize(
    ("bounds", "since", "until"),
    [
        ("", None, None),
        ("from 2024-06-03", "2024-06-03", None),
        ("to 2024-06-03T12:00", None, "2024-06-03T12:00"),
        ("from 2024-06-03 12:00 to 2024-06-04", "2024-06-03T12:00", "2024-06-04"),
        ("to 2024-06-04 from 2024-06-03", "2024-06-03", "2024-06-04"),
        ("from 2024-06-03T00:00+02:00", "2024-06-02T22:00", None),
        ("from 1717372800", "2024-06-03", None),
    ],
)
def test_times_bound_a_fault(bounds: str, since: str | None, until: str | None) -> None:
    fault = parse_fault(f"temp: shift 5 {bounds}")
    assert fault.since == (None if since is None else parse_time(since))
    assert fault.until == (None if until is None else parse_time(until))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("temp", "COLUMN: FAULT"),
        ("temp:", "COLUMN: FAULT"),
        (": shift 5", "COLUMN: FAULT"),
        ("temp: shfit 5", "out of shift, ramp, scale, unit, missing, stuck, category, shuffle, or a unit such as f2c"),
        ("temp: shfit 5", "did you mean 'shift'"),
        ("temp: shift", "an amount such as 5 or 0.5sd"),
        ("temp: shift much", "an amount such as 5 or 0.5sd, got 'much'"),
        ("temp: shift inf", "an amount"),
        ("temp: scale x", "a factor such as 1.609, got 'x'"),
        ("temp: unit f2x", "f2c, c2f"),
        ("temp: missing 2", "a share such as 2%"),
        ("temp: missing 0%", "above 0%"),
        ("temp: missing 101%", "at most 100%"),
        ("city: category", "category NAME"),
        ("city: category 'New York 3%", "quotes that are closed"),
        ("city: shuffle now", "nothing behind 'shuffle'"),
        ("temp: ramp 5", "ramp AMOUNT over DURATION"),
        ("temp: ramp 5 over long", "a number with ms, s, m, h or d"),
        ("temp: ramp 5 over 0d", "a duration above 0"),
        ("temp: shift 5 from June", "ISO 8601 behind 'from', got 'June'"),
        ("temp: shift 5 from 2024-06-03 to 2024-06-03", "not later"),
        ("temp: shift 5 from", "behind 'from', got ''"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, message: str) -> None:
    with pytest.raises(InputError, match="inject ") as caught:
        parse_fault(text)
    assert message in str(caught.value)


def test_a_shift_is_added_from_its_first_moment_to_before_its_last() -> None:
    assert inject("seats: shift 5 from 2024-06-03 to 2024-06-05")["seats"] == [0, 1, 7, 8, 4, 5, 6, 7, 8, 9]


def test_a_shift_in_standard_deviations_takes_the_column_s_own() -> None:
    sd = np.std([50.0, 59, 68, 77] * 2)
    shifted = inject("temp: shift 2sd from 2024-06-04")["temp"]
    assert shifted[:3] == before("temp")[:3]
    assert shifted[3] == pytest.approx(68 + 2 * sd)
    assert shifted[7] is None


def test_a_unit_is_a_factor_and_an_offset() -> None:
    assert inject("temp: f2c")["temp"][:4] == [pytest.approx(10), pytest.approx(15), None, pytest.approx(20)]
    assert inject("temp: unit f2c", "temp: c2f")["temp"][4] == pytest.approx(77)


@pytest.mark.parametrize("pair", [("f2c", "c2f"), ("mi2km", "km2mi"), ("c2k", "k2c"), ("lb2kg", "kg2lb"),
                                  ("kt2kmh", "kmh2kt"), ("ft2m", "m2ft"), ("in2cm", "cm2in"),
                                  ("inhg2hpa", "hpa2inhg")])  # fmt: skip
def test_units_undo_each_other(pair: tuple[str, str]) -> None:
    assert set(pair) <= set(UNITS)
    assert inject(f"seats: {pair[0]}", f"seats: {pair[1]}")["seats"] == pytest.approx(list(range(10)))


def test_a_ramp_grows_linearly_and_stays() -> None:
    ramp = inject("seats: ramp 8 over 4d from 2024-06-03")["seats"]
    assert ramp == pytest.approx([0, 1, 2, 3 + 2, 4 + 4, 5 + 6, 6 + 8, 7 + 8, 8 + 8, 9 + 8])


@pytest.mark.parametrize("name", ["temp", "seats", "city", "member", "seen"])
def test_missing_empties_a_column_of_any_kind(name: str) -> None:
    emptied = inject(f"{name}: missing from 2024-06-03")[name]
    assert emptied == [*before(name)[:2], *[None] * 8]


def test_missing_empties_exactly_its_share_of_the_rows() -> None:
    emptied = inject("seats: missing 40% from 2024-06-06")["seats"]
    assert emptied[:5] == [0, 1, 2, 3, 4]
    assert emptied.count(None) == 2


def test_stuck_repeats_the_last_value_before_it() -> None:
    assert inject("temp: stuck from 2024-06-03")["temp"] == [50, 59, *[59] * 8]  # never the missing one within
    assert inject("temp: stuck from 2024-06-04")["temp"] == [50, 59, None, *[59] * 7]
    assert inject("city: stuck from 2024-06-09")["city"] == [*before("city")[:8], "Bonn", "Bonn"]
    assert inject("seats: stuck")["seats"] == [0] * 10


def test_stuck_repeats_the_value_that_it_is_given() -> None:
    assert inject("seats: stuck 77 from 2024-06-10")["seats"] == [*range(9), 77]
    assert inject("city: stuck Ulm")["city"] == ["Ulm"] * 10
    assert inject("member: stuck false")["member"] == [False] * 10


def test_a_category_takes_the_place_of_exactly_its_share() -> None:
    changed = inject("city: category Köln 30%")["city"]
    assert changed.count("Köln") == 3
    assert all(now in (was, "Köln") for now, was in zip(changed, before("city"), strict=True))
    assert inject("seats: category -999 20%")["seats"].count(-999) == 2


def test_a_known_category_stays_one() -> None:
    changed = apply_faults(columns(), TIMES, [parse_fault("city: category Ulm")], np.random.default_rng(0))["city"]
    assert isinstance(changed, Dictionary)
    assert changed.values == ("Ulm", "Bonn")


@pytest.mark.parametrize("name", ["seats", "city", "seen"])
def test_a_shuffle_keeps_the_values_within_its_rows(name: str) -> None:
    shuffled = inject(f"{name}: shuffle from 2024-06-03", seed=1)[name]
    assert shuffled[:2] == before(name)[:2]
    assert sorted(map(str, shuffled[2:])) == sorted(map(str, before(name)[2:]))
    assert shuffled != before(name)


def test_the_same_seed_draws_the_same_rows_whatever_comes_behind() -> None:
    one = inject("seats: missing 40%", seed=5)["seats"]
    assert inject("seats: missing 40%", "city: missing 50%", seed=5)["seats"] == one
    assert inject("seats: missing 40%", seed=6)["seats"] != one


def test_nothing_else_changes_and_the_columns_given_stay() -> None:
    given = columns()
    faults = [parse_fault(f"{name}: missing") for name in ("temp", "seats", "city", "seen")] + [
        parse_fault("seats: shuffle")
    ]
    changed = apply_faults(given, TIMES, faults, np.random.default_rng(0))
    assert {name: values(column) for name, column in given.items()} == {name: before(name) for name in given}
    assert changed["member"] is given["member"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tmep: shift 5", "such as 'temp'"),
        ("xyz: shift 5", "one of temp, seats, city"),
        ("city: shift 5", "a column of numbers, got 'city'"),
        ("city: f2c", "a column of numbers"),
        ("member: ramp 5 over 1d", "a column of numbers"),
        ("seats: category many 3%", "a number for the column 'seats'"),
        ("member: stuck maybe", "true or false for the column 'member'"),
        ("temp: shift 5 from 2025-01-01", "a time at which there are rows"),
    ],
)
def test_a_fault_that_does_not_fit_the_data_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        inject(text)
    assert message in str(caught.value)


def test_every_fault_has_its_way_to_be_written() -> None:
    assert all(usage.split()[0] == name for name, usage in FAULTS.items())
