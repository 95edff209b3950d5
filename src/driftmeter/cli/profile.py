"""`driftmeter profile`: make a profile of a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click

from driftmeter.cli.log_options import log_bar, log_options
from driftmeter.cli.params import encoding_option, say, time_format_option, unreadable_times_option
from driftmeter.cli.remote import ask, url_option

KINDS = ("categorical", "numeric", "boolean", "hour", "weekday")
_OF_LIVE = ("from_live", "since", "until", "apply", "url")
_KIND_HELP = {
    "categorical": "Treat COLUMN as categories.",
    "numeric": "Treat COLUMN as numbers.",
    "boolean": "Treat COLUMN as true or false.",
    "hour": "Monitor the hour of the date-time COLUMN, on the clocks of --zone.",
    "weekday": "Monitor the weekday of the date-time COLUMN, on the clocks of --zone.",
}


def _columns(flag: str, text: str) -> click.Option:
    return click.Option([f"--{flag}"], multiple=True, metavar="COLUMN", help=f"{text} Repeatable.")


@click.command(short_help="Make a profile of a file.")
@click.argument("data", type=click.Path(), required=False)
@click.option("-o", "--output", type=click.Path(dir_okay=False), default="profile.json", show_default=True,
              metavar="FILE", help="Where to write the profile.")  # fmt: skip
@click.option("--model", metavar="NAME", help="The model that the profile is of; needed with DATA.")
@click.option("--time", metavar="COLUMN", help="When each row was; not a feature.")
@time_format_option
@click.option("--independent", is_flag=True, help="The rows were drawn independently; there is no time in them.")
@click.option("--prediction", metavar="COLUMN", help="What the model answered; monitored under that role.")
@click.option("--label", metavar="COLUMN", help="The truth; not a feature.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]), help="With --prediction and "
              "--label: what the label is; then performance can be estimated.  [default: as they look]")  # fmt: skip
@click.option("--positive", metavar="CLASS", help="The label's positive class.  [default: the larger number, or true]")
@click.option("--threshold", type=float, metavar="SCORE", help="The prediction from which on it is positive.  "
              "[default: 0.5 for probabilities]")  # fmt: skip
@click.option("--probability", "probabilities", multiple=True, metavar="CLASS=COLUMN", help="The column with the "
              "probability of CLASS, for each class, where --prediction is the class. Repeatable.")  # fmt: skip
@click.option("--bins", type=click.IntRange(2, 1024), default=64, show_default=True, metavar="N",
              help="Bins of a number.")  # fmt: skip
@click.option("--no-residuals", is_flag=True, help="Leave out what the other numbers do not explain of each.")
@click.option("--by-hour", is_flag=True, help="With --time: compare each hour of the day with itself.")
@click.option("--zone", metavar="NAME", help="By whose clocks hours and weekdays are told, such as Europe/Berlin; "
              "times that name no zone are of this one.  [default: the column's own, or as written]")  # fmt: skip
@unreadable_times_option
@click.option("--na", multiple=True, metavar="WORD", help="A word that stands for a missing value in CSV, such as NA; "
              "kept in the profile. Repeatable.")  # fmt: skip
@encoding_option
@log_options
@click.option("--show", type=click.Path(dir_okay=False), metavar="FILE", help="Instead of DATA: print what a profile "
              "monitors, what it leaves out and why, and its notes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="With --show: print one JSON object.")
@click.option("--from-live", metavar="MODEL", help="Instead of DATA: what MODEL sees live is normal from now on.")
@click.option("--since", metavar="TIME|DURATION", help="With --from-live: from then on, or for so long until now.")
@click.option("--until", metavar="TIME", help="With --from-live: until then.  [default: now]")
@click.option("--apply", is_flag=True, help="With --from-live: have the server judge by it at once.")
@url_option
@click.pass_context
def profile(
    ctx: click.Context,
    /,
    data: str | None,
    output: str,
    model: str | None,
    time: str | None,
    time_format: str | None,
    independent: bool,
    prediction: str | None,
    label: str | None,
    task: str | None,
    positive: str | None,
    threshold: float | None,
    probabilities: Sequence[str],
    bins: int,
    no_residuals: bool,
    by_hour: bool,
    zone: str | None,
    allow_unreadable_times: bool,
    na: Sequence[str],
    encoding: str | None,
    form: str,
    columns: str | None,
    ground_truth: str | None,
    allow_unreadable_records: bool,
    show: str | None,
    as_json: bool,
    from_live: str | None,
    since: str | None,
    until: str | None,
    apply: bool,
    url: str,
    only: Sequence[str],
    include: Sequence[str],
    exclude: Sequence[str],
    **of_kind: Sequence[str],
) -> None:
    """Make a profile of DATA, a file or a log: what the model was trained or accepted on.

    \b
    driftmeter profile train.parquet -o profile.json --model credit --label paid_back
    driftmeter profile train.csv --model credit --time applied_at --weekday applied_at --categorical zip
    driftmeter profile --from-live credit --since 28d -o next.json
    driftmeter profile --show profile.json
    """
    if show is not None:
        _refuse_others(ctx, "--show", {"show", "as_json"})
        _show(show, as_json=as_json)
        return
    if as_json:
        raise click.UsageError("--json is for --show.", ctx)
    if from_live is not None:
        _refuse_others(ctx, "--from-live", {"output", *_OF_LIVE})
        _from_live(from_live, since, until, url, output, apply=apply)
        return
    if data is None or model is None:
        raise click.UsageError("Give DATA and --model, or --from-live MODEL, or --show FILE.", ctx)
    if since or until or apply:
        raise click.UsageError("--since, --until and --apply are for --from-live.", ctx)
    if by_hour and not time:
        raise click.UsageError("--by-hour needs --time COLUMN.", ctx)
    if time_format and not time:
        raise click.UsageError("--time-format needs --time COLUMN.", ctx)
    if time and independent:
        raise click.UsageError("--time and --independent exclude each other", ctx)
    kinds = _kinds(of_kind, ctx)
    columns_of_classes = _assigned(probabilities, ctx)

    import warnings
    from dataclasses import replace
    from pathlib import Path

    from driftmeter.cli.profile_tables import show_profile
    from driftmeter.data.files import read_table
    from driftmeter.errors import UnreadableWarning
    from driftmeter.logs.columns import LogColumns
    from driftmeter.logs.read import open_log
    from driftmeter.profile.profile import Profile

    # read as text: 1.10 and 1.1 are two categories, and only the text of a time shows its zone
    texts = {name for name, kind in kinds.items() if kind in ("categorical", "hour", "weekday")}
    if time is not None and time_format is not None:
        texts.add(time)
    numbers = {name for name, kind in kinds.items() if kind == "numeric"} - texts
    with log_bar(form, columns, allow_unreadable_records, data, truth=ground_truth, label=label) as options:
        names = LogColumns.of_user(options.order, prediction, label, texts=texts, na=na, zone=zone)
        log = open_log(data, names, options, say=say)
        if log is None:
            table = read_table(data, texts=texts, numbers=numbers, na=na, encoding=encoding, say=say)
        else:
            table = log.table()
            prediction = prediction or log.prediction
            if log.label not in include:  # who includes it wants it monitored
                label = label or log.label
            time = time or (None if independent else log.time)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnreadableWarning)
        made = Profile.fit(
            table,
            model=model,
            time=time,
            time_format=time_format,
            independent=independent,
            prediction=prediction,
            label=label,
            task=task,
            positive=positive,
            threshold=threshold,
            probabilities=columns_of_classes,
            only=only or None,
            include=include,
            exclude=exclude,
            kinds=kinds,
            bins=bins,
            residuals=not no_residuals,
            by_hour=by_hour,
            zone=zone,
            allow_unreadable_times=allow_unreadable_times,
        )
    for warning in caught:
        click.echo(str(warning.message), err=True)
    made = replace(made, na=tuple(na))
    made.dump(output)
    show_profile(made, Path(output))


profile.params += [
    _columns("only", "Monitor only these; others are left out."),
    _columns("include", "Monitor COLUMN too, though it looks like an identifier, a clock or a label."),
    _columns("exclude", "Leave COLUMN out."),
    *(_columns(kind, text) for kind, text in _KIND_HELP.items()),
]


def _refuse_others(ctx: click.Context, flag: str, allowed: Collection[str]) -> None:
    """Refuse what is not `allowed`: a profile that is shown has been made, and the next one keeps the grid."""
    for param in ctx.command.params:
        name = param.name or ""
        if name not in allowed and ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            if isinstance(param, click.Argument):
                raise click.UsageError(f"{flag} is instead of DATA; leave DATA out.", ctx)
            what = "is not" if name in _OF_LIVE else "is for DATA, not"
            raise click.UsageError(f"{param.opts[0]} {what} for {flag}.", ctx)


def _assigned(texts: Sequence[str], ctx: click.Context) -> dict[str, str]:
    """Return the columns by class; raises UsageError where a text is not CLASS=COLUMN."""
    columns = {}
    for text in texts:
        name, equals, column = text.partition("=")
        if not equals or not name or not column:
            raise click.UsageError(f"--probability: expected CLASS=COLUMN, got {text!r}", ctx)
        columns[name] = column
    return columns


def _show(file: str, *, as_json: bool) -> None:
    import json
    from pathlib import Path

    from driftmeter.cli.profile_tables import show_profile
    from driftmeter.page.profile_summary import profile_summary
    from driftmeter.profile.profile import Profile

    made = Profile.load(file)
    if as_json:
        click.echo(json.dumps(profile_summary(made), ensure_ascii=False))
    else:
        show_profile(made, Path(file))


def _from_live(model: str, since: str | None, until: str | None, url: str, output: str, *, apply: bool) -> None:
    """Fetch the next profile from a metric server and write it to a file; with `apply` register it too."""
    import json
    from pathlib import Path

    from driftmeter.cli.profile_tables import show_profile
    from driftmeter.profile.profile import Profile

    if since is None:
        raise click.UsageError("--from-live needs --since TIME or DURATION.")
    query = {"since": _since(since), **({} if until is None else {"until": until})}
    answer = ask(url, "GET", model, "profile", "from-live", query=query)
    made = Profile.loads(json.dumps(answer))
    made.dump(output)
    show_profile(made, Path(output))
    if apply:
        ask(url, "PUT", model, "profile", content=made.to_json())
        click.echo(f"{url} judges {model} by it now.", err=True)
    else:
        click.echo(f"To have it judge: the same with --apply, or driftmeter serve --profile {output}", err=True)


def _since(text: str) -> str:
    """Return a time as it is; turn a length of time into the time that long ago, in seconds since the epoch."""
    import time

    from driftmeter.errors import InputError
    from driftmeter.timestamps import parse_duration

    try:
        return str(time.time() - parse_duration(text, "since") / 1000)
    except InputError:
        return text


def _kinds(columns: dict[str, Sequence[str]], ctx: click.Context) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for kind in KINDS:
        for name in columns[kind]:
            if kinds.setdefault(name, kind) != kind:
                raise click.UsageError(f"column {name!r} cannot be both {kinds[name]} and {kind}", ctx)
    return kinds
