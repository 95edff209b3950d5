"""Names from users are text and nothing else, wherever they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from tests.browser.rig import Columns, PageServer, Traffic, profile_of
from tests.support.waiting import eventually

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
MODEL = "<img src=x onerror=window.done=1>"
NUMBER = '"><script>window.done=1<&#47;script><b title="'
CATEGORY = "javascript:window.done=1//'\"`${window.done=1}"
EVIL = "</script><svg onload=window.done=1>"
NEW = "<iframe srcdoc='<script>top.done=1</script>'>"


def draw(rng: np.random.Generator, rows: int, drift: bool) -> Columns:
    names = [EVIL, "__proto__", "constructor", "&lt;b&gt;"]
    return {
        NUMBER: rng.normal(1e9 if drift else 0, 1, rows),
        CATEGORY: rng.choice([NEW, EVIL] if drift else names, rows),
        "__proto__": rng.normal(0, 1, rows),
        "a/b?c#d%2F..": rng.normal(0, 1, rows),
    }


@pytest.fixture(scope="module", autouse=True)
def drifted(server: PageServer) -> Iterator[None]:
    profile = profile_of(draw, MODEL)
    server.engine.register(profile)
    traffic = Traffic(server.url, profile, draw)
    traffic.drift = True
    eventually(lambda: server.of(MODEL, "/verdict")["incidents_open"], "an incident opens")
    incident = server.of(MODEL, "/incidents")["incidents"][0]["id"]
    server.engine.acknowledge(MODEL, incident, NEW)
    server.engine.expect(MODEL, "__proto__", server.engine.now() + 3_600_000, EVIL)
    yield
    traffic.end()


def elements(page: Any) -> set[str]:
    found = page.evaluate("[...document.querySelectorAll('body *')].map(one => one.localName)")
    return set(found)


def check(page: Any) -> None:
    """Nothing ran, and no element is there that the page does not make; conftest watches the security policy."""
    assert page.evaluate("window.done") is None
    assert elements(page) & {"img", "script", "iframe", "b", "object", "embed", "style"} == set()
    links = page.evaluate("[...document.links].map(one => one.protocol)")
    assert set(links) == {"http:"}
    assert page.evaluate("({}).polluted") is None


def test_names_do_nothing_in_any_view(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url)
    expect(page.locator("h1")).to_contain_text(MODEL)
    expect(page.locator(".marks")).to_contain_text(EVIL)
    check(page)
    incident = server.of(MODEL, "/incidents")["incidents"][0]["id"]
    model = quote(MODEL, safe="")
    for path, text in [
        (f"/ui/{model}/incidents", MODEL),
        (f"/ui/{model}/incidents/{incident}", NEW),
        (f"/ui/{model}/profile", CATEGORY),
        (f"/ui/{model}?q={quote(EVIL, safe='')}", MODEL),
    ]:
        page.goto(server.url + path)
        expect(page.get_by_text(text).first).to_be_attached()
        check(page)


@pytest.mark.parametrize("feature", [NUMBER, CATEGORY, "__proto__", "a/b?c#d%2F.."])
def test_a_link_to_a_feature_leads_there_whatever_its_name(
    server: PageServer, open_page: Callable[..., Any], feature: str
) -> None:
    page = open_page(server.url)
    page.locator("a[data-row]").get_by_text(feature, exact=True).click()
    expect(page.locator("h1")).to_contain_text(feature)
    expect(page.locator(".scores tbody tr").first).to_be_visible()
    page.reload()
    expect(page.locator("h1")).to_contain_text(feature)
    expect(page.locator(".scores tbody tr").first).to_be_visible()
    check(page)


def test_new_categories_are_shown_by_their_text(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{server.url}/ui/{quote(MODEL, safe='')}/features/{quote(CATEGORY, safe='')}")
    expect(page.locator(".chart")).to_contain_text("__proto__")
    expect(page.locator(".new")).to_contain_text(NEW)
    check(page)
