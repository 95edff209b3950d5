"""Reports: the page as one file, opened from disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.profile.profile import Profile
from driftmeter.report import Report, compare
from tests.browser.rig import profile_of, weather

ROWS = 3_000
NASTY = "<script>alert(1)</script></script><img src=x onerror=alert(1)>\u2028&quot;\"'`${1}"


def frame(shift: float = 0.0) -> pl.DataFrame:
    numbers = [(row * 7919) % ROWS / ROWS for row in range(ROWS)]
    return pl.DataFrame(
        {
            "income": [3000 + 500 * number + shift for number in numbers],
            "city": [("Ulm", "Bonn", "Köln")[row % 3] for row in range(ROWS)],
            NASTY: [NASTY if row % 5 == 0 else "b" for row in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def report() -> Report:
    profile = Profile.fit(frame(), model="credit", independent=True)
    return compare(profile, frame(200.0).with_columns(city=pl.lit("Jena"), extra=pl.lit(1)))


@pytest.fixture
def saved(report: Report, tmp_path: Path) -> str:
    (tmp_path / "report.html").write_text(report.to_html(), encoding="utf-8")
    return (tmp_path / "report.html").as_uri()


@pytest.fixture
def asked(open_page: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a file, and asserts at the end that nothing else was asked for."""
    requests: list[str] = []

    def opened(address: str, **options: Any) -> Any:
        page = open_page("about:blank", **options)
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        return page

    yield opened
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert sum(url.startswith("file:") for url in requests) >= 1


def test_a_report_opens_from_disk_and_says_what_drifts(saved: str, asked: Callable[..., Any], report: Report) -> None:
    page = asked(saved)
    page.get_by_role("heading", name="credit: major drift").wait_for()
    assert page.get_by_text(report.notes[0]).is_visible()
    verdict = {one["feature"]: one for one in report.to_json()["features"]}
    row = page.get_by_role("row").filter(has_text="income")
    assert verdict["income"]["change"]["text"] in row.inner_text()
    assert page.locator("dl.facts data").first.get_attribute("value") == str(ROWS)
    row.get_by_role("link").first.click()
    page.get_by_role("heading", name="income: major drift", exact=True).wait_for()
    assert "/features/income" in page.url
    assert page.get_by_role("heading", name="What each test says").is_visible()
    assert page.get_by_role("heading", name="Over time").count() == 0
    page.go_back()
    page.get_by_role("heading", name="credit: major drift").wait_for()
    page.get_by_role("link", name="Profile").click()
    page.get_by_text("Reference").first.wait_for()


def test_new_categories_are_named_and_names_are_text(saved: str, asked: Callable[..., Any]) -> None:
    page = asked(f"{saved}#/ui/credit/features/city")
    page.get_by_text("Jena").first.wait_for()
    page.goto("about:blank")
    page.goto(saved)
    page.get_by_text(NASTY.replace("\u2028", " ")[:24]).first.wait_for()
    assert page.locator("img").count() == 0


def test_the_file_is_small_and_fetches_nothing(report: Report) -> None:
    text = report.to_html()
    assert len(text) < 500_000
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "<script>alert" not in text


def test_the_kind_of_change_stands_out_and_is_said_once(asked: Callable[..., Any], tmp_path: Path) -> None:
    drifted = pl.DataFrame(weather(np.random.default_rng(2), 5_000, True))
    report = compare(profile_of(weather, "flights"), drifted)
    (tmp_path / "report.html").write_text(report.to_html(), encoding="utf-8")
    known = next(one for one in report.to_json()["features"] if one["feature"] == "temp")
    assert "°F → °C" in known["change"]["text"]
    page = asked((tmp_path / "report.html").as_uri() + "#/ui/flights/features/temp")
    summary = page.locator(".hero .summary")
    summary.wait_for()
    assert summary.inner_text() == known["why"]
    assert summary.locator("strong").inner_text().casefold() == known["change"]["text"].casefold()
