from __future__ import annotations

from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.server.metrics import PROCESS_FAMILIES, ProcessMetrics
from driftmeter.store.records import Receipt


def samples_of(metrics: ProcessMetrics) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(metrics.render()) for sample in family.samples]


def value(metrics: ProcessMetrics, name: str, **labels: str) -> float | None:
    samples = samples_of(metrics)
    return next((sample.value for sample in samples if sample.name == name and sample.labels == labels), None)


def test_rows_are_counted_by_model_and_what_was_dropped_by_reason() -> None:
    metrics = ProcessMetrics()
    metrics.count("m", Receipt(late=4, added=10, added_late=2), {"future": 3})
    metrics.count("m", Receipt(added=5))
    assert value(metrics, "driftmeter_rows_total", model="m") == 15
    assert value(metrics, "driftmeter_rows_late_total", model="m") == 2
    assert value(metrics, "driftmeter_rows_dropped_total", model="m", reason="future") == 3


def test_evaluations_that_failed_are_counted_by_model() -> None:
    metrics = ProcessMetrics()
    metrics.fail("m")
    assert value(metrics, "driftmeter_evaluation_errors_total", model="m") == 1


def test_latencies_are_by_route_and_method_and_an_odd_method_is_other() -> None:
    metrics = ProcessMetrics()
    metrics.observe("/v1/models", "GET", 0.01)
    metrics.observe("/v1/models", "BREW", 0.01)
    for method in ("GET", "other"):
        name = "driftmeter_request_duration_seconds_count"
        assert value(metrics, name, route="/v1/models", method=method) == 1


def test_a_deleted_model_has_no_series_left() -> None:
    metrics = ProcessMetrics()
    counters = [family for family in PROCESS_FAMILIES if family.type is Counter and "model" in family.labels]
    for model in ("m", "n"):
        for family in counters:
            metrics.add(family.name, *(model if label == "model" else "x" for label in family.labels))
    metrics.forget("m")
    assert 'model="m"' not in metrics.render()
    assert [sample.value for sample in samples_of(metrics) if sample.labels.get("model") == "n"] == [1] * len(counters)


def test_there_are_no_created_series() -> None:
    metrics = ProcessMetrics()
    metrics.count("m", Receipt(added=1, added_late=1), {"invalid": 1})
    metrics.observe("/", "GET", 0.1)
    assert "_created" not in metrics.render()


def test_reasons_that_only_a_source_knows_share_one_label() -> None:
    metrics = ProcessMetrics()
    metrics.count("m", Receipt(), {"buffer_full": 2, "weather": 3, "moon": 4})
    text = metrics.render()
    assert 'driftmeter_rows_dropped_total{model="m",reason="buffer_full"} 2.0' in text
    assert 'driftmeter_rows_dropped_total{model="m",reason="other"} 7.0' in text
    assert "weather" not in text


def test_unreadable_values_are_counted_under_the_features_of_their_column_and_no_others() -> None:
    grid, name = CategoryGrid(("a",), ()), "n" * 100
    features = [
        Feature("age", "categorical", "feature", grid, (1, 0, 0, 0), "age"),
        Feature("at hour", "categorical", "feature", grid, (1, 0, 0, 0), "at"),
        Feature("at weekday", "categorical", "feature", grid, (1, 0, 0, 0), "at"),
        Feature(name, "categorical", "feature", grid, (1, 0, 0, 0), name),
    ]
    metrics, profile = ProcessMetrics(), Profile("m", 1, tuple(features))
    metrics.unreadable("m", profile, {"age": 2, "at": 3, "n" * 64: 4, "moon": 5, "other": 6})
    metrics.unreadable("m", profile, {"age": 10, name: 7})
    counts = {
        sample.labels["feature"]: sample.value
        for sample in samples_of(metrics)
        if sample.name == "driftmeter_values_unreadable_total"
    }
    assert counts == {"age": 12, "at hour": 3, "at weekday": 3, name: 11, "other": 11}
    metrics.forget("m")
    assert 'model="m"' not in metrics.render()
