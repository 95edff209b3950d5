"""One feature as a document: its verdict, its shape in the window, and every score with its limit."""

from __future__ import annotations

from collections.abc import Mapping

from driftmeter.page.scores import scores_of
from driftmeter.page.shape import shape_of
from driftmeter.profile.feature import Feature
from driftmeter.settings.model import ModelSettings
from driftmeter.types import JSON, Counts


def feature_page(
    feature: Feature,
    settings: ModelSettings,
    verdict: JSON,
    counts: Counts,
    new: Mapping[str, int],
    tests: Mapping[str, JSON],
) -> JSON:
    """Return what the page shows of a feature beside its verdict, given as JSON: `column`, `shape` and `scores`.

    `counts` (bins,) are the feature's in the window that is shown, `new` its rows by texts of new categories, `tests`
    the scores of the drift tests, as JSON.
    """
    return {
        "column": feature.column,
        "shape": shape_of(feature, counts, new),
        "scores": scores_of(verdict, settings, tests),
    }
