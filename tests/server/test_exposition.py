from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from driftmeter.profile.profile import Profile
from driftmeter.server.exposition import FAMILIES, PREFIX, Exposition, escape
from driftmeter.server.gauges import FEATURE, GAUGES, MODEL, TEST
from driftmeter.server.watch.view import ModelView
from driftmeter.settings.model import ModelSettings
from driftmeter.verdict.judge import Judge

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


def test_the_text_is_as_in_the_golden_file() -> None:
    drifting = feature("wind", drifting=True, evidence=3.5, effect=1e-7)
    shop = view_of(
        "shop",
        [feature("amount"), drifting],
        last_drift="2023-11-14T22:13:20.000Z",
        incident={"id": "1"},
        coverage=0.75,
        silent=2,
    )
    empty = view_of('a "b"\\\n', [feature("x", tests={}, effect=None)], rows=0, window={"start": None, "end": None})
    assert Exposition().render([shop, empty], 0.0) == GOLDEN.read_text()


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


def test_each_gauge_names_labels_whose_values_are_known() -> None:
    assert {gauge.labels for gauge in GAUGES} == {MODEL, FEATURE, TEST}
    assert len(FAMILIES) == len(GAUGES)
