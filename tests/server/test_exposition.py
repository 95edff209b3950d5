from __future__ import annotations

import re
from difflib import unified_diff
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from driftmeter.profile.profile import Profile
from driftmeter.server.exposition import FAMILIES, PREFIX, Exposition, escape
from driftmeter.server.gauges import FEATURE, GAUGES, INCIDENT, MODEL, TEST, Gauge
from driftmeter.server.watch.view import ModelView
from driftmeter.settings.model import ModelSettings
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.verdict import State

GOLDEN = Path(__file__).parent / "golden" / "exposition.txt"


def feature(name: str, **changes: Any) -> dict[str, Any]:
    """A feature of a verdict, with every key that there is."""
    return {
        "feature": name,
        "role": "feature",
        "state": "ok",
        "drifting": False,
        "severity": "none",
        "since": None,
        "effect": 0.25,
        "p_value": 1e-12,
        "evidence": None,
        "smallest_shift": None,
        "expected_until": None,
        "why": "",
        "follows": None,
        "change": None,
        "tests": {"ks": {"statistic": 0.125, "p_value": 1e-12}, "psi": {"statistic": 0.25, "p_value": None}},
        "rates": {},
        **changes,
    }


def view_of(model: str, features: list[dict[str, Any]], refreshed: float = 0.0, **changes: Any) -> ModelView:
    """A view of a verdict with every key that there is."""
    verdict = {
        "model": model,
        "profile": "digest",
        "state": "ok",
        "rows": 1000,
        "window": {"start": "2023-11-14T22:13:00.000Z", "end": "2023-11-14T22:13:20.500Z", "panes": 2},
        "features_drifting": sum(feature["drifting"] for feature in features),
        "features_monitored": len(features),
        "last_drift": None,
        "incident": None,
        "incidents_open": 0,
        "incident_ids": [],
        "incident_oldest": None,
        "causes": [],
        "summary": None,
        "features": features,
        **changes,
    }
    return ModelView(
        model, "digest", 10_000, b"", verdict, changes.get("coverage"), refreshed, changes.get("silent", 0)
    )


def test_the_samples_here_have_the_keys_of_a_verdict(profile: Profile) -> None:
    verdict = Judge(profile, ModelSettings()).before_first().to_json()
    sample = view_of("m", [feature("x")]).verdict
    assert list(sample) == list(verdict)
    assert list(sample["window"]) == list(verdict["window"])
    assert list(sample["features"][0]) == list(verdict["features"][0])


def golden_views() -> list[ModelView]:
    """Two views: `shop` with a feature of each state, and a model of an odd name without rows."""
    drifting = {"state": "drifting", "drifting": True, "severity": "major", "since": "2023-11-14T22:13:20.000Z"}
    shop = view_of(
        "shop",
        [
            feature("amount"),
            feature("wind", **drifting, evidence=3.5, effect=1e-7),
            feature("rain", **{**drifting, "severity": "minor"}, evidence=0.0, follows="wind"),
            feature("city", state="pending", evidence=-0.25),
            feature("member", state="calibrating", evidence=-2.0),
            feature("seen", state="uncalibrated"),
            feature("code", state="insufficient", effect=None, tests={}),
        ],
        state="drifting",
        last_drift="2023-11-14T22:13:20.000Z",
        incident={"id": "1700000000000"},
        incidents_open=2,
        incident_ids=["1699827200000", "1700000000000"],
        incident_oldest="2023-11-12T22:13:20.000Z",
        coverage=0.75,
        silent=2,
    )
    empty = view_of(
        'a "b"\\\n', [feature("x", tests={}, effect=None)], rows=0, window={"start": None, "end": None, "panes": 0}
    )
    return [shop, empty]


def test_the_views_of_the_golden_file_have_features_of_every_state() -> None:
    states = {one["state"] for view in golden_views() for one in view.verdict["features"]}
    assert states == set(get_args(State)), "give `shop` a feature of the state"


def test_the_text_is_as_in_the_golden_file(tmp_path: Path) -> None:
    text, golden = Exposition().render(golden_views(), 0.0), GOLDEN.read_text()
    if text != golden:
        new = tmp_path / GOLDEN.name
        new.write_text(text)
        lines = unified_diff(golden.splitlines(), text.splitlines(), "golden", "now", n=0, lineterm="")
        changes = "\n".join(line for line in lines if not line.startswith("@@"))
        pytest.fail(f"{changes}\nIf all of this is meant: cp {new} {GOLDEN}", pytrace=False)


@pytest.mark.parametrize("gauge", GAUGES, ids=lambda gauge: gauge.name)
def test_every_gauge_is_somewhere_another_number_than_0_in_these_views(gauge: Gauge) -> None:
    text = Exposition().render(golden_views(), 0.0)
    values = re.findall(rf"^{PREFIX}{gauge.name}\{{.*\}} (\S+)$", text, re.MULTILINE)
    assert any(float(value) for value in values), "let a view in golden_views show what it counts"


def test_every_line_is_read_back_with_its_labels_by_the_official_parser() -> None:
    text = Exposition().render([view_of("m", [feature('w "x" \\ y\n')])], 0.0)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(families) == {PREFIX + name for name in FAMILIES}
    assert all(family.documentation for family in families.values())
    samples = families["driftmeter_feature_statistic"].samples
    (sample,) = [sample for sample in samples if sample.labels["test"] == "ks"]
    assert sample.labels == {"model": "m", "feature": 'w "x" \\ y\n', "test": "ks"}
    assert sample.value == 0.125


@given(st.text())
def test_any_text_may_be_a_label(text: str) -> None:
    (family,) = text_string_to_metric_families(f'x{{label="{escape(text)}"}} 1\n')
    assert family.samples[0].labels == {"label": text}


def test_what_the_verdict_leaves_open_has_no_line_so_that_there_is_no_nan() -> None:
    tests = {"ks": {"statistic": None, "p_value": None}}
    text = Exposition().render([view_of("m", [feature("x", effect=None, tests=tests)], coverage=None)], 0.0)
    names = {line.split("{")[0] for line in text.splitlines() if not line.startswith("#")}
    left_out = {"feature_effect", "feature_evidence", "feature_statistic", "feature_p_value"}
    assert not names & {PREFIX + name for name in left_out | {"coverage_ratio", "last_drift_timestamp_seconds"}}
    assert "nan" not in text.lower()


def test_a_view_older_than_two_panes_has_no_series() -> None:
    exposition, old = Exposition(), view_of("old", [feature("x")], refreshed=0.0)
    new = view_of("new", [feature("x")], refreshed=15.0)
    assert 'model="old"' in exposition.render([old, new], 20.0)
    assert 'model="old"' not in exposition.render([old, new], 20.1)
    assert 'model="new"' in exposition.render([old, new], 20.1)


def test_labels_are_kept_only_while_their_model_is_shown() -> None:
    exposition = Exposition()
    exposition.render([view_of("a", [feature("x")])], 0.0)
    exposition.render([view_of("b", [feature("x")])], 0.0)
    assert list(exposition._labels) == [("b", "digest")]


def test_a_new_verdict_of_the_same_profile_is_rendered_anew() -> None:
    exposition = Exposition()
    before = exposition.render([view_of("m", [feature("x")])], 0.0)
    assert exposition.render([view_of("m", [feature("x")])], 0.0) == before
    after = exposition.render([view_of("m", [feature("x", drifting=True, effect=0.5)])], 0.0)
    assert 'driftmeter_feature_drifting{model="m",feature="x"} 1' in after
    assert 'driftmeter_feature_effect{model="m",feature="x"} 0.5' in after


def test_each_open_incident_has_a_line_until_it_is_closed() -> None:
    def lines(*ids: str) -> list[str]:
        text = exposition.render([view_of("m", [feature("x")], incident_ids=list(ids))], 0.0)
        return re.findall(r"^driftmeter_incident\{.*$", text, re.MULTILINE)

    exposition = Exposition()
    assert lines() == []
    assert lines("17") == ['driftmeter_incident{model="m",incident="17"} 1']
    assert lines("17", "18") == [*lines("17"), 'driftmeter_incident{model="m",incident="18"} 1']
    assert lines("18") == ['driftmeter_incident{model="m",incident="18"} 1']


def test_each_gauge_names_labels_whose_values_are_known() -> None:
    assert {gauge.labels for gauge in GAUGES} == {MODEL, INCIDENT, FEATURE, TEST}
    assert len(FAMILIES) == len(GAUGES)
