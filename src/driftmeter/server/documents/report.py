"""The page of a model as one file: what it shows at this moment, with nothing left to ask a server for."""

from __future__ import annotations

import msgspec

from driftmeter.page.saved import MOST_FEATURES, path_of, saved_page
from driftmeter.server.documents.documents import Documents, Span
from driftmeter.types import JSON

_MOST_TIMELINES = 50
"""Features whose past is in a file, the worst: a timeline is most of what is stored of a feature."""
_POINTS = 96


def saved_report(documents: Documents, model: str, digest: str | None = None) -> str:
    """Return the page of a model as HTML; raises as the methods of `documents` do."""
    overview = documents.overview(model, digest)
    digest = overview["profile"]
    day = Span(None, None, _POINTS)
    # NaN, where there was no verdict, is null in JSON
    trends: JSON = msgspec.json.decode(msgspec.json.encode(documents.trends(model, day, digest)))
    held: dict[str, JSON] = {
        path_of(model, "trends"): trends,
        path_of(model, "profile", "summary"): documents.profile(model, digest),
        path_of(model, "incidents"): {"model": model, "incidents": overview["incidents"]},
    }
    for place, entry in enumerate(overview["features"][:MOST_FEATURES]):
        name = entry["feature"]
        held[path_of(model, "features", name)] = documents.feature(model, name, digest)
        if place < _MOST_TIMELINES:
            held[path_of(model, "features", name, "timeline")] = documents.timeline(model, name, day, digest)
    return saved_page(overview, held)
