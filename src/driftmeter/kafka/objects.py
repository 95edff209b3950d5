"""Records of JSON and msgpack: an object a row, read many at once, or any body that the doors know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec
import numpy as np

from driftmeter.counts.rows import Reader
from driftmeter.data.columns import Column
from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.kafka.records import BadRecord, DecodedRun, RecordRun, RowsPart, all_missing, type_part
from driftmeter.kafka.registry import value_at
from driftmeter.kafka.times import TimeRule
from driftmeter.payloads.body import request_of
from driftmeter.payloads.json_text import read_json
from driftmeter.payloads.table import PayloadTable
from driftmeter.server.ingest.alike import Alike, row_type
from driftmeter.server.ingest.objects import read_object

Coding = Literal["json", "msgpack"]
_OF_REGISTRY = 5
"""Bytes of a schema registry before the value: 0, and a schema's id."""
_BODIES = (frozenset(["rows"]), frozenset(["columns"]))


class ObjectDecoder:
    """Decodes records of JSON or msgpack.

    Most topics hold an object a record, with the profile's columns as keys: these are decoded into columns, without a
    dictionary for each. Any other record is looked at alone: the bodies of `POST …/rows`, and for JSON those of V1, V2,
    MLflow and Seldon. `fields` maps columns to the fields that hold them, which may be paths such as `customer.age`.
    """

    def __init__(
        self,
        coding: Coding,
        reader: Reader,
        rule: TimeRule,
        *,
        order: Sequence[str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """Compile the struct of a row. `order` names the columns of values without names, by default the profile's."""
        self._coding, self._reader, self._rule = coding, reader, rule
        self._order = tuple(order or reader.profile.model_columns)
        self._fields = dict(fields or {})
        self._names = reader.names
        self._timed = rule.field is not None and rule.field not in self._names
        wanted = [self._fields.get(name, name) for name in self._names]
        if self._timed and rule.field is not None:
            wanted.append(rule.field)
        self._wanted = wanted
        flat = not any(_is_path(name) for name in self._fields.values()) and len(set(wanted)) == len(wanted)
        row = row_type(wanted, forbid_others=False) if flat else None
        self._decode: Callable[[bytes], Any] | None = None
        if row is not None:
            decoder = msgspec.json.Decoder(row) if coding == "json" else msgspec.msgpack.Decoder(row)
            self._decode = decoder.decode

    def decode(self, run: RecordRun) -> DecodedRun:
        """See RecordDecoder."""
        values = [_bare(value) for value in run.values]
        if self._decode is not None:
            try:
                rows = list(map(self._decode, values))  # type: ignore[arg-type]  # None is refused
            except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
                rows = []
            if len(rows) == len(values):
                if not rows:
                    return DecodedRun()
                part = self._part(rows, np.arange(len(rows)))
                part = replace(part, typed=type_part(part, self._reader))
                # a row without any value may be something else than a row
                if part.typed is not None and not len(all_missing(part.typed[0], self._reader)):
                    return DecodedRun([part])
        return self._one_by_one(values)

    def _part(self, rows: Sequence[Any], of_record: Any) -> RowsPart:
        """Return structs as columns."""
        alike = Alike(rows, len(self._wanted), None, None)
        numbers = None if self._reader.categorical else alike.numbers()
        columns: Sequence[Column] = alike.columns() if numbers is None else list(numbers.T)
        times = columns[len(self._names)] if self._timed else None
        content = dict(zip(self._names, columns, strict=False))
        if times is None and self._rule.field is not None:
            times = content.get(self._rule.field)
        return RowsPart(content, of_record, times)

    def _one_by_one(self, values: Sequence[bytes | None]) -> DecodedRun:
        decoded = DecodedRun()
        structs: list[Any] = []
        places: list[int] = []

        def flush() -> None:
            if structs:
                decoded.parts.append(self._part(structs, np.array(places, np.intp)))
                structs.clear()
                places.clear()

        for position, value in enumerate(values):
            if value is None:
                decoded.without_rows += 1
                continue
            row = self._row(value)
            if row is not None:
                structs.append(row)
                places.append(position)
                continue
            try:
                part = self._alone(value, position)
            except InputError as error:
                decoded.bad.append(BadRecord(position, str(error)))
                continue
            flush()
            decoded.parts.append(part)
        flush()
        return decoded

    def _row(self, value: bytes) -> Any:
        """Return the struct of a plain row with some value; None for anything else."""
        if self._decode is None:
            return None
        try:
            row = self._decode(value)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            return None
        given = msgspec.structs.astuple(row)[: len(self._names)]
        return row if any(cell is not None for cell in given) else None

    def _alone(self, value: bytes, position: int) -> RowsPart:
        """Read one record that may be anything. Raises InputError."""
        content = self._content(value)
        if isinstance(content, dict):
            if self._has_column(content):
                record, time = self._picked(content)
                return RowsPart([record], np.array([position], np.intp), None if time is None else [time])
            if any(content.keys() >= keys for keys in _BODIES):
                return self._body(value, position)
        if self._coding == "msgpack":
            expected = "an object with some of the columns " + ", ".join(self._names[:5])
            raise InputError("value", expected, describe(content))
        table = request_of(content, field="value")
        columns = table.named(self._order, "value")
        if not any(name in columns for name in self._names):
            expected = "some of the columns " + ", ".join(self._names[:5])
            raise InputError("value", expected, ", ".join(str(name)[:40] for name in list(columns)[:5]) or "none")
        return self._of_table(table, columns, position)

    def _of_table(self, table: PayloadTable, columns: dict[str, Column], position: int) -> RowsPart:
        time = None if self._rule.field is None else columns.get(self._rule.field)
        return RowsPart(columns, np.full(table.rows, position, np.intp), time)

    def _body(self, value: bytes, position: int) -> RowsPart:
        """Read a body as `POST …/rows` takes it; its times are under `timestamp`."""
        content = read_object(self._coding, value, self._reader, nan_is_null=False)
        times = content.times
        column = times.column
        if column is None and times.default is not None:
            column = [times.default / 1000] * content.rows
        of_record = np.full(content.rows, position, np.intp)
        if hasattr(content, "records"):
            return RowsPart([row if isinstance(row, dict) else {} for row in content.records], of_record, column)
        return RowsPart(content.columns, of_record, column)

    def _content(self, value: bytes) -> Any:
        if self._coding == "json":
            return read_json(value, "value")
        try:
            return msgspec.msgpack.decode(value)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise InputError("value", "msgpack", str(error)[:100]) from error

    def _has_column(self, content: Mapping[str, Any]) -> bool:
        return any(_found(content, name) for name in self._wanted[: len(self._names)])

    def _picked(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        """Return the columns of a record that is an object, and its time."""
        record = {name: value_at(content, path) for name, path in zip(self._names, self._wanted, strict=False)}
        return record, None if self._rule.field is None else value_at(content, self._rule.field)


def _is_path(name: str) -> bool:
    return "." in name


def _found(content: Mapping[str, Any], path: str) -> bool:
    return path in content or (_is_path(path) and value_at(content, path) is not None)


def _bare(value: bytes | None) -> bytes | None:
    """Return a value without the mark that a schema registry's serializer for JSON puts before it."""
    if value is not None and value[:1] == b"\0" and value[_OF_REGISTRY : _OF_REGISTRY + 1] in (b"{", b"["):
        return value[_OF_REGISTRY:]
    return value
