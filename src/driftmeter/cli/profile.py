"""`driftmeter profile`: make a profile of a file."""

from __future__ import annotations

from collections.abc import Sequence

import click

KINDS = ("categorical", "numeric", "boolean", "hour", "weekday")
_WHAT = {
    "categorical": "Treat COLUMN as categories.",
    "numeric": "Treat COLUMN as numbers.",
    "boolean": "Treat COLUMN as true or false.",
    "hour": "Monitor the hour (UTC) of the date-time COLUMN.",
    "weekday": "Monitor the weekday (UTC) of the date-time COLUMN.",
}


def _columns(flag: str, text: str) -> click.Option:
    return click.Option([f"--{flag}"], multiple=True, metavar="COLUMN", help=f"{text} Repeatable.")


@click.command(short_help="Make a profile of a file.")
@click.argument("data", type=click.Path())
@click.option("-o", "--output", type=click.Path(dir_okay=False), default="profile.json", show_default=True,
              metavar="FILE", help="Where to write the profile.")  # fmt: skip
@click.option("--model", required=True, metavar="NAME", help="The model that the profile is of.")
@click.option("--time", metavar="COLUMN", help="When each row was; not a feature.")
@click.option("--independent", is_flag=True, help="The rows were drawn independently; there is no time in them.")
@click.option("--prediction", metavar="COLUMN", help="What the model answered; monitored under that role.")
@click.option("--label", metavar="COLUMN", help="The truth; not a feature.")
@click.option("--bins", type=click.IntRange(2, 1024), default=64, show_default=True, metavar="N",
              help="Bins of a number.")  # fmt: skip
@click.option("--no-residuals", is_flag=True, help="Leave out what the other numbers do not explain of each.")
@click.pass_context
def profile(
    ctx: click.Context,
    /,
    data: str,
    output: str,
    model: str,
    time: str | None,
    independent: bool,
    prediction: str | None,
    label: str | None,
    bins: int,
    no_residuals: bool,
    include: Sequence[str],
    exclude: Sequence[str],
    **columns: Sequence[str],
) -> None:
    """Make a profile of DATA, a CSV, TSV, Parquet or Arrow file: what the model was trained or accepted on.

    \b
    driftmeter profile train.parquet -o profile.json --model credit --label paid_back
    driftmeter profile train.csv --model credit --time applied_at --weekday applied_at --categorical zip
    """
    if time and independent:
        raise click.UsageError("--time and --independent exclude each other", ctx)
    kinds = _kinds(columns, ctx)

    from pathlib import Path

    from driftmeter.cli import tables
    from driftmeter.frames import read_table
    from driftmeter.profile import Profile

    table = read_table(data)
    made = Profile.fit(
        table,
        model=model,
        time=time,
        independent=independent,
        prediction=prediction,
        label=label,
        include=include or None,
        exclude=exclude,
        kinds=kinds,
        bins=bins,
        residuals=not no_residuals,
    )
    made.dump(output)
    tables.show_profile(made, table, Path(output))


profile.params += [
    _columns("include", "Monitor only these; others are left out."),
    _columns("exclude", "Leave COLUMN out."),
    *(_columns(kind, text) for kind, text in _WHAT.items()),
]


def _kinds(columns: dict[str, Sequence[str]], ctx: click.Context) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for kind in KINDS:
        for name in columns[kind]:
            if kinds.setdefault(name, kind) != kind:
                raise click.UsageError(f"column {name!r} cannot be both {kinds[name]} and {kind}", ctx)
    return kinds
