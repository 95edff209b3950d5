"""A report as an OpenLineage run event, which data catalogues take: what was read, and which features drift.

Results are in two facets: `dataQualityAssertions` of the input (1-1-0), an assertion for each feature, and `test` of
the run (1-0-1), a test for each, with why. Source: the OpenLineage specification 2-0-2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from driftmeter.types import JSON
from driftmeter.verdict.severity import rank
from driftmeter.version import __version__

PRODUCER = f"https://pypi.org/project/driftmeter/{__version__}"
_SPEC = "https://openlineage.io/spec"
_JUDGED = ("ok", "pending", "drifting")


def run_event(
    verdict: Mapping[str, Any],
    features: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    dataset: tuple[str, str],
    run: str,
    at: str,
    fail_from: str,
) -> JSON:
    """Return a verdict, given as its public JSON, as a COMPLETE event of the job `check.MODEL`.

    `columns` gives the column of each feature, `dataset` namespace and name of what was read, `run` is a UUID, `at` the
    time in ISO 8601. A test fails where a feature drifts; it is an error with at least the severity `fail_from`, else a
    warning. Features that could not be judged are skipped tests, and no assertions.
    """
    assertions, tests = [], []
    for feature in features:
        is_error = rank(feature["severity"]) >= rank(fail_from)
        severity = "error" if is_error or not feature["drifting"] else "warn"
        was_judged = feature["drifting"] or feature["state"] in _JUDGED
        tests.append(
            {
                "name": feature["feature"],
                "status": "fail" if feature["drifting"] else "pass" if was_judged else "skip",
                "severity": severity,
                "type": "drift",
                "description": feature["why"],
            }
        )
        if was_judged:
            about = {} if feature["role"] == "derived" else {"column": columns[feature["feature"]]}
            success = not feature["drifting"]
            assertions.append({"assertion": "no_drift", "success": success, **about, "severity": severity})
    namespace, name = dataset
    return {
        "eventType": "COMPLETE",
        "eventTime": at,
        "run": {"runId": run, "facets": {"test": _facet("1-0-1", "TestRunFacet", tests=tests)}},
        "job": {"namespace": "driftmeter", "name": f"check.{verdict['model']}", "facets": {}},
        "inputs": [
            {
                "namespace": namespace,
                "name": name,
                "facets": {},
                "inputFacets": {
                    "dataQualityAssertions": _facet("1-1-0", "DataQualityAssertionsDatasetFacet", assertions=assertions)
                },
            }
        ],
        "outputs": [],
        "producer": PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def _facet(version: str, name: str, **content: Any) -> JSON:
    schema = f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": PRODUCER, "_schemaURL": schema, **content}
