from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import polars as pl
import pytest

from driftmeter.engine.engine import Engine
from driftmeter.page.buckets import Buckets
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.server.documents.documents import Documents, Span
from driftmeter.server.problems import NotFoundError
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.store.records import AddRows
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import DAY, HOUR, MINUTE, iso, parse_time
from driftmeter.types import JSON
from tests.support.clocks import SetClock, SetStopwatch

START = 1_700_000_000_000 // DAY * DAY
ALL_DAY = Span(None, None, 96)


class Traffic:
    """A model `shop` with the features `x` and `c`, and what sends rows to it."""

    def __init__(self) -> None:
        self.chance = np.random.default_rng(1)
        frame = pl.DataFrame({"x": self.chance.normal(0, 1, 2_000), "c": self.chance.choice(["a", "b"], 2_000)})
        self.clock = SetClock(START)
        self.store = SQLiteStore(None, clock=self.clock)
        self.engine = Engine(self.store, timing=Timing(10_000, 0))
        self.engine.register(Profile.fit(frame, model="shop", independent=True))
        self.documents = Documents(self.engine)
        self.total = 0

    def send(self, rows: int = 20, shift: float = 0.0) -> None:
        """Send rows of the last pane, close it, and fold it."""
        compiled = self.engine.compiled("shop")
        columns = {"x": self.chance.normal(shift, 1, rows), "c": self.chance.choice(["a", "b"], rows).tolist()}
        read, _, _ = compiled.reader.read_columns(columns)
        parts = self.engine.sort_rows(compiled, read, times=self.clock.now)
        self.total += rows
        totals = SourceTotals(self.total, self.total)
        self.store.commit([AddRows("shop", compiled.profile.digest, "host", parts, totals)])
        self.clock.now += 10_000
        assert self.engine.advance("shop")

    def pass_time(self, length: int, every: int, shift: float = 0.0) -> None:
        """Send rows again and again for some time."""
        for _ in range(length // every):
            self.send(shift=shift)
            self.clock.now += every - 10_000

    def all_documents(self, documents: Documents) -> dict[str, JSON]:
        """Return every document, without what depends on the moment of the request."""
        overview = documents.overview("shop")
        return {
            "overview": {key: value for key, value in overview.items() if key not in ("at", "rows_per_second")},
            "trends": msgspec.json.decode(msgspec.json.encode(documents.trends("shop", ALL_DAY))),
            "minutes": documents.timeline("shop", "x", Span(self.clock.now - HOUR, None, 200)),
            "day": documents.timeline("shop", "c", Span(None, None, 200)),
            "week": documents.timeline("shop", "x", Span(self.clock.now - 7 * DAY, None, 200)),
        }


@pytest.fixture
def traffic() -> Iterator[Traffic]:
    traffic = Traffic()
    yield traffic
    traffic.store.close()


def test_a_server_that_has_read_much_answers_as_one_that_has_just_started(traffic: Traffic) -> None:
    for length, every, shift in (
        (2 * HOUR, 10 * MINUTE, 0.0),
        (23 * HOUR, 30 * MINUTE, 0.0),
        (20 * MINUTE, 20_000, 3.0),
        (40 * MINUTE, 100_000, 3.0),
        (2 * HOUR, 10 * MINUTE, 0.0),
        (3 * HOUR, 3 * HOUR, 0.0),
        (10 * MINUTE, 10_000, 0.0),
    ):
        traffic.pass_time(length, every, shift)
        assert traffic.all_documents(traffic.documents) == traffic.all_documents(Documents(traffic.engine))


def test_another_server_forgets_what_it_read_of_a_model_that_is_deleted(traffic: Traffic) -> None:
    engine = Engine(traffic.store, timing=Timing(10_000, 0))
    documents, stopwatch = Documents(engine), SetStopwatch()
    evaluator = Evaluator(engine, stopwatch=stopwatch, on_deleted=documents.forget)
    evaluator.round()
    traffic.pass_time(2 * HOUR, 10 * MINUTE)
    traffic.all_documents(documents)
    profile = traffic.engine.compiled("shop").profile
    traffic.engine.delete("shop")
    stopwatch.now += 1
    evaluator.round()
    traffic.engine.register(profile)
    traffic.total = 0
    traffic.send(20)
    assert sum(documents.overview("shop")["hours"]["rows"]) == 20
    assert documents.timeline("shop", "x", ALL_DAY) == Documents(engine).timeline("shop", "x", ALL_DAY)


def test_the_numbers_are_those_of_the_verdict(traffic: Traffic) -> None:
    traffic.pass_time(HOUR, 10 * MINUTE)
    traffic.pass_time(10 * MINUTE, MINUTE, shift=2.0)
    verdict = msgspec.json.decode(traffic.engine.verdict("shop"))
    overview = traffic.documents.overview("shop")
    assert [overview[key] for key in ("state", "rows", "window", "profile")] == [
        verdict[key] for key in ("state", "rows", "window", "profile")
    ]
    assert overview["incidents"] == traffic.engine.incidents("shop")
    x = overview["features"][0]
    assert (x["feature"], x["state"]) == ("x", "drifting")
    trends = traffic.documents.trends("shop", ALL_DAY)["features"]
    timeline = traffic.documents.timeline("shop", "x", Span(None, None, 200))
    for one in verdict["features"]:
        shown = next(feature for feature in overview["features"] if feature["feature"] == one["feature"])
        assert {key: shown[key] for key in ("evidence", "effect", "since", "why", "severity", "state")} == {
            key: one[key] for key in ("evidence", "effect", "since", "why", "severity", "state")
        }
        trend = trends[one["feature"]]
        assert (trend["evidence"][-1], trend["drifting"][-1]) == (one["evidence"], int(one["drifting"]))
        assert trend["effect"][-1] == pytest.approx(one["effect"], abs=1e-6)
    assert timeline["evidence"][-1] == verdict["features"][0]["evidence"]
    assert overview["since"] == verdict["features"][0]["since"]
    assert sum(overview["hours"]["rows"]) == sum(overview["days"]["rows"]) == sum(timeline["rows"]) == traffic.total


def test_the_strips_show_when_it_drifted_and_what_was_open(traffic: Traffic) -> None:
    traffic.pass_time(HOUR, 5 * MINUTE)
    traffic.pass_time(30 * MINUTE, MINUTE, shift=3.0)
    (incident,) = traffic.engine.incidents("shop")
    hours = traffic.documents.overview("shop")["hours"]
    opened = (parse_time(incident["opened"]) - parse_time(hours["start"])) // (5 * MINUTE)
    assert hours["states"][opened:] == ["drifting"] * (len(hours["states"]) - opened)
    assert "drifting" not in hours["states"][:opened]
    assert traffic.documents.overview("shop")["days"]["states"][-1] == "drifting"


@pytest.mark.parametrize(
    ("age", "step", "most"),
    [(8 * MINUTE, 10, 96), (80 * MINUTE, 300, 20), (20 * HOUR, 900, 84), (2 * DAY, 900, 96)],
)
def test_charts_of_a_day_show_the_whole_time_of_a_younger_model(
    traffic: Traffic, age: int, step: int, most: int
) -> None:
    every = max(age // 48, 10_000)
    traffic.pass_time(age, every)
    hours = traffic.documents.overview("shop")["hours"]
    trends = traffic.documents.trends("shop", ALL_DAY)
    for chart, values in ((hours, hours["states"]), (trends, trends["features"]["x"]["evidence"])):
        assert chart["step_seconds"] == step
        assert len(values) <= most
        assert [value is None for value in values].index(False) <= max(15 * MINUTE, every) // 1000 // step
    assert sum(hours["rows"]) == traffic.total or age > DAY


def test_a_timeline_shows_the_values_and_the_incident(traffic: Traffic) -> None:
    traffic.pass_time(HOUR, 5 * MINUTE)
    traffic.pass_time(20 * MINUTE, 20_000, shift=5.0)
    timeline = traffic.documents.timeline("shop", "x", Span(None, None, 200))
    medians = [median for median in timeline["bands"]["p50"] if median is not None]
    assert medians[0] == pytest.approx(0, abs=1)
    assert medians[-1] > 3
    assert timeline["outside"][-1] > 0.5
    assert [one["opened"] for one in timeline["incidents"]] == [traffic.engine.incidents("shop")[0]["opened"]]
    assert timeline["at"][-1] == iso(traffic.engine.folded("shop", traffic.engine.record("shop").digest))
    categories = traffic.documents.timeline("shop", "c", Span(None, None, 200))
    assert sorted(one["name"] for one in categories["top"]) == ["a", "b"]
    assert sum(one["share"][-1] for one in categories["top"]) == pytest.approx(1)
    assert categories["bands"] is None


def test_before_the_first_pane_there_is_nothing_to_show(traffic: Traffic) -> None:
    overview = traffic.documents.overview("shop")
    assert (overview["state"], overview["rows_per_second"], overview["since"]) == ("insufficient", None, None)
    assert set(overview["hours"]["states"]) == {None}
    assert set(traffic.documents.trends("shop", ALL_DAY)["features"]["x"]["drifting"]) == {None}


def test_steps_are_no_finer_than_what_is_kept() -> None:
    now = START + 40 * DAY
    for span, points, step in (
        (DAY, 96, 15 * MINUTE),
        (DAY, 200, 10 * MINUTE),
        (HOUR // 2, 200, 10_000),
        (3 * HOUR, 500, 5 * MINUTE),
        (3 * DAY, 500, HOUR),
        (30 * DAY, 120, 6 * HOUR),
        (90 * DAY, 3, 30 * DAY),
    ):
        buckets = Buckets.covering(now - span, now, points)
        assert (buckets.step, buckets.number) == (step, span // step)
        assert now <= buckets.end < now + step


def test_a_feature_is_shown_as_it_was(traffic: Traffic) -> None:
    traffic.pass_time(30 * MINUTE, MINUTE)
    then = traffic.clock.now
    before = traffic.documents.feature("shop", "x")
    traffic.pass_time(10 * MINUTE, MINUTE, shift=5.0)
    now, past = traffic.documents.feature("shop", "x"), traffic.documents.feature("shop", "x", at=then + 3_000)
    assert (now["state"], now["at"], past["at"]) == ("drifting", None, before["windows"]["judging"]["end"])
    same = ("state", "evidence", "effect", "why", "shape", "windows", "scores", "tests")
    assert {key: past[key] for key in same} == {key: before[key] for key in same}
    assert now["shape"] != past["shape"]
    traffic.pass_time(6 * HOUR, 30 * MINUTE)
    later = traffic.documents.feature("shop", "x", at=then)
    assert parse_time(later["at"]) <= then
    assert later["state"] == "ok"
    with pytest.raises(NotFoundError, match="a time of which slices"):
        traffic.documents.feature("shop", "x", at=START - 1)


def test_the_scores_come_with_the_limits_that_they_are_compared_with(traffic: Traffic) -> None:
    traffic.pass_time(10 * MINUTE, MINUTE, shift=5.0)
    x = traffic.documents.feature("shop", "x")
    scores = {score["test"]: score for score in x["scores"]}
    assert list(scores)[:2] == ["evidence", "effect"]
    assert (scores["evidence"]["statistic"], scores["evidence"]["threshold"]) == (x["evidence"], 0)
    assert (scores["effect"]["threshold"], scores["effect"]["drifting"]) == (0.01, True)
    assert (scores["ks"]["of"], scores["ks"]["threshold"], scores["ks"]["drifting"]) == ("p_value", 0.01, True)
    assert (scores["missing"]["p_value"], scores["missing"]["drifting"]) == (1.0, False)
    assert scores["wasserstein"]["drifting"] is None
    assert all(score["what"].endswith(".") for score in scores.values())
    assert {name for name in scores if name not in ("evidence", "effect")} == set(x["tests"])
