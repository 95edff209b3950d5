"""The documents of a report: what the page shows of a file that was compared with a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from driftmeter.page.feature import feature_page
from driftmeter.page.overview import Standing, overview
from driftmeter.page.profile_summary import profile_summary
from driftmeter.page.saved import MOST_FEATURES, path_of, saved_page
from driftmeter.page.thumbnails import Thumbnails
from driftmeter.panes.timing import Timing
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.types import JSON, Counts


def report_page(
    profile: Profile,
    settings: ModelSettings,
    verdict: JSON,
    counts: Counts,
    new: Mapping[str, Mapping[str, int]],
    notes: Sequence[str] = (),
) -> str:
    """Return the report on a file as one page of HTML that fetches nothing.

    `counts` (bins,) are those of the file, `new` its rows by feature and text of new categories.
    """
    model = verdict["model"]
    shown = overview(
        profile,
        settings,
        verdict,
        Standing(0, 0, Timing()),
        densities=Thumbnails(profile).of(counts),
        hours=None,
        days=None,
    )
    documents: dict[str, JSON] = {
        path_of(model, "profile", "summary"): profile_summary(profile),
        path_of(model, "incidents"): {"model": model, "incidents": []},
    }
    verdicts = {one["feature"]: one for one in verdict["features"]}
    described = {feature.name: (feature, part) for feature, part in profile.slices()}
    for entry in shown["features"][:MOST_FEATURES]:
        name = entry["feature"]
        feature, part = described[name]
        view = feature_view(feature, settings, verdicts[name], counts[part], new.get(name, {}))
        documents[path_of(model, "features", name)] = view
    # a file has no moment: nothing says when it was now
    return saved_page({**shown, "at": None, "notes": list(notes)}, documents)


def feature_view(
    feature: Feature, settings: ModelSettings, verdict: JSON, counts: Counts, new: Mapping[str, int]
) -> JSON:
    """Return the document of one feature, whose verdict is given as JSON.

    `counts` (bins,) are its own, `new` its rows by text of new categories.
    """
    return {
        **verdict,
        "kind": feature.kind,
        "windows": {"judging": {"start": None, "end": None, "rows": int(counts.sum()), "tests": verdict["tests"]}},
        "findings": [],
        "at": None,
        **feature_page(feature, settings, verdict, counts, new, verdict["tests"]),
    }
