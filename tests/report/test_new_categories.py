from __future__ import annotations

import polars as pl
import pytest

from driftmeter.profile.profile import Profile
from driftmeter.report import batch, compare, new_categories

CITIES = ["Ulm"] * 600 + ["Bonn"] * 300 + ["Jena"] * 100


def why(profile: Profile, frame: pl.DataFrame, feature: str) -> str:
    (told,) = [judged.why for judged in compare(profile, frame).verdict.features if judged.feature == feature]
    return told


@pytest.mark.parametrize("block", [97, 100_000])
def test_a_report_names_new_and_vanished_categories_however_it_is_read(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_BLOCK", block)
    profile = Profile.fit(pl.DataFrame({"city": CITIES}), model="m")
    cities = [*["Ulm"] * 500, *["Bonn"] * 250, *["Rom", "Wien"] * 60, "Graz", "Oslo", "Rom", None]
    assert why(profile, pl.DataFrame({"city": cities}), "city") == (
        "Categories never seen before rose from 0 % to 14.1 % of the rows ('Rom' 7.0 %, 'Wien' 6.9 %, 'Graz' 0.1 % and "
        "1 more), 'Jena' 10.0 % vanished, over 874 rows."
    )


@pytest.mark.parametrize("values", [[1, 2] * 300, [1.5, 2.5] * 300, ["1", "2"] * 300])
def test_numbers_that_are_categories_are_named_as_the_profile_writes_them(values: list[object]) -> None:
    profile = Profile.fit(pl.DataFrame({"code": values}), model="m", kinds={"code": "categorical"})
    now = pl.DataFrame({"code": values + [type(values[0])(7)] * 200})  # type: ignore[call-arg]  # int, float or str
    assert "('7' 25.0 %)" in why(profile, now, "code")


def test_of_many_new_categories_the_first_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_categories, "MOST_COUNTED", 5)
    profile = Profile.fit(pl.DataFrame({"city": CITIES}), model="m")
    now = pl.DataFrame({"city": [*CITIES[:700], *(f"new {number}" for number in range(300))]})
    assert "('new 0' 0.1 %, 'new 1' 0.1 %, 'new 2' 0.1 % and 2 more)" in why(profile, now, "city")


def test_columns_of_mostly_new_values_are_left_out_as_in_live_traffic() -> None:
    names = [f"id {number}" for number in range(500)] * 2 + [f"once {number}" for number in range(400)]
    profile = Profile.fit(pl.DataFrame({"name": names}), model="m", kinds={"name": "categorical"})
    now = pl.DataFrame({"name": ["private"] * 600 + names[:600]})
    assert "never seen before rose" in why(profile, now, "name")
    assert "private" not in why(profile, now, "name")
