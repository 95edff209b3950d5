"""The report as one page of HTML: nothing fetched, readable without colours and without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.report.chart import chart, escape, percent
from driftmeter.report.ondemand import DATA_ID, SCRIPT, SCRIPT_DIGEST, packed
from driftmeter.report.style import CSS
from driftmeter.types import JSON
from driftmeter.verdict.severity import MAJOR, MINOR, rank, worst_severity
from driftmeter.version import __version__

STATES = ("drifting", "pending", "calibrating", "uncalibrated", "insufficient", "ok")
"""Worst first."""
FEWEST_DRAWN, MOST_DRAWN = 30, 100
"""Features that are drawn on the page: what drifts up to the most, and at least the worst few. Thousands of charts
would make it so large that no browser opens it; the others are drawn when their row is opened."""
_RATES = {"missing": "missing", "unseen": "unseen", "out_of_range": "out of range"}


def render_html(
    profile: Profile,
    verdict: JSON,
    counts: Mapping[str, Sequence[int]],
    *,
    notes: Iterable[str] = (),
) -> str:
    """Return the page of a verdict, given as its public JSON, on a batch or a live window.

    `counts` maps a feature's name to its counts over the bins of its grid, reference and window alike; a
    feature without counts has no chart. `notes` are sentences shown above the table. The result is also
    well-formed XML.
    """
    features = in_order(verdict["features"])
    known = {feature.name: feature for feature in profile.features}
    drawn = min(max(FEWEST_DRAWN, sum(bool(each["drifting"]) for each in features)), MOST_DRAWN, len(features))
    later = [known[name] for each in features[drawn:] if (name := each["feature"]) in known and name in counts]
    title = f"{verdict['model']}: {verdict['state']}"
    scripts = f"script-src '{SCRIPT_DIGEST}'; " if later else ""
    parts = [
        '<!DOCTYPE html>\n<html lang="en" xmlns="http://www.w3.org/1999/xhtml"><head><meta charset="utf-8"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; {scripts}'
        "style-src 'unsafe-inline'; img-src data:\"/>",
        f'<link rel="icon" href="data:,"/><title>{escape(title)} · driftmeter</title>',
        f"<style>{CSS}</style></head><body>",
        _header(profile, verdict),
        _notes(notes),
        "<main>",
        '<h2 id="features">Features</h2>',
        _table(
            features[:drawn],
            known,
            [
                f'<a href="#feature-{place}">{escape(each["feature"])}</a>'
                for place, each in enumerate(features[:drawn])
            ],
            "Worst first. Effect is the population stability index without what chance adds: "
            f"from {MINOR} on minor, from {MAJOR} on major.",
        ),
        '<h2 id="distributions">Distributions</h2>'
        '<p class="legend"><span class="key">reference</span><span class="key window">window</span>'
        '<span class="soft">share of all rows in each bin of the profile</span></p>',
        '<div class="cards">',
        *(_card(place, each, known.get(each["feature"]), counts) for place, each in enumerate(features[:drawn])),
        "</div>",
        _others(features[drawn:], known, {feature.name: place for place, feature in enumerate(later)}),
        "</main>",
        f"<footer>driftmeter {escape(__version__)} · profile {escape(verdict.get('profile') or profile.digest)}"
        "</footer>",
    ]
    if later:
        data = packed((feature, counts[feature.name]) for feature in later)
        parts.append(f'<script type="text/plain" id="{DATA_ID}">{data}</script><script>{SCRIPT}</script>')
    return "".join([*parts, "</body></html>\n"])


def in_order(features: Iterable[JSON]) -> list[JSON]:
    """Sort the features of a verdict: what drifts first, by severity, then by effect."""
    return sorted(
        features,
        key=lambda each: (
            STATES.index(each["state"]) if each["state"] in STATES else len(STATES),
            -rank(each["severity"]),
            -(each["effect"] or 0.0),
            each["feature"],
        ),
    )


def _header(profile: Profile, verdict: JSON) -> str:
    window = verdict["window"]
    worst = worst_severity(feature["severity"] for feature in verdict["features"] if feature["drifting"])
    drifting = sum(bool(each["drifting"]) for each in verdict["features"])
    facts = [
        ("Features drifting", f"{drifting:,} <small>of {len(verdict['features']):,}</small>"),
        ("Rows", f"{verdict['rows']:,}"),
        ("Rows of the reference", f"{profile.rows:,}"),
    ]
    if window.get("start"):
        facts.append(("Window", f"<small>{escape(window['start'])}<br/>{escape(window['end'])}</small>"))
    if verdict.get("last_drift"):
        facts.append(("Last drift", f"<small>{escape(verdict['last_drift'])}</small>"))
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return (
        f"<header><h1>{escape(verdict['model'])}</h1><p>{_state(verdict['state'], worst)}</p><dl>{cells}</dl></header>"
    )


def _notes(notes: Iterable[str]) -> str:
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{lines}</ul>' if lines else ""


def _others(features: Sequence[JSON], known: Mapping[str, Feature], places: Mapping[str, int]) -> str:
    """List what is not drawn; `places` says where of the packed charts a feature's is."""
    if not features:
        return ""
    drifting = sum(bool(each["drifting"]) for each in features)
    some = f", {drifting:,} of them drifting" if drifting else ""
    return f'<h2 id="others">The other {len(features):,} features{some}</h2>' + _table(
        features,
        known,
        [_folded(each, places.get(each["feature"])) for each in features],
        "Worst first. Each opens: why it is in its state, and how its values are distributed.",
    )


def _table(features: Sequence[JSON], known: Mapping[str, Feature], names: Sequence[str], caption: str) -> str:
    """List features, each under its name as the page shows it."""
    with_since = any(each["since"] for each in features)
    with_evidence = any(each["evidence"] is not None for each in features)
    texts = ["Feature", "Kind", "State", "Severity"]
    numbers = ["Effect", "p-value", *(["Evidence"] if with_evidence else []), "Missing"]
    head = "".join(f'<th scope="col">{name}</th>' for name in texts)
    head += "".join(f'<th scope="col" class="number">{name}</th>' for name in numbers)
    head += '<th scope="col">Since</th>' if with_since else ""
    rows = []
    for name, each in zip(names, features, strict=True):
        feature = known.get(each["feature"])
        kind: str = feature.kind if feature else "–"
        if each["role"] != "feature":
            kind = f"{kind}, {each['role']}"
        cells = [
            f'<th scope="row">{name}</th>',
            f"<td>{escape(kind)}</td>",
            f"<td>{_state(each['state'], each['severity'])}</td>",
            f"<td>{escape(each['severity'])}</td>",
            f'<td class="number">{effect_text(each["effect"])}</td>',
            f'<td class="number">{escape(p_text(each["p_value"]))}</td>',
        ]
        if with_evidence:
            cells.append(f'<td class="number">{effect_text(each["evidence"])}</td>')
        cells.append(f'<td class="number">{rate_text(each, "missing") or "–"}</td>')
        if with_since:
            cells.append(f"<td>{escape(each['since'] or '')}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _folded(each: JSON, place: int | None) -> str:
    """Return a name that opens: why, and the chart at `place` of the packed ones."""
    data = "" if place is None else f' data-chart="{place}"'
    rates = " · ".join(_rates(each))
    said = f'<p class="soft">{escape(rates)}</p>' if rates else ""
    why = escape(each.get("why") or "")
    return f"<details{data}><summary>{escape(each['feature'])}</summary>{said}<p>{why}</p></details>"


def _rates(each: JSON) -> list[str]:
    return [f"{words} {rate}" for name, words in _RATES.items() if (rate := rate_text(each, name, changed=True))]


def _card(place: int, each: JSON, feature: Feature | None, counts: Mapping[str, Sequence[int]]) -> str:
    facts = [f"effect {effect_text(each['effect'])}", f"p {p_text(each['p_value'])}", *_rates(each)]
    found = counts.get(each["feature"])
    drawn = chart(feature, found) if feature is not None and found is not None else ""
    return (
        f'<section id="feature-{place}"><div class="head"><h3>{escape(each["feature"])}</h3>'
        f"{_state(each['state'], each['severity'])}</div>"
        f'<p class="soft">{escape(" · ".join(facts))}</p><p>{escape(each.get("why") or "")}</p>{drawn}</section>'
    )


def _state(state: str, severity: str) -> str:
    style = f"{state} {severity}" if state == "drifting" else state
    return f'<span class="state {escape(style)}">{escape(state)}</span>'


def effect_text(effect: float | None) -> str:
    """Write an effect or evidence with three decimals; nothing known is a dash."""
    return "–" if effect is None else f"{effect:.3f}"


def p_text(p_value: float | None) -> str:
    """Write a p-value with two digits.

    >>> p_text(0.04321), p_text(0.0), p_text(None)
    ('0.043', '< 1e-300', '–')
    """
    if p_value is None:
        return "–"
    return "< 1e-300" if p_value < 1e-300 else f"{p_value:.2g}"


def rate_text(each: Mapping[str, Any], name: str, *, changed: bool = False) -> str:
    """Write a rate of a feature's verdict, reference → window; empty where it has none, or if `changed` is
    asked for and both are the same."""
    rate = (each.get("rates") or {}).get(name)
    if not rate or (changed and rate["reference"] == rate["window"]):
        return ""
    if rate["reference"] == rate["window"] == 0:
        return "0 %"
    return f"{percent(rate['reference'])} → {percent(rate['window'])}"
