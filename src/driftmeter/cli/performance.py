"""`driftmeter performance`: how well the model does, estimated without labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import click

from driftmeter.cli.log_options import log_bar, log_options
from driftmeter.cli.params import encoding_option, say


class _Assignments(click.ParamType[dict[str, float]]):
    """Names with numbers: tp=0,fp=-5."""

    name = "name=number,…"

    def convert(
        self, value: str | dict[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        """Return the numbers by name."""
        if isinstance(value, dict):
            return value
        numbers: dict[str, float] = {}
        for part in value.split(","):
            name, equals, number = part.partition("=")
            try:
                numbers[name.strip()] = float(number) if equals else float("nan")
            except ValueError:
                equals = ""
            if not equals or numbers[name.strip()] != numbers[name.strip()]:
                self.fail(f"expected names with numbers, such as accuracy=0.9, got {part!r}", param, ctx)
        return numbers


ASSIGNMENTS = _Assignments()


@click.command(short_help="Estimate a model's performance without labels: exit 1 if it is worse.")
@click.argument("data", type=click.Path())
@click.option("--profile", type=click.Path(), default="profile.json", show_default=True, metavar="FILE",
              help="The profile, made with --prediction and --label.")  # fmt: skip
@click.option("--by", type=click.Choice(["day"]), help="A line for each day of --time.")
@click.option("--chunk", type=click.IntRange(1), metavar="N", help="A line for each N rows, in the order of DATA.")
@click.option("--time", metavar="COLUMN", help="When each row was, for --by.  [default: the profile's]")
@click.option("--label", metavar="COLUMN", help="The truth, shown beside the estimate.  [default: the profile's, if "
              "DATA has it]")  # fmt: skip
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Show NAME, or all. Repeatable.  [default: "
              "roc_auc, accuracy, f1; or mae, rmse, bias]")  # fmt: skip
@click.option("--cost", type=ASSIGNMENTS, metavar="tp=…,fp=…,fn=…,tn=…", help="The business value of each outcome: "
              "adds the metric value, per row. Binary only.")  # fmt: skip
@click.option("--at-least", type=ASSIGNMENTS, multiple=True, metavar="NAME=NUMBER", help="Exit with 1 where the "
              "estimate is less, instead of outside the reference's own range. Repeatable.")  # fmt: skip
@click.option("--at-most", type=ASSIGNMENTS, multiple=True, metavar="NAME=NUMBER", help="The same where it is more.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
@encoding_option
@log_options
@click.pass_context
def performance(
    ctx: click.Context,
    data: str,
    profile: str,
    by: Literal["day"] | None,
    chunk: int | None,
    time: str | None,
    label: str | None,
    metrics: Sequence[str],
    cost: dict[str, float] | None,
    at_least: Sequence[dict[str, float]],
    at_most: Sequence[dict[str, float]],
    as_json: bool,
    encoding: str | None,
    form: str,
    columns: str | None,
    ground_truth: str | None,
    allow_unreadable_records: bool,
) -> None:
    """Estimate the performance of a model on DATA, a file or a log, from what the profile knows of its labels.

    It assumes that labels depend on features as in the reference: it sees what moved inputs do to the model, and does
    not see that the world changed. Where DATA has labels, the realised performance stands beside it.

    Exits with 0, with 1 where an estimate that is shown is worse than the reference's own range, with 2 for an error.

    \b
    driftmeter profile train.csv --model credit --prediction score --label paid_back -o profile.json
    driftmeter performance today.csv --profile profile.json --by day
    driftmeter performance today.csv --at-least accuracy=0.9 --json
    """
    from dataclasses import replace

    from driftmeter.cli.performance_table import outside, show_performance, shown_metrics
    from driftmeter.data.files.for_profile import read_data_batches
    from driftmeter.logs.columns import LogColumns
    from driftmeter.logs.read import open_log
    from driftmeter.performance.metrics import OUTCOMES
    from driftmeter.performance.periods import Cut, performance_of
    from driftmeter.profile.profile import Profile

    if by is not None and chunk is not None:
        raise click.UsageError("--by and --chunk exclude each other", ctx)
    if time is not None and by is None:
        raise click.UsageError("--time is for --by", ctx)
    reference = Profile.load(profile)
    known = reference.performance
    if cost is not None and (set(cost) - set(OUTCOMES) or (known is not None and known.task != "binary")):
        raise click.UsageError(f"--cost: expected values of {', '.join(OUTCOMES)}, and a binary task", ctx)
    labels = [name for name in (label or (known.label if known else None),) if name is not None]
    as_text = [name for name in labels if known is not None and known.label_type == "string"]
    truth_of = {"truth": ground_truth, "label": labels[0] if labels else None}
    with log_bar(form, columns, allow_unreadable_records, data, **truth_of) as options:
        names = LogColumns.of(reference, options.order, time=by is not None, also=labels, as_text=as_text)
        names = replace(names, label=labels[0]) if labels else names
        log = open_log(data, names, options, say=say)
        time = time or (log.time if log is not None else None) or reference.time
        formatted = reference.time_format if time == reference.time else None
        also = [*labels, *([] if by is None or time is None else [time])]
        texts = [*as_text, *([] if formatted is None or time is None else [time])]
        file = log or read_data_batches(data, reference, also=also, as_text=texts, encoding=encoding, say=say)
        cut = Cut(by, chunk, time, formatted, reference.zone)
        periods = performance_of(reference, file.names, file.tables, cut=cut, label=label, cost=cost)
    assert known is not None  # performance_of says so
    least = {name: bound for one in at_least for name, bound in one.items()}
    most = {name: bound for one in at_most for name, bound in one.items()}
    shown = shown_metrics(known.task, periods, [*metrics, *least, *most, *(["value"] if cost else [])])
    found = outside(periods, shown, least, most)
    if as_json:
        document = {
            "model": reference.model,
            "profile": reference.digest,
            "task": known.task,
            "periods": [period.to_json() for period in periods],
            "outside": [{"period": period, "metric": metric} for period, metric in found],
        }
        click.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))
    else:
        show_performance(reference, periods, shown, found)
    ctx.exit(1 if found else 0)
