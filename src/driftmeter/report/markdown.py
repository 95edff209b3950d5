"""A report as Markdown, for a pull request or the summary of a CI job: what drifts and why, in a few lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from driftmeter.page.texts import printable
from driftmeter.report.texts import effect_text, p_text, rate_text

_MARKS = {"drifting": "🔴", "pending": "🟡", "ok": "🟢"}
_SYNTAX = re.compile(r"[\\`*_{}\[\]<>()|~&!]")
_LINKED = re.compile(r"[@#]|(?<=://)")
_WORD_JOINER = "\u2060"
"""Between @ and a name, or # and a number, it keeps a forge from calling a user or linking an issue."""
_MOST_ROWS = 200
"""Forges refuse long comments: GitHub from 65,536 characters on."""


def markdown(verdict: Mapping[str, Any], features: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> str:
    """Return a verdict, given as its public JSON, as Markdown in GitHub's dialect; `features` in the order of the page.

    What drifts has a line with its reason; all features are in a table that is folded. Names and categories are text,
    whatever they hold.
    """
    drifting = [feature for feature in features if feature["drifting"]]
    judged = verdict["state"] != "insufficient"
    counted = f"{len(drifting)} of {len(features)} features drift" if judged else "too few rows to judge"
    lines = [
        f"### {_MARKS.get(verdict['state'], '⚪')} {escaped(verdict['model'])}: {verdict['state']}",
        "",
        f"{verdict['rows']:,} rows, {counted}.",
    ]
    if drifting:
        lines.append("")
        lines += [
            f"- **{escaped(one['feature'])}** ({one['severity']}{_follows(one)}): {escaped(one['why'])}"
            for one in drifting[:_MOST_ROWS]
        ]
    if notes:
        lines += ["", *(f"> {escaped(note)}  " for note in notes)]
    lines += ["", "<details><summary>All features</summary>", "", *_table(features[:_MOST_ROWS]), ""]
    if len(features) > _MOST_ROWS:
        lines += [f"… and {len(features) - _MOST_ROWS:,} more.", ""]
    return "\n".join([*lines, "</details>", ""])


def _follows(feature: Mapping[str, Any]) -> str:
    return f", follows {escaped(feature['follows'])}" if feature.get("follows") else ""


def _table(features: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["| feature | state | severity | effect | p-value | missing |", "|---|---|---|--:|--:|--:|"]
    for one in features:
        cells = (escaped(one["feature"]), one["state"], one["severity"], effect_text(one["effect"]))
        lines.append(f"| {' | '.join((*cells, escaped(p_text(one['p_value'])), rate_text(one, 'missing')))} |")
    return lines


def escaped(text: str) -> str:
    r"""Return a text as Markdown that shows it, on one line: no markup, no mention, no link.

    >>> escaped("a|b <b> *x* [y](z)")
    'a\\|b \\<b\\> \\*x\\* \\[y\\]\\(z\\)'
    """
    shown = _SYNTAX.sub(r"\\\g<0>", printable(text))
    return _LINKED.sub(rf"\g<0>{_WORD_JOINER}", shown)
