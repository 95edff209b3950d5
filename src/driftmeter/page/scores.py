"""Scores as a person reads them: each with the limit that it is compared with, and what it measures, in a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from driftmeter.drift.registry import DRIFT_TESTS_BY_NAME
from driftmeter.settings.model import ModelSettings
from driftmeter.types import JSON
from driftmeter.verdict.severity import MINOR

_P = "p is how likely so much is by chance alone."
_WHAT = {
    "ks": f"The largest gap between the two cumulative distributions, as a share of the rows. {_P}",
    "chi_square": f"How far the shares of the bins are from the reference's, against chance. {_P}",
    "chi_square_hashed": f"The same over many groups of categories, by their hash. {_P}",
    "psi": "The population stability index: 0.1 is usually called minor, 0.25 major. It holds chance, too.",
    "jensen_shannon": "The distance of the two distributions by the information in them: 0 is equal, 1 is apart.",
    "hellinger": "The distance of the two distributions by the roots of their shares: 0 is equal, 1 is apart.",
    "total_variation": "The share of the rows that would have to move for the two to be equal.",
    "wasserstein": "By how much the values would have to move on average, in the unit of the test.",
    "vanished": f"The share of the reference whose categories are gone. {_P}",
    "missing": f"How much the share of missing values has grown. {_P}",
    "unreadable": f"How much the share of values has grown that cannot be read. {_P}",
    "unseen": f"How much the share of categories has grown that the reference never held. {_P}",
    "out_of_range": f"How much the share of values has grown that are out of the reference's range. {_P}",
}


def scores_of(verdict: JSON, settings: ModelSettings, tests: Mapping[str, JSON]) -> list[JSON]:
    """Return the scores of a feature, given as its verdict's JSON: first the two that decide, then those of `tests`.

    `threshold` is what `of` (statistic or p_value) is compared with, None where nothing is; `drifting` says whether it
    is past that.
    """
    tolerance = settings.tolerance_of(verdict["feature"])
    return [
        _score(
            "evidence",
            verdict["evidence"],
            None,
            0.0,
            "How sure a lasting change is, as a power of ten: 0 is the alarm, 1 is ten times surer. It decides.",
        ),
        _score(
            "effect",
            verdict["effect"],
            None,
            tolerance,
            "How large the change is, as a stability index without what chance adds. Below the limit none is a drift.",
        ),
        *(
            _score(name, one["statistic"], one["p_value"], _limit(name, one, settings), _what(name))
            for name, one in tests.items()
        ),
    ]


def _score(name: str, statistic: float | None, p_value: float | None, limit: float | None, what: str) -> JSON:
    of = None if limit is None else "statistic" if p_value is None else "p_value"
    drifting = None
    if limit is not None:
        past = statistic is not None and statistic >= limit
        drifting = past if p_value is None else p_value <= limit
    unit = getattr(DRIFT_TESTS_BY_NAME.get(name), "unit", "")
    return {
        "test": name,
        "statistic": statistic,
        "p_value": p_value,
        "unit": unit,
        "of": of,
        "threshold": limit,
        "drifting": drifting,
        "what": what,
    }


def _limit(name: str, score: JSON, settings: ModelSettings) -> float | None:
    if score["p_value"] is not None:
        return settings.false_discovery_rate
    return MINOR if name == "psi" else None


def _what(name: str) -> str:
    """Say what a test measures: in plain words, or else as its own docstring has it."""
    text = _WHAT.get(name)
    return text if text is not None else (inspect.getdoc(DRIFT_TESTS_BY_NAME.get(name)) or "").partition("\n")[0]
