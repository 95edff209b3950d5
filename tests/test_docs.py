from __future__ import annotations

import re

import pytest

from driftmeter.client import Monitor
from driftmeter.drift import DRIFT_TESTS
from driftmeter.server.exposition import FAMILIES, PREFIX
from driftmeter.server.metrics import ProcessMetrics
from driftmeter.server.routes.table import OPERATIONS
from driftmeter.store.records import Receipt
from tests.support.scripts import ROOT, load

HTTP = (ROOT / "docs/http.md").read_text()
METRICS = (ROOT / "docs/metrics.md").read_text()
SDK = (ROOT / "docs/sdk.md").read_text()


def test_every_route_is_documented_and_no_other() -> None:
    documented = {
        f"{method} {path.split('?')[0]}" for method, path in re.findall(r"`(GET|PUT|POST|DELETE) (/[^`]*)`", HTTP)
    }
    routes = {f"{operation.method} {operation.template}" for operation in OPERATIONS}
    assert documented == routes, "docs/http.md has a row for every route of server/routes/table.py"


def test_every_metric_is_documented_and_no_other() -> None:
    metrics = ProcessMetrics()
    metrics.count("m", Receipt(added=1, added_late=1), {"invalid": 1})
    metrics.reject("x")
    metrics.observe("/", "GET", 0.1)
    shown = set(re.findall(r"^# TYPE (driftmeter_\S+)", metrics.render(), re.MULTILINE))
    expected = {PREFIX + family for family in FAMILIES} | {name for name in shown if not name.endswith("_created")}
    documented = set(re.findall(r"^\| `(driftmeter_\w+)`", METRICS, re.MULTILINE))
    assert documented == expected, "run make docs"


def test_every_count_of_the_sdk_is_documented_and_no_other() -> None:
    table = SDK.partition("| key of `monitor.stats()`")[2]
    monitor = Monitor("http://127.0.0.1:9", "m")
    assert set(re.findall(r"`([a-z_]+)`", table)) == set(monitor.stats()), "docs/sdk.md has a row for every count"


@pytest.mark.parametrize("test", [test.name for test in DRIFT_TESTS])
def test_every_drift_test_is_documented(test: str) -> None:
    assert f"`{test}`" in METRICS, "run make docs"


def test_the_tables_of_the_docs_are_as_the_code_declares() -> None:
    docs = load(ROOT / "docs/build.py")
    for page, tables in docs.TABLES.items():
        text = (ROOT / "docs" / page).read_text()
        assert text == docs.page_with_tables(text, tables), f"docs/{page} lags: run make docs"


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md"), *ROOT.glob("examples/*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
