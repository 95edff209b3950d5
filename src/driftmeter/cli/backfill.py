"""`driftmeter backfill`: the history that the live system would have had, from rows at rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from driftmeter.cli.log_options import label_option, log_bar, log_options
from driftmeter.cli.params import (
    DURATION,
    encoding_option,
    say,
    time_format_option,
    unreadable_times_option,
    zone_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from driftmeter.backfill.counting import BackfillPlan
    from driftmeter.backfill.source import LakeSource
    from driftmeter.backfill.work import WorkFile
    from driftmeter.panes.timing import Timing
    from driftmeter.profile.profile import Profile
    from driftmeter.settings.toml import SettingsFile
    from driftmeter.store import Store
    from driftmeter.types import JSON, Milliseconds


@click.command(short_help="Make the history that a server would have, from rows in a lake.")
@click.argument("profile", type=click.Path())
@click.argument("source", type=click.Path())
@click.option("--store", default="sqlite:///driftmeter.sqlite", show_default=True, envvar="DRIFTMETER_STORE",
              show_envvar=True, metavar="URL", help="The store that a server then serves: sqlite:///PATH or "
              "redis://HOST:PORT/0; memory:// only tells what would be in it.")  # fmt: skip
@click.option("--target", metavar="URL", help="Send the panes to a running metric server instead; it folds them.")
@click.option("--model", metavar="NAME", help="The model's name.  [default: the profile's]")
@click.option("--time", metavar="COLUMN", help="When each row happened. By default the profile's own time column, or "
              "one called timestamp.")  # fmt: skip
@click.option("--arrival", metavar="COLUMN", help="When each row arrived: rows that came after their pane was closed "
              "are late, as live. Without it all rows came in time.")  # fmt: skip
@time_format_option
@zone_option
@unreadable_times_option
@click.option("--since", metavar="TIME", help="Only rows from this time on, such as 2025-01-01.")
@click.option("--until", metavar="TIME", help="Only rows before this time.")
@click.option("--pane", type=DURATION, show_default="10s", help="Slice of event time, as for serve.  [default: that of "
              "the model in the store]")  # fmt: skip
@click.option("--lateness", type=DURATION, show_default="10s", help="How long a pane waits for rows that come late; it "
              "matters with --arrival.")  # fmt: skip
@click.option("--settings", "file", type=click.Path(), metavar="FILE", help="What counts as drift, as for serve.")
@click.option("--query", metavar="SQL", help="Read the rows of this query, by DuckDB: SOURCE is its database, or "
              ":memory: where the query reads files.")  # fmt: skip
@click.option("--iceberg", is_flag=True, help="SOURCE is an Iceberg table: its folder, or a metadata file.")
@click.option("--catalog", metavar="NAME", help="SOURCE is the name of an Iceberg table in this catalog of pyiceberg.")
@click.option("--snapshot", type=int, metavar="ID", help="A snapshot of an Iceberg table.  [default: the newest]")
@click.option("--version", type=int, metavar="N", help="A version of a Delta table.  [default: the newest]")
@encoding_option
@log_options
@label_option
@click.option("--work", metavar="FILE", help="Where the counts are kept until they are folded; a run that was stopped "
              "goes on with it.  [default: beside the store]")  # fmt: skip
@click.option("--restart", is_flag=True, help="Begin anew, whatever the work file holds.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object, and nothing else.")
def backfill(
    profile: str,
    source: str,
    store: str,
    target: str | None,
    model: str | None,
    time: str | None,
    arrival: str | None,
    time_format: str | None,
    zone: str | None,
    allow_unreadable_times: bool,
    since: str | None,
    until: str | None,
    pane: int | None,
    lateness: int | None,
    file: str | None,
    query: str | None,
    iceberg: bool,
    catalog: str | None,
    snapshot: int | None,
    version: int | None,
    encoding: str | None,
    form: str,
    columns: str | None,
    ground_truth: str | None,
    label: str,
    allow_unreadable_records: bool,
    work: str | None,
    restart: bool,
    as_json: bool,
) -> None:
    """Count the rows of SOURCE by PROFILE, and fold them as a server would have done live: history, incidents,
    calibration.

    SOURCE is a file, a folder (also with folders such as year=2025), a pattern, a URL, a Delta or Iceberg table, a
    query, or a log. Its rows may be in any order. Stopped at any moment, the same command goes on.

    \b
    driftmeter backfill profile.json lake/flights --time departed --store sqlite:///driftmeter.sqlite
    driftmeter backfill profile.json lake/flights_delta --since 2025-01-01 --pane 1m
    driftmeter backfill profile.json sales.orders --catalog prod --store redis://redis:6379/0
    driftmeter backfill profile.json :memory: --query "FROM 'lake/*/*.parquet' WHERE region = 'eu'" --time at
    """
    from dataclasses import replace

    from driftmeter.backfill.counting import BackfillPlan
    from driftmeter.backfill.opening import LakeOptions, open_lake
    from driftmeter.backfill.rows import EventTimes
    from driftmeter.data.time_formats import check_format
    from driftmeter.errors import InputError
    from driftmeter.profile.profile import Profile
    from driftmeter.replay.trace import columns_of_times
    from driftmeter.settings.toml import SettingsFile
    from driftmeter.store import redacted
    from driftmeter.timestamps import parse_time

    if time_format is not None:
        check_format(time_format)
    reference = Profile.load(profile)
    if model is not None:
        reference = replace(reference, model=model)
    tables = SettingsFile() if file is None else SettingsFile.load(file)
    guesses, formatted = columns_of_times(reference, time, time_format)
    with log_bar(form, columns, allow_unreadable_records, source, truth=ground_truth, label=label) as log:
        options = LakeOptions(
            catalog=catalog,
            iceberg=iceberg,
            version=version,
            snapshot=snapshot,
            query=query,
            encoding=encoding,
            zone=zone,
            times=[*guesses, *([] if arrival is None else [arrival])],
            formatted=formatted,
            log=log,
        )
        opened = open_lake(source, reference, options, say)
        named = time or opened.time or next((name for name in guesses if name in opened.names), None)
        if named is None:
            raise InputError(source, "a column that holds the time, named by --time", ", ".join(opened.names[:20]))
        written = time_format or (reference.time_format if named == reference.time else None)
        plan = BackfillPlan(
            times=EventTimes(named, arrival, written, zone or reference.zone),
            description={"source": opened.identity, "address": source, "query": query, "to": target or redacted(store)},
            since=None if since is None else parse_time(since, "--since"),
            until=None if until is None else parse_time(until, "--until"),
            allow_unreadable_times=allow_unreadable_times,
        )
        if target is not None:
            result = _to_server(target, reference, opened, plan, tables, (pane, lateness), _Place(work, "", restart))
        else:
            result = _to_store(store, reference, opened, plan, tables, (pane, lateness), _Place(work, store, restart))
    from driftmeter.cli.backfill_view import show

    show(result, as_json=as_json)


class _Place:
    """Where the work file is."""

    def __init__(self, path: str | None, store: str, restart: bool) -> None:
        self.path, self.store, self.restart = path, store, restart

    @contextmanager
    def open(self, model: str) -> Iterator[WorkFile]:
        """Open the work file, and remove it where all went well."""
        from tempfile import TemporaryDirectory

        from driftmeter.backfill.work import WorkFile

        with TemporaryDirectory() if self._is_in_memory else nullcontext() as folder:
            work = WorkFile(self._file(model, folder))
            try:
                if self.restart:
                    work.clear()
                yield work
            except BaseException:
                work.close()
                raise
            work.close(remove=True)

    @property
    def _is_in_memory(self) -> bool:
        return self.path is None and self.store.startswith("memory://")

    def _file(self, model: str, folder: str | None) -> Path:
        from pathlib import Path

        if folder is not None:
            return Path(folder) / "work"
        if self.path is not None:
            return Path(self.path)
        base = self.store.removeprefix("sqlite:///")
        name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in model)
        return Path(f"{base}-backfill-{name}" if base != self.store else f"driftmeter-backfill-{name}")


def _to_store(
    url: str,
    profile: Profile,
    source: LakeSource,
    plan: BackfillPlan,
    tables: SettingsFile,
    lengths: tuple[Milliseconds | None, Milliseconds | None],
    place: _Place,
) -> JSON:
    """Fill a store; return the summary."""
    from contextlib import closing

    from driftmeter.backfill.job import Backfill
    from driftmeter.cli.backfill_view import Bars, summary
    from driftmeter.engine.engine import Engine
    from driftmeter.server.configure import configure_new
    from driftmeter.settings.model import ModelSettings
    from driftmeter.store import open_store

    with closing(open_store(url)) as store:
        timing = _timing(store, profile.model, lengths)
        default = tables.default(ModelSettings())
        engine = Engine(store, timing=timing, settings=default)
        engine.register(profile)
        configure_new(engine, profile, tables.models(default))
        with place.open(profile.model) as work, Bars(source.rows) as bars:
            job = Backfill(engine, profile, source, work, plan)
            job.count(bars.counted)
            bars.fold(job.tally)
            job.fold(bars.folded)
        return summary(
            profile.model, source.title, job.tally, timing.pane, bars, engine.incidents(profile.model, profile.digest)
        )


def _timing(store: Store, model: str, lengths: tuple[Milliseconds | None, Milliseconds | None]) -> Timing:
    """Return the lengths that the options give, else those of the model in the store, else the default ones."""
    from driftmeter.errors import UnknownModelError
    from driftmeter.panes.timing import Timing

    try:
        before = store.model(model).timing
    except UnknownModelError:
        before = Timing()
    pane, lateness = lengths
    return Timing(before.pane if pane is None else pane, before.lateness if lateness is None else lateness)


def _to_server(
    url: str,
    profile: Profile,
    source: LakeSource,
    plan: BackfillPlan,
    tables: SettingsFile,
    lengths: tuple[Milliseconds | None, Milliseconds | None],
    place: _Place,
) -> JSON:
    """Send the panes to a server; return the summary."""
    from contextlib import closing

    from driftmeter.backfill.counting import SourceCount
    from driftmeter.backfill.feed import PaneFeed
    from driftmeter.cli.backfill_view import Bars, summary
    from driftmeter.cli.remote import ask
    from driftmeter.engine.compiled import Compiled
    from driftmeter.errors import InputError
    from driftmeter.panes.timing import Timing
    from driftmeter.replay import RowsClient
    from driftmeter.settings.model import ModelSettings

    with closing(RowsClient(url, profile.model)) as client:
        served = client.model()
    if served.profile.digest != profile.digest:
        raise InputError("profile", f"that of the server, {served.profile.digest}", profile.digest)
    if lengths[0] not in (None, served.pane):
        raise InputError("--pane", f"that of the server, {served.pane / 1000:g} s", f"{(lengths[0] or 0) / 1000:g} s")
    timing = Timing(served.pane, Timing().lateness if lengths[1] is None else lengths[1])
    compiled = Compiled(profile, timing, tables.default(ModelSettings()))
    with place.open(profile.model) as work, Bars(source.rows) as bars:
        count = SourceCount(compiled, source, work, plan, lambda: {"frozen": 0, "now": _now() + served.ahead})
        count.run(bars.counted)
        bars.fold(count.tally)
        with closing(PaneFeed(url, profile.model, profile.digest, work)) as feed:
            feed.send(count.slices, count.tally.totals, bars.folded)
    incidents = ask(url, "GET", profile.model, "incidents")["incidents"]
    return summary(profile.model, source.title, count.tally, timing.pane, bars, incidents)


def _now() -> Milliseconds:
    import time

    return time.time_ns() // 1_000_000
