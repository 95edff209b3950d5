"""Artefacts of other tools: profiles and reports that hold no rows, refused with what to do instead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from driftmeter.errors import InputError
from driftmeter.logs.sampling import head_of
from driftmeter.logs.sources import LogFile
from driftmeter.payloads.json_text import read_json

_WHYLOGS = b"WHY1"
"""The first bytes of a profile of whylogs 1."""
_MANIFEST = re.compile(rb'\s*\[\s*\{\s*"prefix"\s*:\s*"[^"]*"\s*\}\s*,\s*"')
"""The beginning of what SageMaker captures of batch transforms: the prefix of objects, and their names."""
_BASELINE = re.compile(rb'\s*\{\s*"version"\s*:\s*[\d.]+\s*,\s*"(?:dataset|features)"\s*:')
"""The beginning of statistics.json and constraints.json."""
_LARGEST = 1 << 26
_ADVICE = "make the profile from the same rows: driftmeter profile DATA --model NAME"


def refuse_foreign(source: str, files: Sequence[LogFile]) -> None:
    """Raise InputError where the first file is a profile of whylogs, a report of Evidently, or of SageMaker's Monitor.

    The first two hold sketches or scores of each column, on bins of their own. Such counts cannot be put on the grid
    of a profile, and no drift test could compare the two.
    """
    if not files:
        return
    head = head_of(files[0])
    if head.startswith(_WHYLOGS):
        got = "a profile of whylogs: sketches of each column, which have no common grid with a profile of driftmeter"
        raise InputError(source, f"rows; {_ADVICE}", got)
    if _BASELINE.match(head) or (head.lstrip()[:1] == b"[" and _MANIFEST.match(head)):
        what = (
            "a baseline of SageMaker Model Monitor" if head.lstrip()[:1] == b"{" else "a manifest of a batch transform"
        )
        raise InputError(source, "rows, such as the objects that it was made of", f"{what}, which holds none")
    if head.lstrip()[:1] == b"{" and _is_evidently(files[0], head):
        got = "a report of Evidently: scores on bins of their own, which have no common grid with a profile"
        raise InputError(source, f"rows; {_ADVICE}", got)


def _is_evidently(file: LogFile, head: bytes) -> bool:
    """Look for the keys of a snapshot, of 0.7 or before, or of a report as JSON."""
    if file.size > _LARGEST or not any(word in head for word in (b'"metric', b'"suite"', b'"report"')):
        return False
    with file.raw() as stream:
        try:
            content = read_json(stream.read())
        except InputError:
            return False
    if not isinstance(content, dict):
        return False
    if {"report", "metric_results"} <= content.keys() or {"suite", "metrics_ids"} <= content.keys():
        return True
    metrics = content.get("metrics")
    return (
        isinstance(metrics, list)
        and bool(metrics)
        and all(isinstance(metric, dict) and metric.keys() & {"metric", "metric_id"} for metric in metrics)
    )
