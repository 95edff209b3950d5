"""`driftmeter explain` and `driftmeter profile --from-live`, against a real server."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from driftmeter.cli.app import app
from driftmeter.cli.explain import _advice, _open_incident, _sentences
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.drift.registry import DRIFT_TESTS
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.store import open_store
from driftmeter.store.records import AddRows
from driftmeter.types import JSON
from tests.support.metric_server import metric_server

START = 1_700_000_000_000


def orders(rows: int, seed: int, shift: float = 0.0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    return pl.DataFrame({"amount": chance.normal(size=rows) + shift, "city": chance.choice(["a", "b"], rows)})


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Engine, str]]:
    """Serve a model whose amounts have drifted."""
    store = open_store("memory://")
    engine = Engine(store, timing=Timing(10_000, 0))
    engine.register(Profile.fit(orders(10_000, 0), model="shop", independent=True))
    compiled = engine.compiled("shop")
    for index in range(6):
        frame = as_frame(orders(500, 1 + index, shift=1.0))
        rows, _, _ = compiled.reader.read_columns(columns_of(frame, compiled.reader.names))
        totals = SourceTotals(500 * (index + 1), 500 * (index + 1))
        time = START + 10_000 * index
        parts = engine.sort_rows(compiled, rows, time)
        store.commit([AddRows("shop", compiled.profile.digest, "s", parts, totals, watermark=time + 10_000)])
        engine.advance("shop")
    with metric_server(engine) as url:
        yield engine, url
    store.close()


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--url", url])


def test_it_says_why_a_feature_drifts_and_what_can_be_done(served: tuple[Engine, str]) -> None:
    engine, url = served
    (incident,) = engine.incidents("shop")
    result = run(url, "explain", "shop", "amount")
    assert result.exit_code == 0, result.output
    assert "amount of shop: drifting, severity major, since 2023-11-14 22:13:20" in result.stdout
    assert "on average (0.99 standard deviations)" in result.stdout
    assert f"Incident {incident['id']} is open" in result.stdout
    earliest, latest = (time[:19].replace("T", " ") for time in incident["features"][0]["since_range"])
    assert f"The change began between {earliest} and {latest}." in result.stdout
    assert f"driftmeter acknowledge shop {incident['id']}" in result.stdout
    assert "what moved most" in result.stdout


def test_it_says_of_each_test_its_statistic_unit_and_source(served: tuple[Engine, str]) -> None:
    engine, url = served
    output = run(url, "explain", "shop", "amount").stdout
    (psi,) = [test for test in DRIFT_TESTS if test.name == "psi"]
    statistic = engine.feature("shop", "amount")["tests"]["psi"]["statistic"]
    (line,) = [line for line in output.splitlines() if line.startswith("psi ")]
    assert line.split()[1:3] == [f"{statistic:.4g}", psi.unit]
    assert "Kullback & Leibler (1951)" in line


def test_of_a_quiet_feature_it_says_what_could_have_been_seen(served: tuple[Engine, str]) -> None:
    result = run(served[1], "explain", "shop", "city")
    assert "city of shop: ok" in result.stdout
    assert "standard deviations could be seen" in result.stdout
    assert "acknowledge" not in result.stdout


def test_as_json_it_prints_what_the_server_answers(served: tuple[Engine, str]) -> None:
    answer = json.loads(run(served[1], "explain", "shop", "amount", "--json").stdout)
    assert answer["state"] == "drifting"
    assert max(finding["evidence"] for finding in answer["findings"]) == answer["evidence"]


def test_an_unknown_feature_is_refused_with_near_names(served: tuple[Engine, str]) -> None:
    result = run(served[1], "explain", "shop", "amonut")
    assert (result.exit_code, "such as amount, got 'amonut'" in result.stderr) == (2, True)


def test_the_next_profile_is_made_from_live_traffic_and_makes_it_quiet(
    served: tuple[Engine, str], tmp_path: Path
) -> None:
    engine, url = served
    path = tmp_path / "next.json"
    result = run(url, "profile", "--from-live", "shop", "--since", "2023-11-14T22:13:20Z", "-o", str(path), "--apply")
    assert result.exit_code == 0, result.output
    made = Profile.load(path)
    assert (made.rows, made.independent) == (3000, True)
    assert "rows count as independent" in result.stdout
    assert engine.store.model("shop").newest == made.digest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from-live", "shop"], "--since"),
        (["--from-live", "shop", "--since", "1h", "--bins", "3"], "--bins is for DATA"),
        (["--from-live", "shop", "--since", "1h"], "rows"),
        (["--since", "1h"], "Give DATA and --model"),
    ],
)
def test_what_makes_no_sense_is_refused(
    served: tuple[Engine, str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = run(served[1], "profile", *arguments, "-o", str(tmp_path / "p.json"))
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "p.json").exists()


def incident_of(id_: str, over: str | None, **changes: str) -> JSON:
    part = {"feature": "x", "since_range": ["2026-01-01T00:00:00.000Z"] * 2, "over": over, "changed_again": None}
    part["ended"] = None if over is None else "returned"
    incident = {"id": id_, "state": "open", "opened": "2026-01-01T00:05:00.000Z", "reopened": None}
    return {**incident, "acknowledged": None, "features": [{**part, **changes}]}


def test_of_its_incident_it_says_what_became_of_the_feature() -> None:
    incident = incident_of("17", "2026-01-03T00:00:00.000Z", changed_again="2026-01-02T00:00:00.000Z")
    feature = {"feature": "x", "smallest_shift": None, "expected_until": None}
    assert list(_sentences(feature, {**incident, "reopened": "2026-01-01T12:00:00.000Z"})) == [
        "Incident 17 is open since 2026-01-01 00:05:00, reopened at 2026-01-01 12:00:00; nobody has acknowledged it.",
        "The change began at 2026-01-01 00:00:00.",
        "It became another change at 2026-01-02 00:00:00.",
        "It is over since 2026-01-03 00:00:00; the incident is open because of other features.",
    ]


def test_of_its_incident_it_says_what_drifts_in_it_from_the_causes_on() -> None:
    incident = {**incident_of("17", None), "summary": "y: rose; x follows."}
    told = list(_sentences({"feature": "x", "smallest_shift": None, "expected_until": None}, incident))
    assert told[1] == "What drifts in it: y: rose; x follows."


@pytest.mark.parametrize(
    ("ended", "why"), [("expected", "its drift was expected"), ("silenced", "it does not page by the settings")]
)
def test_of_a_feature_that_left_its_incident_it_does_not_say_that_its_change_is_over(ended: str, why: str) -> None:
    feature = {"feature": "x", "smallest_shift": None, "expected_until": None}
    assert list(_sentences(feature, incident_of("17", "2026-01-03T00:00:00.000Z", ended=ended)))[2:] == [
        f"It left the incident at 2026-01-03 00:00:00, since {why}; the incident is open because of other features.",
    ]


def test_of_two_open_incidents_the_one_counts_in_which_the_feature_is_not_over() -> None:
    over, lasting = incident_of("18", "2026-01-03T00:00:00.000Z"), incident_of("17", None)
    assert _open_incident("x", [over, lasting]) == lasting
    assert _open_incident("x", [{**lasting, "state": "closed"}, over]) == over
    assert _open_incident("y", [over, lasting]) is None


def test_what_can_be_done_is_written_as_a_shell_takes_it() -> None:
    feature = {"drifting": True, "state": "drifting", "since": "2026-01-01T00:00:00.000Z", "feature": "-it's $(here)"}
    lines = list(_advice("my model", feature, {"id": "17", "acknowledged": None}))
    words = [shlex.split(line.partition("   ")[0]) for line in lines]
    assert words[0] == ["driftmeter", "acknowledge", "my model", "17"]
    assert words[1] == ["driftmeter", "expect", "--for", "6h", "--", "my model", "-it's $(here)"]
    assert words[2][:4] == ["driftmeter", "profile", "--from-live", "my model"]
