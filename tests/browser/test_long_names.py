"""Names of a thousand characters, and models of which nothing is known yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.browser.rig import Columns, PageServer, Traffic, profile_of
from tests.support.waiting import eventually

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
LONG = "long" * 250


def draw(rng: np.random.Generator, rows: int, drift: bool) -> Columns:
    return {LONG: rng.normal(9 if drift else 0, 1, rows), "city": rng.choice([LONG, "Ulm"], rows)}


@pytest.fixture(scope="module", autouse=True)
def drifted(server: PageServer) -> None:
    profile = profile_of(draw, LONG)
    server.engine.register(profile)
    traffic = Traffic(server.url, profile, draw)
    traffic.drift = True
    eventually(lambda: server.of(LONG, "/verdict")["incidents_open"], "an incident opens")
    traffic.end()
    server.engine.register(profile_of(draw, "no rows yet"))


@pytest.mark.parametrize("width", [360, 800, 1440])
def test_a_long_name_makes_no_view_wider_than_the_window(
    server: PageServer, open_page: Callable[..., Any], width: int
) -> None:
    page = open_page(server.url, width=width)
    model = f"/ui/{LONG}"
    views = (model, f"{model}/incidents", f"{model}/profile", f"{model}/features/{LONG}", f"{model}/features/city")
    for path in ("/", "/ui/no%20rows%20yet", *views):
        page.goto(server.url + path)
        expect(page.locator("h1").first).to_be_visible()
        if path != "/":
            expect(page.locator("header select, .top select")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path[:60]


def test_the_list_says_all_right_only_of_models_that_were_judged(
    server: PageServer, open_page: Callable[..., Any]
) -> None:
    page = open_page(server.url)
    row = page.locator("tbody tr", has_text="no rows yet")
    expect(row).to_contain_text("too few rows")
    expect(row).not_to_contain_text("nothing")
    name, what = (
        page.locator("tbody th").first.bounding_box(),
        page.locator("tbody td:nth-child(4)").first.bounding_box(),
    )
    assert name["width"] <= 340 < what["width"]
