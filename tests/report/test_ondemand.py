from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.report import Report, compare, render_html
from driftmeter.report.bars import MOST_BARS, NumberBars, bars_of, chart_bars
from driftmeter.report.chart import chart
from driftmeter.report.page import FEWEST_DRAWN, MOST_DRAWN

XHTML = "{http://www.w3.org/1999/xhtml}"
CHROMIUM = shutil.which("chromium")


def table(features: int, rows: int, seed: int) -> pl.DataFrame:
    """Numbers that are even, skewed with missing ones, and counted; and categories, few and many."""
    rng = np.random.default_rng(seed)
    many = ["red", "<b>&amp;", "größer als alles andere", *(f"city {number}" for number in range(20))]
    makers: list[Callable[[], Any]] = [
        lambda: rng.normal(20_000, 1, rows),
        lambda: np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(0, 1, rows)),
        lambda: rng.poisson(3, rows),
        lambda: rng.choice(many, rows),
        lambda: rng.random(rows) < 0.3,
    ]
    return pl.DataFrame({f"f{number:04} <i>": makers[number % len(makers)]() for number in range(features)})


def report_of(features: int, changed: int = 0, rows: int = 1200) -> Report:
    reference = table(features, rows, seed=1)
    profile = Profile.fit(reference, model="wide", independent=True, residuals=False)
    live = table(features, rows, seed=2)
    return compare(profile, live.with_columns(pl.lit(None).alias(name) for name in live.columns[:changed]))


@pytest.fixture(scope="module")
def wide() -> Report:
    return report_of(3_000, changed=3, rows=600)


@pytest.fixture(scope="module")
def wide_page(wide: Report) -> str:
    return wide.to_html()


def packed(page: str) -> list[Any]:
    script = re.search(r'<script type="text/plain" id="bars">(.*?)</script>', page)
    assert script is not None
    content: list[Any] = json.loads(zlib.decompress(base64.b64decode(script[1])))
    return content


def test_a_page_of_thirty_features_draws_all_of_them_and_needs_no_script() -> None:
    page = report_of(FEWEST_DRAWN).to_html()
    assert page.count("<svg ") == FEWEST_DRAWN
    assert "<script" not in page
    assert "script-src" not in page
    assert len(page.encode()) < 1_000_000


def test_a_page_of_three_thousand_features_is_small_and_names_all_of_them(wide: Report, wide_page: str) -> None:
    assert len(wide_page.encode()) < 3_500_000
    assert wide_page.count("<svg ") == FEWEST_DRAWN
    rows = [row for row in ElementTree.fromstring(wide_page).iter(f"{XHTML}th") if row.get("scope") == "row"]
    named = ["".join(next(row.iter(f"{XHTML}a"), next(row.iter(f"{XHTML}summary"), row)).itertext()) for row in rows]
    assert sorted(named) == [feature.name for feature in wide.profile.features]


def test_what_drifts_is_drawn_and_the_rest_says_why_without_a_script(wide: Report, wide_page: str) -> None:
    drawn = re.findall(r"<h3>(f\d+)", wide_page)
    drifting = {judged.feature[:5] for judged in wide.verdict.features if judged.drifting}
    assert len(drifting) >= 3
    assert drifting <= set(drawn)
    folded = list(ElementTree.fromstring(wide_page).iter(f"{XHTML}details"))
    why = {judged.feature: judged.why for judged in wide.verdict.features}
    assert len(folded) == 3_000 - FEWEST_DRAWN
    for row in folded:
        name = "".join(next(row.iter(f"{XHTML}summary")).itertext())
        assert why[name] in "".join(row.itertext())


def test_where_hundreds_drift_the_worst_are_drawn_and_the_others_counted() -> None:
    page = report_of(150, changed=130).to_html()
    assert page.count("<svg ") == MOST_DRAWN
    assert "The other 50 features, 30 of them drifting" in page


def test_the_data_of_a_row_are_the_bars_of_its_chart(wide: Report, wide_page: str) -> None:
    counts, content = wide.counts(), packed(wide_page)
    features = {feature.name: feature for feature in wide.profile.features}
    numbers = [int(number) for number in re.findall(r'<details data-chart="(\d+)"', wide_page)]
    assert numbers == list(range(len(content)))
    for name, was, now, *rest in content:
        bars = bars_of(features[name], counts[name])
        assert (was, now) == (600, 600)
        shown = [bar for group in rest[1:] for bar in group] if len(rest) > 2 else rest[0]
        assert sum(bar[1] for bar in shown) == 600
        assert sum(bar[2] for bar in shown) == 600
        expected = [(bar.label, round(600 * bar.reference), round(600 * bar.window)) for bar in bars]
        if len(rest) > 2:
            assert [tuple(bar) for bar in shown] == [bar for bar in expected if bar in set(map(tuple, shown))]
        assert set(map(tuple, shown)) - set(expected) <= {tuple(bar) for bar in shown if bar[0].endswith(" more")}


def test_values_that_hardly_differ_are_marked_with_the_digits_that_tell_them_apart() -> None:
    for values in ([20_000 + part / 100 for part in range(500)], [2013.25, 2013.5, 2013.75]):
        feature = Profile.fit(pl.DataFrame({"x": values}), model="m").features[0]
        drawn = chart_bars(feature, feature.counts)
        assert isinstance(drawn, NumberBars)
        marks = [mark.text for mark in drawn.marks]
        assert len(set(marks)) == len(marks) > 2


def test_a_feature_without_counts_opens_too(wide: Report) -> None:
    page = render_html(wide.profile, wide.verdict.to_json(), {})
    ElementTree.fromstring(page)
    assert "<script" not in page
    assert "<details><summary>" in page


def test_a_grid_of_many_bins_is_drawn_with_few() -> None:
    frame = pl.DataFrame({"x": np.random.default_rng(1).normal(0, 1, 20_000)})
    feature = Profile.fit(frame, model="fine", bins=1024).features[0]
    drawn = chart_bars(feature, feature.counts)
    assert isinstance(drawn, NumberBars)
    assert 32 <= len(drawn.core) <= MOST_BARS
    assert len({mark.text for mark in drawn.marks}) == 5
    assert sum(bar.reference for bar in drawn.core) == pytest.approx(1)
    assert len(chart(feature, feature.counts)) < 20_000


# --- as a browser draws it


def marks(svg: ElementTree.Element) -> list[tuple[str, dict[str, str], str]]:
    """All elements of a chart in order, without their namespaces."""
    return [
        (part.tag.rpartition("}")[2], {key.lower(): value for key, value in part.attrib.items()}, part.text or "")
        for part in svg.iter()
    ]


def same(one: str, other: str) -> bool:
    """Compare what both wrote: JavaScript rounds a half up, Python to the even digit."""
    numbers = r"\d+(?:\.\d+)?"
    wanted = [float(number) for number in re.findall(numbers, other)]
    return re.sub(numbers, "0", one) == re.sub(numbers, "0", other) and [
        float(number) for number in re.findall(numbers, one)
    ] == pytest.approx(wanted, abs=0.11)


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: scripts/debian.sh")
def test_a_row_that_is_opened_shows_the_chart_that_the_page_would_have_drawn(tmp_path: Path) -> None:
    report = report_of(45)
    page = report.to_html().replace("<details data-chart", "<details open='' data-chart")
    (tmp_path / "report.html").write_text(page)
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'chromium'}"),
            *("--virtual-time-budget=10000", "--dump-dom", (tmp_path / "report.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    features: dict[str, Feature] = {feature.name: feature for feature in report.profile.features}
    counts = report.counts()
    charts = re.findall(r"<details[^>]*><summary>(f\d{4}).*?(<svg.*?</svg>)</details>", done.stdout, re.DOTALL)
    assert len(charts) == 15
    for name, drawn in charts:
        feature = features[f"{name} <i>"]
        expected = marks(ElementTree.fromstring(chart(feature, counts[feature.name])))
        got = marks(ElementTree.fromstring(drawn))
        assert [tag for tag, _, _ in got] == [tag for tag, _, _ in expected]
        for (_, attributes, text), (_, wanted, words) in zip(got, expected, strict=True):
            assert set(attributes) == set(wanted)
            assert all(same(attributes[key], wanted[key]) for key in wanted)
            assert same(text, words)
