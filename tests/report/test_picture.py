from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.report import Report, compare
from driftmeter.report.picture import as_png

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<b>&\"']]>\x1b"


def frame(seed: int, **moved: Any) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    columns = {
        "income": chance.lognormal(8, 1, 4000),
        "age": chance.normal(40, 10, 4000),
        "children": chance.integers(0, 4, 4000),
        "city": chance.choice(["Ulm", "Bonn", NASTY], 4000),
        "hour": chance.integers(0, 24, 4000),
    }
    return pl.DataFrame({**columns, **moved})


@pytest.fixture(scope="module")
def report() -> Report:
    profile = Profile.fit(frame(1), model="credit", independent=True)
    changed = np.random.default_rng(2).choice(["Ulm", "Jena", NASTY], 4000)
    return compare(profile, frame(2, age=frame(2)["age"] + 15, city=changed))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_the_worst_feature_is_drawn_with_its_reason(report: Report) -> None:
    svg = report.to_svg()
    worst = next(one for one in report.verdict.features if one.feature == "city")
    assert texts(svg)[0] == "city: major drift"
    assert " ".join(texts(svg)).startswith(f"city: major drift {worst.why[:40]}")
    assert "new: Jena" in texts(svg)
    assert "<b>" not in svg
    assert "\x1b" not in svg


def test_the_areas_of_a_number_are_the_shares_of_its_rows(report: Report) -> None:
    tree = ElementTree.fromstring(report.to_svg("age"))
    paths = {path.get("fill"): path.get("d") or "" for path in tree.iter(f"{SVG}path")}
    areas = []
    for path in (paths["#c9ced6"], paths["none"]) if "V" in paths["none"] else (paths["#c9ced6"],):
        x, *steps = path.removeprefix("M").replace("V", " V").replace("H", " H").split()
        floor, at, area = float(steps[0]), float(x), 0.0
        for tall, across in zip(steps[1::2], steps[2::2], strict=False):
            area += (floor - float(tall[1:])) * (float(across[1:]) - at)
            at = float(across[1:])
        areas.append(area)
    assert areas[0] > 1_000
    assert all(area == pytest.approx(areas[0], rel=0.05) for area in areas)


@pytest.mark.parametrize("name", ["income", "age", "children", "city", "hour"])
def test_every_kind_of_feature_is_a_picture(report: Report, name: str) -> None:
    png = as_png(report.to_svg(name))
    assert png.startswith(b"\x89PNG")
    assert len(png) > 5_000


def test_an_unknown_feature_is_an_error_that_names_the_nearest(report: Report) -> None:
    with pytest.raises(InputError, match="such as income"):
        report.to_svg("incom")


def test_notebooks_show_a_report_and_a_profile_as_text_whatever_their_names(report: Report) -> None:
    for shown in (report._repr_html_(), report.profile._repr_html_()):
        assert "credit" in shown
        assert "<script" not in shown
        assert "<b>" not in shown
        ElementTree.fromstring(shown)
    assert report._repr_html_().count("<svg") == 2
