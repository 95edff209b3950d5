from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from driftmeter.errors import ProfileError
from driftmeter.profile.profile import Profile

CHANCE = np.random.default_rng(6)
N = 1_200
SCORE = CHANCE.normal(size=N)
TRUTH = SCORE + CHANCE.normal(size=N) / 3 > 0
DAYS = [dt.date(2012, 1, 1) + dt.timedelta(days=day) for day in range(N)]


def fit(values: Any, name: str = "c", **options: Any) -> Profile:
    frame = pl.DataFrame({"x": CHANCE.normal(size=N), "score": SCORE, name: values}, strict=False)
    return Profile.fit(frame, model="m", **options)


@pytest.mark.parametrize(
    ("name", "values", "prediction"),
    [
        ("churn", TRUTH, None),
        ("Survived", TRUTH.astype(int), None),
        ("fraud", np.where(TRUTH, "yes", "no"), None),
        ("target", SCORE, None),
        ("y", TRUTH, "score"),
        ("class", np.where(TRUTH, "good", "bad"), "score"),
    ],
)
def test_a_forgotten_label_is_left_out_and_asked_about(name: str, values: Any, prediction: str | None) -> None:
    profile = fit(values, name, prediction=prediction)
    assert profile.left_out[name] == f"looks like the label; --label {name} if it is; --include {name} monitors it"
    included = fit(values, name, prediction=prediction, include=[name])
    assert name in [feature.name for feature in included.features]
    assert included.notes[name][0].startswith("looks like the label") or "%" in included.notes[name][0]


def test_two_values_that_the_prediction_tells_apart_are_asked_about_under_any_name() -> None:
    profile = fit(TRUTH, "w", prediction="score")
    assert not profile.left_out
    (note,) = profile.notes["w"]
    assert note.startswith("tied to the prediction (AUC 0.9")
    assert note.endswith("is it the label? then --label w")
    assert "w" not in fit(SCORE > 1e9, "w", prediction="score").left_out
    assert "tied" not in str(fit(CHANCE.random(N) > 0.5, "w", prediction="score").notes)


def test_the_class_that_follows_from_the_prediction_is_no_label() -> None:
    profile = fit(SCORE > 0.3, "w", prediction="score")
    assert profile.notes["w"] == (
        "follows from the prediction, as its class would: it drifts where the prediction does",
    )


def test_a_class_as_prediction_shows_the_label_too() -> None:
    frame = pl.DataFrame({"x": SCORE, "said": np.where(SCORE > 0, "a", "b"), "y": TRUTH})
    assert Profile.fit(frame, model="m", prediction="said").left_out["y"].startswith("looks like the label")


def test_where_the_label_is_named_no_other_column_is_one() -> None:
    frame = pl.DataFrame({"x": SCORE, "truth": TRUTH, "outcome": TRUTH})
    assert Profile.fit(frame, model="m", label="truth").left_out == {"truth": "the label"}


@pytest.mark.parametrize(
    ("form", "proposed"),
    [("%Y/%m/%d", "%Y/%m/%d"), ("%m/%d/%Y", "%m/%d/%Y"), ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"), ("%Y-%m-%d", None)],
)
def test_dates_as_text_are_left_out_with_the_options_that_read_them(form: str, proposed: str | None) -> None:
    why = fit([day.strftime(form) for day in DAYS]).left_out["c"]
    option = "" if proposed is None else f" --time-format '{proposed}'"
    assert why == f"dates as text; --time c{option} if they are the times of the rows; --include c monitors it"


def test_dates_as_numbers_are_left_out_and_years_that_do_not_run_stay() -> None:
    why = fit([int(day.strftime("%Y%m%d")) for day in DAYS]).left_out["c"]
    assert why.startswith("dates as numbers; --time c --time-format '%Y%m%d'")
    assert not fit(CHANCE.integers(1_990, 2_025, N)).left_out
    assert not fit([str(year) for year in CHANCE.integers(1_990, 2_025, N)]).left_out
    assert not fit(CHANCE.integers(20_000_000, 21_000_000, N)).left_out


@pytest.mark.parametrize("write", ["€{:,.2f}", "{:.3f}%", "{:,.2f}"])
def test_numbers_as_text_are_told_as_what_they_are_and_never_called_identifiers(write: str) -> None:
    values = [write.format(amount) for amount in CHANCE.lognormal(8, 1, N)]
    why = fit(values).left_out["c"]
    assert "identifier" not in why
    assert "as text, such as " in why
    assert "to have it monitored as a number" in why
    few = fit([values[row % 20] for row in range(N)])
    assert not few.left_out
    assert any("to have it monitored as a number" in note for note in few.notes["c"])


def test_numbers_as_text_that_are_asked_for_as_numbers_are_refused_with_the_way_out() -> None:
    with pytest.raises(ProfileError, match=r"of which none is one: numbers with decimal commas as text, .*write 1"):
        fit([f"{value % 7},5" for value in range(N)], kinds={"c": "numeric"})


def test_a_code_for_missing_is_noted() -> None:
    profile = fit(np.where(CHANCE.random(N) < 0.1, -999.0, SCORE))
    assert any(note.startswith("-999 in ") and "--na=-999" in note for note in profile.notes["c"])


def test_seconds_since_the_epoch_without_time_are_noted_and_stay() -> None:
    profile = fit(CHANCE.integers(1_500_000_000, 1_700_000_000, N))
    assert not profile.left_out
    assert profile.notes["c"] == ("could be seconds since the epoch: if so, take it as --time or --exclude it",)


def test_the_texts_of_a_column_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from driftmeter.data import columns

    decoded = []
    plain = columns.column_of

    def counted(series: Any) -> Any:
        decoded.append(series.name)
        return plain(series)

    monkeypatch.setattr(columns, "column_of", counted)
    frame = pd.DataFrame(
        {"x": SCORE, "t": [str(value) for value in SCORE[:-9]] + ["?"] * 9, "c": ["a", "b"] * (N // 2)}
    )
    profile = Profile.fit(frame, model="m")
    assert profile.notes["t"] == ("9 values are no numbers ('?'): unreadable",)
    assert sorted(decoded) == ["c", "t", "x"]
