"""The report as one page of HTML: nothing fetched, readable without colours and without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.report.chart import chart
from driftmeter.report.legend import legend
from driftmeter.report.ondemand import DATA_ID, SCRIPT, SCRIPT_DIGEST, packed
from driftmeter.report.texts import effect_text, members_text, p_text, printable, rate_text
from driftmeter.types import JSON
from driftmeter.verdict.severity import MAJOR, MINOR, worst_severity
from driftmeter.verdict.summary import blame_order
from driftmeter.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

STATES = ("drifting", "pending", "calibrating", "uncalibrated", "insufficient", "ok")
"""Worst first."""
FEWEST_DRAWN, MOST_DRAWN = 30, 100
"""Features that are drawn on the page: the worst FEWEST_DRAWN, and up to MOST_DRAWN that drift. Thousands of charts
would make it so large that no browser opens it; the others are drawn when their row is opened."""
_RATES = {"missing": "missing", "unseen": "unseen", "out_of_range": "out of range"}


def render_html(
    profile: Profile,
    verdict: JSON,
    counts: Mapping[str, Sequence[int]],
    *,
    notes: Iterable[str] = (),
    incidents: Iterable[JSON] = (),
) -> str:
    """Return the page of a verdict, given as its public JSON, on a batch or a live window.

    `counts` maps a feature's name to its counts over the bins of its grid, reference and window alike; a
    feature without counts has no chart. `notes` are sentences shown above the table, `incidents` the open
    ones, also as their public JSON. The result is also well-formed XML.
    """
    features = in_order(verdict["features"])
    profiled = {feature.name: feature for feature in profile.features}
    drifting = sum(bool(feature["drifting"]) for feature in features)
    drawn = min(max(FEWEST_DRAWN, drifting), MOST_DRAWN, len(features))
    later = [
        profiled[name] for feature in features[drawn:] if (name := feature["feature"]) in profiled and name in counts
    ]
    tests = {name for feature in features for name in feature.get("tests") or ()}
    return (
        _templates()
        .get_template("page.html")
        .render(
            profile=profile,
            verdict=verdict,
            notes=list(notes),
            incidents=list(incidents),
            drifting=drifting,
            worst=worst_severity(feature["severity"] for feature in features if feature["drifting"])
            if drifting
            else "",
            minor=MINOR,
            major=MAJOR,
            profiled=profiled,
            drawn=features[:drawn],
            charts=[_chart(profiled.get(feature["feature"]), counts) for feature in features[:drawn]],
            others=features[drawn:],
            chart_numbers={feature.name: number for number, feature in enumerate(later)},
            tests=legend(tests),
            bars=packed((feature, counts[feature.name]) for feature in later) if later else "",
            bars_id=DATA_ID,
            script=SCRIPT,
            script_digest=SCRIPT_DIGEST,
            version=__version__,
        )
    )


def in_order(features: Iterable[JSON]) -> list[JSON]:
    """Sort the features of a verdict: what drifts first, causes before followers, by severity and effect."""
    return sorted(
        features,
        key=lambda feature: (
            STATES.index(feature["state"]) if feature["state"] in STATES else len(STATES),
            blame_order(feature),
        ),
    )


def _chart(feature: Feature | None, counts: Mapping[str, Sequence[int]]) -> Markup:
    return chart(feature, counts[feature.name]) if feature is not None and feature.name in counts else Markup()


def _changed_rates(feature: JSON) -> list[str]:
    """Return the rates that differ between reference and window, in words."""
    return [f"{words} {rate}" for name, words in _RATES.items() if (rate := rate_text(feature, name, changed=True))]


@cache
def _templates() -> Environment:
    """Return the environment of the templates: every value is escaped, and must be there.

    jinja2 is imported here, so that neither the SDK nor the other commands load it.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("driftmeter.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else printable(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        changed_rates=_changed_rates,
        effect_text=effect_text,
        members_text=members_text,
        p_text=p_text,
        rate_text=rate_text,
        thousands="{:,}".format,
    )
    return environment
