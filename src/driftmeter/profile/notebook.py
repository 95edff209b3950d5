"""What a notebook shows of a profile: its columns, what became of each, and what was left out."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from driftmeter.profile import bin_names

if TYPE_CHECKING:
    from driftmeter.profile.profile import Profile

_MOST_ROWS = 200


def notebook(profile: Profile) -> str:
    """Return a fragment of HTML, without scripts: notebooks that are not trusted show it too."""
    rows = "".join(
        f"<tr><td>{escape(feature.name)}</td><td>{feature.kind}</td><td>{feature.role}</td><td>{feature.size}</td>"
        f"<td>{feature.counts[feature.grid.special[bin_names.MISSING]] / max(sum(feature.counts), 1):.1%}</td></tr>"
        for feature in profile.features[:_MOST_ROWS]
    )
    more = len(profile.features) - _MOST_ROWS
    left = f"<p>… and {more:,} more</p>" if more > 0 else ""
    left += "".join(
        f"<p><em>left out: {escape(column)}, {escape(why)}</em></p>" for column, why in profile.left_out.items()
    )
    return (
        f"<div><p><strong>{escape(profile.model)}</strong>: profile of {profile.rows:,} rows, digest "
        f"{profile.digest[:12]}</p><table><thead><tr><th>feature</th><th>kind</th><th>role</th><th>bins</th>"
        f"<th>missing</th></tr></thead><tbody>{rows}</tbody></table>{left}</div>"
    )
