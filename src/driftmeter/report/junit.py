"""A report as JUnit XML, which CI systems show as tests: one for each feature, failed where it drifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from driftmeter.page.texts import printable
from driftmeter.report.texts import effect_text, p_text, rate_text
from driftmeter.verdict.severity import rank

_RATES = ("missing", "unreadable", "unseen", "out_of_range")
_JUDGED = ("ok", "pending", "drifting")


def junit(
    verdict: Mapping[str, Any], features: Sequence[Mapping[str, Any]], notes: Sequence[str], *, fail_from: str
) -> str:
    """Return a verdict, given as its public JSON, as a test suite with a test for each feature.

    A feature fails if it drifts with at least the severity `fail_from`, and is skipped if it could not be judged.
    """
    suite = Element("testsuite", name=printable(verdict["model"]))
    failed = skipped = 0
    for feature in features:
        case = SubElement(suite, "testcase", classname=printable(verdict["model"]), name=printable(feature["feature"]))
        case.set("time", "0")
        if feature["drifting"] and rank(feature["severity"]) >= rank(fail_from):
            failed += 1
            failure = SubElement(case, "failure", type=feature["severity"], message=printable(feature["why"]))
            failure.text = _figures(feature)
        elif feature["state"] not in _JUDGED:
            skipped += 1
            SubElement(case, "skipped", message=printable(feature["why"]))
        elif feature["drifting"]:
            SubElement(case, "system-out").text = printable(f"{feature['severity']}: {feature['why']}")
    for name, number in (("tests", len(features)), ("failures", failed), ("errors", 0), ("skipped", skipped)):
        suite.set(name, str(number))
    if notes:
        SubElement(suite, "system-out").text = printable("; ".join(notes))
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{tostring(suites, encoding='unicode')}\n"


def _figures(feature: Mapping[str, Any]) -> str:
    rates = [f"{name.replace('_', ' ')} {text}" for name in _RATES if (text := rate_text(feature, name, changed=True))]
    return ", ".join([f"effect {effect_text(feature['effect'])}", f"p-value {p_text(feature['p_value'])}", *rates])
