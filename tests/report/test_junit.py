from __future__ import annotations

from xml.etree import ElementTree

from driftmeter.report.junit import junit
from tests.report.entries import entry

FEATURES = [
    entry("income", "drifting", severity="major", why="Rose.", rates={"missing": {"reference": 0.0, "window": 0.5}}),
    entry("city", "drifting", severity="slight", why="'Ulm' rose."),
    entry("age"),
    entry("zip", "insufficient", why="Too few rows."),
]


def test_a_feature_is_a_test_that_fails_where_it_drifts_badly_enough() -> None:
    text = junit({"model": "credit"}, FEATURES, ["Column 'x' is absent."], fail_from="minor")
    suite = ElementTree.fromstring(text).find("testsuite")
    assert suite is not None
    counted = {name: suite.get(name) for name in ("name", "tests", "failures", "errors", "skipped")}
    assert counted == {"name": "credit", "tests": "4", "failures": "1", "errors": "0", "skipped": "1"}
    failure = suite.find("testcase[@name='income']/failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("major", "Rose.")
    assert failure.text == "effect 0.000, p-value 0.5, missing 0 % → 50.0 %"
    assert suite.findtext("testcase[@name='city']/system-out") == "slight: 'Ulm' rose."
    assert suite.find("testcase[@name='zip']/skipped") is not None
    assert suite.findtext("system-out") == "Column 'x' is absent."


def test_every_drift_fails_from_slight_on() -> None:
    suite = ElementTree.fromstring(junit({"model": "credit"}, FEATURES, [], fail_from="slight")).find("testsuite")
    assert suite is not None
    assert suite.get("failures") == "2"


def test_any_name_is_xml() -> None:
    evil = "a\x00\x1b]]><&\"'\ud800\ufffe"
    text = junit({"model": evil}, [entry(evil, "drifting", why=evil)], [evil], fail_from="slight")
    case = ElementTree.fromstring(text.encode()).find("testsuite/testcase")
    assert case is not None
    assert case.get("name") == "a��]]><&\"'?�"
