"""What the views show of a model that has drifted and gets no more rows, so that nothing moves."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import urlopen

import pytest

from driftmeter.timestamps import HOUR, iso, parse_time
from tests.browser.rig import PANE, PageServer, Traffic, profile_of, weather
from tests.support.waiting import eventually

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
AXE = gzip.decompress((Path(__file__).parent / "axe/axe.min.js.gz").read_bytes()).decode()
OVERVIEW = "/ui/flights"
FEATURE = "/ui/flights/features/temp"


@pytest.fixture(scope="module", autouse=True)
def drifted(server: PageServer) -> None:
    profile = profile_of(weather, "flights")
    server.engine.register(profile)
    traffic = Traffic(server.url, profile, weather)
    eventually(lambda: server.of("flights", "/verdict")["rows"] > 2000, "rows come")
    traffic.drift = True
    eventually(lambda: server.of("flights", "/verdict")["incidents_open"], "an incident opens")

    def steps() -> int:
        hour_ago = iso(server.engine.now() - HOUR)
        return sum(map(bool, server.of("flights", f"/features/temp/timeline?from={hour_ago}&points=400")["rows"]))

    eventually(lambda: steps() >= 3, "there is a past to go back to", seconds=60)
    traffic.end()

    def settled() -> bool:
        known = server.of("flights", "/overview")
        return bool(parse_time(known["closed"]) - parse_time(known["window"]["end"]) > 4 * PANE)

    eventually(settled, "the last pane with rows is closed")


@pytest.fixture
def views(server: PageServer) -> list[str]:
    incident = server.of("flights", "/incidents")["incidents"][0]["id"]
    return ["/", OVERVIEW, FEATURE, "/ui/flights/features/carrier", "/ui/flights/incidents",
            f"/ui/flights/incidents/{incident}", "/ui/flights/profile"]  # fmt: skip


def values(place: Any, selector: str) -> list[str | None]:
    """The numbers as the page holds them, of all elements."""
    found: list[str | None] = place.locator(selector).evaluate_all("all => all.map(one => one.getAttribute('value'))")
    return found


def same(shown: str | None, known: float | None) -> bool:
    return (shown is None and known is None) or (shown is not None and known is not None and float(shown) == known)


def test_every_number_of_the_overview_is_the_api_s(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + OVERVIEW)
    expect(page.locator("tbody tr").first).to_be_visible()
    known = server.of("flights", "/overview")
    facts = {text: page.locator(".facts div", has_text=text).locator("data") for text in ("Window", "Coverage")}
    assert float(facts["Window"].get_attribute("value")) == known["rows"]
    assert float(facts["Coverage"].get_attribute("value")) == known["coverage"]
    shown = page.locator("tbody tr")
    assert shown.count() == len(known["features"]) - sum(bool(one["follows"]) for one in known["features"])
    for one in known["features"]:
        row = page.locator(f'tbody tr[data-feature="{one["feature"]}"]')
        if not row.count():
            continue
        assert same(row.locator("data.evidence").get_attribute("value"), one["evidence"])
        assert same(row.locator("data.effect").get_attribute("value"), one["effect"])
        if one["since"]:
            assert row.locator("time").get_attribute("datetime") == one["since"]


def test_every_number_of_a_feature_is_the_api_s(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + FEATURE)
    expect(page.locator(".scores tbody tr").first).to_be_visible()
    known = server.of("flights", "/features/temp")
    assert values(page, ".facts data.evidence") == [str(known["evidence"])]
    assert values(page, ".facts data.effect") == [str(known["effect"])]
    for shown, score in zip(values(page, ".scores data"), known["scores"], strict=True):
        assert same(shown, score["statistic"]), score["test"]
    shape = known["shape"]
    expect(page.locator(".keys").first).to_contain_text(f"reference, {shape['reference_rows']:,} rows")
    expect(page.locator(".keys").first).to_contain_text(f"now, {shape['now_rows']:,} rows")
    shares = [count / total for one in shape["apart"] for count, total in
              ((one["reference"], shape["reference_rows"]), (one["now"], shape["now_rows"]))]  # fmt: skip
    assert [float(shown or "nan") for shown in values(page, ".apart data")] == pytest.approx(shares)
    titles = page.locator(".chart .hit title").all_text_contents()
    assert len(titles) >= len(shape["edges"]) - 3
    page.get_by_role("button", name="Difference").click()
    expect(page.locator(".chart .more")).to_have_count(1)
    page.get_by_role("button", name="Quantiles").click()
    expect(page.locator(".chart .dot")).to_have_count(len(shape["quantiles"]["levels"]))


def test_the_slider_goes_back_to_the_window_of_a_time(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + FEATURE)
    slider = page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", "now")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("button", name="Back to now")).to_be_visible()
    assert "?at=20" in page.url
    # ten seconds from one place to the next: minutes alone would not tell them apart
    assert re.match(r"(yesterday )?\d\d:\d\d:\d\d GMT", slider.get_attribute("aria-valuetext"))
    known = server.get("/v1/models/flights/features/temp?" + page.url.partition("?")[2])
    rows = known["shape"]["now_rows"]
    assert rows < server.of("flights", "/features/temp")["shape"]["now_rows"]
    expect(page.locator(".card .keys").first).to_contain_text(f"then, {rows:,} row")
    again = open_page(page.url)
    expect(again.locator(".card .keys").first).to_contain_text(f"then, {rows:,} row")
    at = parse_time(parse_qs(urlsplit(page.url).query)["at"][0])
    linked = open_page(f"{server.url}{FEATURE}?at={at}")  # in milliseconds, as Grafana links to it
    expect(linked.locator(".card .keys").first).to_contain_text(f"then, {rows:,} row")
    page.get_by_role("button", name="Back to now").click()
    expect(slider).to_have_attribute("aria-valuetext", "now")
    assert page.url == server.url + FEATURE


def test_the_past_is_drawn_from_the_trends_and_the_timeline(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + OVERVIEW)
    row = page.locator('tbody tr[data-feature="temp"]')
    expect(row.locator(".spark .alarms")).to_have_count(1)
    expect(row.locator(".density .now")).to_have_count(1)
    expect(page.locator(".strip .run.drifting")).to_have_count(1)  # of an hour: 30 days would show no more
    expect(page.locator(".strip .incident")).to_have_count(1)
    page.goto(server.url + FEATURE)
    titles = page.locator(".plot-title strong")
    expect(titles).to_have_text(["Values", "Evidence", "Effect", "Out of range", "Rows"])
    known = server.of("flights", "/features/temp/timeline")
    hour_ago = iso(server.engine.now() - HOUR)
    finer = server.of("flights", f"/features/temp/timeline?from={hour_ago}&points=400")
    outside = [share for share in finer["outside"] if share is not None][-1]
    assert page.locator(".plot").nth(3).get_attribute("aria-label").endswith(f"last {100 * outside:.1f} %")
    last = [value for value in known["evidence"] if value is not None][-1]
    label = page.locator(".plot.evidence").get_attribute("aria-label")
    assert label.endswith(f"last +{last:.0f}")


def test_times_are_in_the_zone_of_the_reader_which_is_named(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + FEATURE)
    since = page.locator(".hero time")
    expect(since).to_contain_text("GMT+5:45")
    assert since.get_attribute("datetime").endswith("Z")
    assert since.get_attribute("title").endswith("GMT+5:45")


def test_deep_links_and_the_back_button_lead_to_views(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + OVERVIEW)
    page.get_by_role("link", name="carrier").click()
    expect(page.locator("h1")).to_have_text("carrier: all right")
    assert page.url == f"{server.url}/ui/flights/features/carrier"
    page.get_by_role("link", name="Incidents").click()
    expect(page.locator("h1")).to_have_text("1 open incident")
    page.get_by_role("link", name="Details", exact=True).click()
    expect(page.locator(".members tbody tr").first).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.locator("h1")).to_have_text("carrier: all right")
    page.go_back()
    expect(page.locator("h1")).to_have_text("flights: major drift")
    page.go_forward()
    expect(page.locator("h1")).to_have_text("carrier: all right")
    page.reload()
    expect(page.locator("h1")).to_have_text("carrier: all right")


def test_search_filter_and_sorting_are_in_the_address(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + OVERVIEW)
    rows = page.locator("tbody tr")
    page.get_by_role("button", name="Drifting").click()
    page.get_by_label("Sort").select_option("name")
    drifting = sorted(
        one["feature"] for one in server.of("flights", "/overview")["features"] if one["state"] == "drifting"
    )
    expect(rows).to_have_count(len(drifting))
    shown = rows.evaluate_all("all => all.map(one => one.dataset.feature)")
    assert shown == drifting
    again = open_page(page.url)
    expect(again.locator("tbody tr")).to_have_count(len(drifting))
    assert again.locator("tbody tr").evaluate_all("all => all.map(one => one.dataset.feature)") == drifting


def test_the_keyboard_alone_finds_opens_and_leaves_a_feature(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + OVERVIEW)
    expect(page.locator("tbody tr").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("hour")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("tbody tr")).not_to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("tbody tr").first.locator("a[data-row]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("temp: major drift")
    page.keyboard.press("Escape")
    expect(page.locator("h1")).to_have_text("flights: major drift")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("search features")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_incident_is_acknowledged_from_the_page(server: PageServer, open_page: Callable[..., Any]) -> None:
    incident = server.of("flights", "/incidents")["incidents"][0]["id"]
    page = open_page(f"{server.url}/ui/flights/incidents/{incident}")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Note").fill("<b>Marta</b> looks at it")
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".seen")).to_contain_text("“<b>Marta</b> looks at it”")
    assert server.of("flights", "/incidents")["incidents"][0]["acknowledged"]["note"] == "<b>Marta</b> looks at it"


def test_a_drift_is_expected_from_the_page_and_no_longer(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{server.url}/ui/flights/features/temp%20given%20the%20rest")
    page.get_by_role("button", name="Expect this").click()
    page.get_by_label("For").select_option("6h")
    page.get_by_label("Why").fill("a new sensor")
    page.get_by_role("dialog").get_by_role("button", name="Expect").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    (mark,) = server.of("flights", "/expected")["expected"]
    assert (mark["feature"], mark["note"]) == ("temp given the rest", "a new sensor")
    page.get_by_role("link", name="Overview").click()
    expect(page.locator(".marks")).to_contain_text("temp given the rest")
    page.get_by_role("button", name="Expect no longer").click()
    expect(page.locator(".marks")).to_have_count(0)
    assert server.of("flights", "/expected")["expected"] == []


def test_a_feature_is_normal_now_from_the_page(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{server.url}/ui/flights/features/dewp%20given%20the%20rest")
    page.get_by_role("button", name="This is normal now").click()
    page.get_by_role("button", name="Do not page for it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    settings = server.of("flights", "/settings")
    assert settings["features"] == {"dewp given the rest": {"pages": False}}


def test_what_the_server_refuses_is_said_in_its_words(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + FEATURE)
    refusal = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "ask the platform team"}
    page.route("**/expected", lambda route: route.fulfill(status=403, body=json.dumps(refusal)))
    page.get_by_role("button", name="Expect this").click()
    page.get_by_role("dialog").get_by_role("button", name="Expect").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(
        "You may not do that here: ask the platform team"
    )


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)])
def test_axe_finds_nothing_serious(
    server: PageServer, views: list[str], open_page: Callable[..., Any], scheme: str, width: int
) -> None:
    page = open_page(server.url, width=width, scheme=scheme)
    for view in views:
        page.goto(server.url + view)
        expect(page.locator("h1").first).to_be_visible()
        page.wait_for_timeout(1000)  # until everything is drawn
        page.evaluate(AXE)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious] == [], view


def test_nothing_is_wider_than_a_narrow_screen(
    server: PageServer, views: list[str], open_page: Callable[..., Any]
) -> None:
    page = open_page(server.url, width=360)
    for view in views:
        page.goto(server.url + view)
        expect(page.locator("h1").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view


def test_the_page_asks_nobody_but_its_server(
    server: PageServer, views: list[str], open_page: Callable[..., Any]
) -> None:
    page = open_page(server.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for view in views:
        page.goto(server.url + view)
        expect(page.locator("h1").first).to_be_visible()
    assert len(asked) > len(views)
    assert [url for url in asked if not url.startswith((server.url, "data:"))] == []


def test_a_theme_is_chosen_and_remembered(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url)

    def background() -> str:
        colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return colour

    bright = background()
    page.get_by_role("button", name="Colours: auto").click()
    page.get_by_role("button", name="Colours: light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = background()
    assert dark != bright
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert background() == dark


def test_what_is_not_there_is_said(server: PageServer, open_page: Callable[..., Any]) -> None:
    for address in ("/ui/nobody", f"/ui/flights/features/{quote('no such', safe='')}"):
        page = open_page("data:text/html,")
        page.goto(server.url + address)
        expect(page.get_by_role("alert")).to_be_visible()


def test_a_server_saves_what_its_page_shows_as_a_file(
    server: PageServer, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    with urlopen(f"{server.url}/v1/models/flights/report") as answer:
        (tmp_path / "report.html").write_bytes(answer.read())
    page = open_page((tmp_path / "report.html").as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text("flights: major drift")
    shown = server.of("flights", "/overview")
    assert page.locator("dl.facts data").nth(1).get_attribute("value") == str(shown["rows"])
    page.get_by_role("table").get_by_role("link", name="temp", exact=True).click()
    expect(page.get_by_role("heading", name="Over time")).to_be_visible()
    assert page.get_by_role("slider").count() == 0
    assert page.get_by_role("button", name="Expect this").count() == 0
    page.get_by_role("link", name="Incidents").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 open incident")


def test_figures_do_not_run_into_each_other_on_a_phone(server: PageServer, open_page: Callable[..., Any]) -> None:
    page = open_page(server.url + OVERVIEW, width=360)
    expect(page.locator("tbody tr").first).to_be_visible()
    cells = page.locator(".rows td.much, .rows td.sure")
    assert cells.count() > 6
    assert (
        cells.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)")
        == []
    )
