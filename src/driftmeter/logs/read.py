"""Reading a log: its form recognised, its records as a stream of tables, what could not be read told at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.data.files.endings import ARROW, PARQUET
from driftmeter.data.files.how import silent
from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.foreign import refuse_foreign
from driftmeter.logs.protocol import LogFormat
from driftmeter.logs.reading import LogReading, is_tabular
from driftmeter.logs.records import Progress, no_progress
from driftmeter.logs.sampling import sample_of
from driftmeter.logs.sources import LogFile, files_of_source, is_local, is_pattern
from driftmeter.logs.tally import RecordTally

if TYPE_CHECKING:
    import pyarrow as pa

    from driftmeter.logs.assembler import Assembler

_JSON = re.compile(r"\.(?:json|jsonl|ndjson|log)(?:\.(?:gz|zst))?$", re.IGNORECASE)

AUTO, TABLE = "auto", "table"
"""Words of `--format` that name no form of logs: look, and a table as files are."""


@dataclass(frozen=True)
class Log:
    """A log: its form, and its rows as tables.

    A later record may have more columns than the first: all are known once the `tables` are read. A table has the
    columns that its rows have; what it lacks is missing. The tables can be read once; when they are at their end, what
    could not be read is told, or is an InputError where it is too much.
    """

    form: LogFormat
    columns: LogColumns
    assembler: Assembler
    tables: Iterable[pa.Table]
    tally: RecordTally
    size: int
    """Bytes of all files, as they lie there."""

    @property
    def names(self) -> list[str]:
        """All columns that were met so far."""
        return self.assembler.names

    @property
    def time(self) -> str | None:
        """The column with the time of each row that the log itself has; None where it has none."""
        return self.assembler.time

    @property
    def prediction(self) -> str | None:
        """The column of the predictions; None where the log has none."""
        return self._filled(self.columns.prediction)

    @property
    def label(self) -> str | None:
        """The column of the labels; None where the log has none."""
        return self._filled(self.columns.label)

    def _filled(self, name: str) -> str | None:
        return name if name in self.assembler.filled else None

    def table(self) -> pa.Table:
        """Return all rows as one table, in which a column has the type that its values have together."""
        from driftmeter.logs.arrays import joined_columns
        from driftmeter.logs.settled import settled_table

        table = joined_columns(list(self.tables))
        return (
            settled_table(table, self.assembler.untyped - self.columns.texts) if self.columns.wanted is None else table
        )


@dataclass(frozen=True)
class LogOptions:
    """What a user may say of a log.

    `form` is its form, or `auto`. `order` names the features of rows without names, None for the profile's order.
    `truth` is a source of ground truth that lies apart from the log, whose values fill the column `label`.
    `allow_unreadable` allows more than a hundredth of the records to be left out as unreadable. `bar` gets the bytes
    that were read since it was called.
    """

    form: str = AUTO
    order: Sequence[str] | None = None
    allow_unreadable: bool = False
    bar: Progress = no_progress
    truth: str | None = None
    label: str | None = None


AS_RECOGNISED = LogOptions()


def open_log(
    source: str | Path,
    columns: LogColumns,
    options: LogOptions = AS_RECOGNISED,
    *,
    say: Callable[[str], None] = silent,
) -> Log | None:
    """Open the files of a log; None where the source is a table as `read_table` reads it, or nothing that is known.

    `source` is a file, a folder, a glob, or a URL for fsspec. Where no form is asked for, it is recognised by the first
    records, and `say` is told on what grounds. Raises InputError where the source has no rows, and on profiles and
    reports of other tools, which hold none. Records that cannot be read are left out and told; they are an error where
    they are more than a hundredth, unless that is allowed.
    """
    source, form = str(source), options.form
    if form == TABLE or (form == AUTO and not _may_be_log(source)):
        _check_truth(None, columns, options)
        return None
    from driftmeter.logs.assembler import Assembler  # needs pyarrow, which whoever reads tables misses in other words

    files = _files(source, form)
    refuse_foreign(source, files)
    chosen = _chosen(source, files, form, say)
    _check_truth(chosen, columns, options)
    if chosen is None:
        return None
    reading = LogReading(source, files, columns, say, options.bar)
    if options.truth is not None:
        reading.truth = files_of_source(options.truth)
    assembler = Assembler(columns)
    tables = _tables(chosen, reading, assembler, allow=options.allow_unreadable)
    first = next(tables, None)
    if first is None:
        raise InputError(source, f"rows in {chosen.title}", "; ".join(reading.tally.notes()) or "none")
    size = sum(file.size for file in files)
    return Log(chosen, columns, assembler, chain([first], tables), reading.tally, size)


def _check_truth(form: LogFormat | None, columns: LogColumns, options: LogOptions) -> None:
    """Raise InputError where ground truth is given that no row of the log, or no column of the profile, asks for."""
    if options.truth is None:
        return
    if form is None or form.name != "sagemaker":
        expected = "data capture of SageMaker, whose ground truth lies in a folder of its own"
        raise InputError("--ground-truth", expected, "a table" if form is None else form.title)
    if not columns.wants(columns.label):
        name = columns.label
        expected = f"a profile that monitors {name!r}, as `profile --include {name}` makes it; or its --label"
        raise InputError("--ground-truth", expected, "a profile that does not")


def _files(source: str, form: str) -> list[LogFile]:
    """Return the files of a source; none of an empty folder, of which the reader of tables says what it should hold."""
    try:
        return files_of_source(source)
    except InputError:
        if form == AUTO and Path(source).is_dir():
            return []
        raise


def _may_be_log(source: str) -> bool:
    """Say whether there is anything to look at; what is not there is reported by who reads tables."""
    path = Path(source)
    if not is_local(source) or path.is_dir():
        return True
    return path.is_file() or is_pattern(source) or not is_tabular(source)


def _chosen(source: str, files: list[LogFile], form: str, say: Callable[[str], None]) -> LogFormat | None:
    from driftmeter.logs.registry import format_named, recognised

    if form != AUTO:
        return format_named(form)
    # a folder of Parquet or Arrow files is their table, whatever else lies there
    tables = [file for file in files if file.relative.lower().endswith((*PARQUET, *ARROW))]
    sample = sample_of(tables or files)
    found = recognised(sample)
    if found is None:
        if not is_local(source) or (files and is_pattern(source)):
            expected = "a log that is recognised; tables are read from a file or a folder on this machine"
            raise sample.fault or InputError(source, expected, ", ".join(file.relative for file in files[:3]))
        if len(files) == 1 and _JSON.search(files[0].relative):
            raise sample.fault or InputError(source, "objects of JSON, one a line", f"none in {files[0].size:,} bytes")
        return None
    chosen, grounds = found
    say(f"{source}: read as {chosen.title}: {grounds} (--format {chosen.name})")
    return chosen


def _tables(form: LogFormat, reading: LogReading, assembler: Assembler, *, allow: bool) -> Iterator[pa.Table]:
    tally = reading.tally
    for event in form.read(reading):
        try:
            if not assembler.add(event):
                tally.leave_out(event.where, "a request without rows")
        except InputError as error:
            tally.reject(event.where, error)
        else:
            yield from assembler.full()
    yield from assembler.rest()
    tally.check(reading.source, allow=allow)
    for note in (*reading.notes, *tally.notes()):
        reading.say(note)
