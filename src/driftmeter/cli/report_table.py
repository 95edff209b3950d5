"""The verdict of `driftmeter check` as a table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from driftmeter.cli.console import COLOURS, console, plain
from driftmeter.page.order import in_order
from driftmeter.page.texts import printable
from driftmeter.report.batch import Report
from driftmeter.report.texts import effect_text, p_text, rate_text

_MOST_NOTES = 8
_MOST_TOLD = 12


def show_report(report: Report) -> None:
    """Print the verdict: a line for each feature, the causes first, what changed, and what was not as expected."""
    out = console()
    features = in_order(report.verdict.to_json()["features"], {})
    table = Table("feature", "role", "state", "severity", box=None, header_style="bold", pad_edge=False)
    # nearly all data has nothing unreadable: then there is no column for it
    rates = ["missing", *(["unreadable"] if report.unreadable.values else []), "unseen", "out_of_range"]
    for name in ("effect", "p-value", *rates):
        table.add_column(name.replace("_", " "), justify="right")
    for feature in features:
        table.add_row(
            plain(feature["feature"]),
            feature["role"],
            Text(feature["state"], COLOURS.get(feature["state"], "")),
            feature["severity"],
            effect_text(feature["effect"]),
            p_text(feature["p_value"]),
            *(rate_text(feature, rate) for rate in rates),
        )
    out.print(table)
    out.print()
    told = [feature for feature in features if feature["drifting"]]
    for feature in told[:_MOST_TOLD]:
        follows = f", follows {feature['follows']}" if feature["follows"] else ""
        out.print(plain(f"{feature['feature']}{follows}: {feature['why']}"), soft_wrap=True)
    if len(told) > _MOST_TOLD:
        out.print(f"… and {len(told) - _MOST_TOLD} more that drift; --json and --html have all.")
    if told:
        out.print()
    for note in report.notes[:_MOST_NOTES]:
        out.print(plain(note), style="yellow", soft_wrap=True)
    if len(report.notes) > _MOST_NOTES:
        out.print(f"… and {len(report.notes) - _MOST_NOTES} more; --json and --html have all.", style="yellow")
    drifting = sum(feature.drifting for feature in report.verdict.features)
    state = report.verdict.state
    blamed = report.verdict.to_json()["summary"] if len(told) > 1 else None
    if blamed:
        out.print(plain(blamed), soft_wrap=True)
    summary = (
        f"{drifting} of {len(report.verdict.features)} features drift" if state != "insufficient" else "not judged"
    )
    out.print(
        Text.assemble(
            printable(report.verdict.model), ": ", (state, COLOURS[state]), f", {report.rows:,} rows, {summary}"
        ),
        soft_wrap=True,
    )
