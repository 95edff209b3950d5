from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.rig import PageServer, Traffic, profile_of, weather

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
SLOW = 30_000
"""Some panes, on a busy machine, in ms."""


@pytest.fixture
def traffic(server: PageServer) -> Iterator[Traffic]:
    profile = profile_of(weather, "flights")
    server.engine.register(profile)
    traffic = Traffic(server.url, profile, weather)
    yield traffic
    traffic.end()
    server.engine.delete("flights")


def test_the_page_goes_red_while_one_looks_and_names_the_cause_first(
    server: PageServer, traffic: Traffic, open_page: Callable[..., Any]
) -> None:
    page = open_page(server.url)
    expect(page.locator("h1")).to_have_text("flights: all right", timeout=SLOW)
    expect(page.locator(".fresh")).to_have_text("live")
    page.evaluate("window.untouched = true")
    traffic.drift = True
    expect(page.locator("h1")).to_have_text("flights: major drift", timeout=SLOW)
    expect(page.locator(".summary")).to_contain_text("temp")
    expect(page.locator("tbody tr").first).to_have_attribute("data-feature", "temp")
    expect(page.locator("tbody tr").first.locator(".is")).to_have_text("major drift")
    expect(page.locator("tbody tr").first.locator(".since")).to_contain_text(re.compile("just now|ago"))
    assert page.title().startswith("▲ flights: major drift")
    assert page.evaluate("window.untouched"), "the page was loaded anew"


def test_a_connection_that_breaks_is_said_and_comes_back_by_itself(
    server: PageServer, traffic: Traffic, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{server.url}/ui/flights")
    fresh = page.locator(".fresh")
    expect(fresh).to_have_text("live", timeout=SLOW)
    window = page.locator(".facts dd", has_text="rows in").locator("data")
    server.stop()
    expect(fresh).to_have_text("connection lost, trying again", timeout=SLOW)
    expect(page.locator("tbody tr")).not_to_have_count(0)  # what was known is still shown
    before = window.get_attribute("value")
    server.start()
    expect(fresh).to_have_text("live", timeout=SLOW)
    expect(window).not_to_have_attribute("value", before or "", timeout=SLOW)


def test_data_that_stops_is_said_to_be_stale(
    server: PageServer, traffic: Traffic, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{server.url}/ui/flights")
    expect(page.locator(".fresh")).to_have_text("live", timeout=SLOW)
    traffic.end()
    expect(page.locator(".fresh")).to_contain_text("no rows for", timeout=60_000)
    expect(page.locator(".fresh")).to_have_attribute("role", "status")
