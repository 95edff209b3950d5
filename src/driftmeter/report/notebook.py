"""What a notebook shows of a report: the verdict, what drifts and why, and pictures of the worst features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftmeter.page.order import in_order
from driftmeter.page.texts import as_html
from driftmeter.report.texts import effect_text

if TYPE_CHECKING:
    from driftmeter.report.batch import Report

_MOST_ROWS, _MOST_PICTURES = 50, 3


def notebook(report: Report) -> str:
    """Return a fragment of HTML, without scripts: notebooks that are not trusted show it too."""
    verdict = report.verdict.to_json()
    features = in_order(verdict["features"], {})
    drifting = [one for one in features if one["drifting"]]
    head = f"<strong>{as_html(verdict['model'])}: {verdict['state']}</strong>, {verdict['rows']:,} rows"
    summary = f"<p>{as_html(verdict['summary'])}</p>" if verdict.get("summary") else ""
    notes = "".join(f"<p><em>{as_html(note)}</em></p>" for note in report.notes)
    rows = "".join(
        f"<tr><td>{as_html(one['feature'])}</td><td>{one['state']}</td><td>{one['severity']}</td>"
        f"<td>{effect_text(one['effect'])}</td><td style='text-align: left'>{as_html(one['why'])}</td></tr>"
        for one in features[:_MOST_ROWS]
    )
    left = f"<p>… and {len(features) - _MOST_ROWS:,} more</p>" if len(features) > _MOST_ROWS else ""
    pictures = "".join(report.to_svg(one["feature"]) for one in drifting[:_MOST_PICTURES])
    return (
        f"<div><p>{head}</p>{summary}{notes}<table><thead><tr><th>feature</th><th>state</th><th>severity</th>"
        f"<th>effect</th><th>why</th></tr></thead><tbody>{rows}</tbody></table>{left}{pictures}</div>"
    )
