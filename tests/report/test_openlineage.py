from __future__ import annotations

import polars as pl

from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.report.openlineage import run_event
from driftmeter.types import JSON
from tests.report.entries import entry

AT, RUN = "2026-11-30T12:00:00.000Z", "0191d7a4-0000-7000-8000-000000000000"
FEATURES = [
    entry("income", "drifting", severity="major", why="Rose."),
    entry("city", "drifting", severity="slight", why="'Ulm' rose."),
    entry("age"),
    entry("age given the rest", role="derived"),
    entry("zip", "insufficient", why="Too few rows."),
]


def parts(event: JSON) -> tuple[JSON, JSON]:
    """Return the facet of the run's tests, and that of the input's assertions."""
    (read,) = event["inputs"]
    return event["run"]["facets"]["test"], read["inputFacets"]["dataQualityAssertions"]


def test_each_feature_is_a_test_and_an_assertion() -> None:
    columns = {feature["feature"]: feature["feature"] for feature in FEATURES}
    event = run_event(
        {"model": "credit"}, FEATURES, columns, dataset=("file", "/a.csv"), run=RUN, at=AT, fail_from="minor"
    )
    assert (event["eventType"], event["eventTime"], event["run"]["runId"]) == ("COMPLETE", AT, RUN)
    assert event["job"] == {"namespace": "driftmeter", "name": "check.credit", "facets": {}}
    assert (event["inputs"][0]["namespace"], event["inputs"][0]["name"]) == ("file", "/a.csv")
    tests, assertions = parts(event)
    assert [(one["name"], one["status"], one["severity"]) for one in tests["tests"]] == [
        ("income", "fail", "error"),
        ("city", "fail", "warn"),
        ("age", "pass", "error"),
        ("age given the rest", "pass", "error"),
        ("zip", "skip", "error"),
    ]
    assert tests["tests"][0]["description"] == "Rose."
    assert assertions["assertions"] == [
        {"assertion": "no_drift", "success": False, "column": "income", "severity": "error"},
        {"assertion": "no_drift", "success": False, "column": "city", "severity": "warn"},
        {"assertion": "no_drift", "success": True, "column": "age", "severity": "error"},
        {"assertion": "no_drift", "success": True, "severity": "error"},
    ]
    assert assertions["_schemaURL"].endswith("/1-1-0/DataQualityAssertionsDatasetFacet.json#/$defs/"
                                             "DataQualityAssertionsDatasetFacet")  # fmt: skip


def test_a_report_names_columns_not_features() -> None:
    reference = pl.DataFrame({"age": [float(age) for age in range(20, 70)] * 20})
    report = compare(Profile.fit(reference, model="credit"), reference.select(pl.col("age") + 20))
    tests, assertions = parts(report.to_openlineage(("file", "/a.csv"), run=RUN, at=AT))
    assert [one["status"] for one in tests["tests"]] == ["fail"]
    assert [(one["column"], one["success"]) for one in assertions["assertions"]] == [("age", False)]
