"""The estimates of `driftmeter performance` as a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from driftmeter.cli.console import console, plain
from driftmeter.errors import unknown_name
from driftmeter.performance.periods import PeriodPerformance
from driftmeter.profile.performance import Task
from driftmeter.profile.profile import Profile

_MAIN: Mapping[Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "accuracy", "f1"),
    "multiclass": ("roc_auc", "accuracy", "f1"),
    "regression": ("mae", "rmse", "bias"),
}
ASSUMPTION = "Assumes that labels depend on the features as in the reference."


def shown_metrics(task: Task, periods: Sequence[PeriodPerformance], asked: Sequence[str]) -> list[str]:
    """Return the metrics to show, in order; raises InputError on one that there is not."""
    known = list(dict.fromkeys(name for period in periods for name in period.estimates.metrics))
    if "all" in asked:
        return known
    for name in asked:
        if name not in known:
            raise unknown_name("metric", name, known)
    return list(dict.fromkeys(asked)) or [name for name in _MAIN[task] if name in known]


def outside(
    periods: Sequence[PeriodPerformance],
    metrics: Collection[str],
    least: Mapping[str, float],
    most: Mapping[str, float],
) -> list[tuple[str, str]]:
    """Return period and metric of each estimate that is out of bounds: those given, or the reference's own range.

    Only `metrics` count, those that are shown: of all there are one or another is out of its range by chance.
    """
    found = []
    for period in periods:
        for name, one in period.estimates.metrics.items():
            if name not in metrics:
                continue
            if least or most:
                low, high = least.get(name, float("-inf")), most.get(name, float("inf"))
                out = one.value is not None and not low <= one.value <= high
            else:
                out = one.worse
            if out:
                found.append((period.name, name))
    return found


def show_performance(
    profile: Profile,
    periods: Sequence[PeriodPerformance],
    metrics: Sequence[str],
    found: Collection[tuple[str, str]],
) -> None:
    """Print a line for each period and metric, and why estimates may be wrong."""
    out = console()
    labelled = any(period.labelled for period in periods)
    table = Table("period", box=None, header_style="bold", pad_edge=False)
    table.add_column("rows", justify="right")
    table.add_column("metric")
    for name in ("estimate", "95 % interval", *(["realised"] if labelled else []), "reference's range"):
        table.add_column(name, justify="right")
    table.add_column("")
    for period in periods:
        estimates = period.estimates
        for number, name in enumerate(metrics):
            one = estimates.metrics.get(name)
            marks = Text()
            if (period.name, name) in found:
                marks.append("outside", "bold red")
            if estimates.unreliable:
                marks.append(" unreliable" if marks else "unreliable", "yellow")
            table.add_row(
                plain(period.name) if number == 0 else "",
                f"{period.rows:,}" if number == 0 else "",
                plain(name),
                _number(one.value if one else None),
                _range((one.low, one.high) if one else None),
                *([_number(period.realised.get(name))] if labelled else []),
                _range(one.usual if one else None),
                marks,
            )
    out.print(table)
    out.print()
    reasons = dict.fromkeys((period.name, reason) for period in periods for reason in period.estimates.unreliable)
    for period_name, reason in list(reasons)[:8]:
        out.print(plain(f"{period_name}: unreliable, {reason}"), style="yellow", soft_wrap=True)
    if len(reasons) > 8:
        out.print(f"… and {len(reasons) - 8} more; --json has all.", style="yellow")
    out.print(ASSUMPTION, soft_wrap=True)
    worse = len({name for name, _ in found})
    summary = f"outside in {worse} of {len(periods)} periods" if worse else "nothing outside"
    out.print(Text.assemble(plain(profile.model), ": ", (summary, "bold red" if worse else "green")), soft_wrap=True)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _range(ends: tuple[float | None, float | None] | None) -> str:
    if ends is None or ends[0] is None:
        return "–"
    return f"{_number(ends[0])} – {_number(ends[1])}"
