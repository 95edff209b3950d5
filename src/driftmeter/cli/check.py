"""`driftmeter check`: a file against a profile."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import click

from driftmeter.cli.log_options import label_option, log_bar, log_options
from driftmeter.cli.params import encoding_option, say
from driftmeter.timestamps import iso
from driftmeter.verdict.severity import SEVERITIES, Severity, rank, worst_severity


@click.command(short_help="Compare a file with a profile: exit 0 no drift, 1 drift.")
@click.argument("profile", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as one JSON object, and nothing else.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a report as one HTML page.")
@click.option("--md", "markdown", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write a summary as Markdown, for a pull request.")  # fmt: skip
@click.option("--junit", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write JUnit XML, for CI: a test for each feature.")  # fmt: skip
@click.option("--openlineage", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write an OpenLineage event, for a data catalogue.")  # fmt: skip
@click.option("--svg", type=click.Path(dir_okay=False), metavar="FILE", help="Draw one feature as SVG, for a ticket.")
@click.option("--png", type=click.Path(dir_okay=False), metavar="FILE", help="Draw one feature as PNG.")
@click.option("--feature", metavar="NAME", help="The feature that is drawn.  [default: the worst]")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing; the exit code is the answer.")
@click.option("--min-rows", type=click.IntRange(1), default=200, show_default=True, metavar="N",
              help="Fewer rows are not judged.")  # fmt: skip
@click.option("--tolerance", type=click.FloatRange(0, 10), default=0.01, show_default=True, metavar="PSI",
              help="Least effect that counts as drift.")  # fmt: skip
@click.option("--false-discovery-rate", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01,
              show_default=True, metavar="RATE", help="Share of false alarms among the features flagged.")  # fmt: skip
@click.option("--fail-from", type=click.Choice(SEVERITIES[1:]), default=SEVERITIES[1], show_default=True,
              help="Exit with 1 only for drift of at least this severity.")  # fmt: skip
@encoding_option
@log_options
@label_option
@click.pass_context
def check(
    ctx: click.Context,
    profile: str,
    data: str,
    as_json: bool,
    html: str | None,
    markdown: str | None,
    junit: str | None,
    openlineage: str | None,
    svg: str | None,
    png: str | None,
    feature: str | None,
    quiet: bool,
    min_rows: int,
    tolerance: float,
    false_discovery_rate: float,
    fail_from: Severity,
    encoding: str | None,
    form: str,
    columns: str | None,
    ground_truth: str | None,
    label: str,
    allow_unreadable_records: bool,
) -> None:
    """Compare all rows of DATA, a file or a log, with PROFILE. Exits with 0 for no drift, 1 for drift, 2 for an error.

    Too few rows to judge are no drift; the state then says insufficient.

    \b
    driftmeter check profile.json today.parquet --html report.html
    driftmeter check profile.json today.parquet --junit drift.xml --md drift.md
    driftmeter check profile.json s3-copy/endpoint/AllTraffic/2026/11/30
    driftmeter check profile.json today.csv --json | jq '.features[] | select(.drifting).feature'
    """
    from pathlib import Path

    from driftmeter.cli.lean import import_scipy_special

    import_scipy_special()
    from driftmeter.cli.report_table import show_report
    from driftmeter.data.files.for_profile import read_data_batches
    from driftmeter.data.files.how import silent
    from driftmeter.logs.columns import LogColumns
    from driftmeter.logs.read import open_log
    from driftmeter.profile.profile import Profile
    from driftmeter.report import compare_batches
    from driftmeter.report.picture import as_png
    from driftmeter.settings.model import ModelSettings

    reference = Profile.load(profile)
    settings = ModelSettings(min_rows=min_rows, tolerance=tolerance, false_discovery_rate=false_discovery_rate)
    if feature is not None and not (svg or png):
        raise click.UsageError("--feature says what --svg or --png draws: give one of them")
    tell = silent if quiet else say
    with log_bar(form, columns, allow_unreadable_records, data, truth=ground_truth, label=label) as options:
        log = open_log(data, LogColumns.of(reference, options.order, label=label), options, say=tell)
        file = log or read_data_batches(data, reference, encoding=encoding, say=tell)
        report = compare_batches(reference, file.names, file.tables, settings=settings)
    if html:
        Path(html).write_text(report.to_html(), encoding="utf-8")
    if markdown:
        Path(markdown).write_text(report.to_markdown(), encoding="utf-8")
    if junit:
        Path(junit).write_text(report.to_junit(fail_from=fail_from), encoding="utf-8")
    if openlineage:
        path = Path(data).absolute()
        event = report.to_openlineage(
            ("file", str(path)), run=str(uuid4()), at=iso(int(time.time() * 1000)), fail_from=fail_from
        )
        Path(openlineage).write_text(json.dumps(event, ensure_ascii=False), encoding="utf-8")
    if svg:
        Path(svg).write_text(report.to_svg(feature), encoding="utf-8")
    if png:
        Path(png).write_bytes(as_png(report.to_svg(feature)))
    if as_json and not quiet:
        click.echo(json.dumps(report.to_json(), ensure_ascii=False, allow_nan=False))
    elif not quiet:
        show_report(report)
    worst = worst_severity(feature.severity for feature in report.verdict.features)
    ctx.exit(1 if report.drifting and rank(worst) >= rank(fail_from) else 0)
