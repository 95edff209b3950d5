"""Bodies of JSON: TensorFlow Serving's and KServe's V1, MLflow's and Databricks', and plain rows.

=================================================  =============================================================
`{"instances": rows}`                              V1, MLflow: rows are arrays, objects or single values
`{"inputs": rows or {name: values}}`               V1's columns, MLflow
`{"dataframe_split": {"columns", "data"}}`         MLflow, Databricks
`{"dataframe_records": [{name: value}]}`           MLflow, Databricks
`[{name: value}]`, `[[value]]`, `{name: value}`    plain rows, or one row
`{"predictions": rows}`, `{"outputs": …}`          answers to them
=================================================  =============================================================
"""

from __future__ import annotations

from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.payloads.table import (
    PayloadTable,
    check_names,
    check_width,
    table_of_objects,
    table_of_records,
    table_of_rows,
)
from driftmeter.profile.names import text_of

REQUESTS = ("instances", "inputs", "dataframe_split", "dataframe_records")
ANSWERS = ("predictions", "outputs")
_NAT = "NaT"


def table_of_request(content: Any, field: str = "body") -> PayloadTable:
    """Return the rows of a decoded request. Raises InputError naming the part at fault."""
    return _table_of(content, REQUESTS, field)


def table_of_answer(content: Any, field: str = "body") -> PayloadTable:
    """Return the rows of a decoded answer: one prediction a row, or several columns. Raises InputError likewise."""
    return _table_of(content, ANSWERS, field)


def _table_of(content: Any, keys: tuple[str, ...], field: str) -> PayloadTable:
    if isinstance(content, list):
        return table_of_objects(content, field)
    if not isinstance(content, dict):
        raise InputError(field, "an object or an array of rows", describe(content))
    found = [key for key in keys if key in content]
    if len(found) > 1:
        raise InputError(field, "one of " + ", ".join(map(repr, keys)), " and ".join(map(repr, found)))
    if not found:
        return table_of_records([content], field)
    (key,) = found
    rows, field = content[key], f"{field}.{key}"
    if key == "dataframe_split":
        return _without_nat(_split(rows, field))
    if key in ("inputs", "outputs") and isinstance(rows, dict):
        return _columns(rows, field)
    table = table_of_objects(rows, field)
    return _without_nat(table) if key == "dataframe_records" else table


def _without_nat(table: PayloadTable) -> PayloadTable:
    """Return a table of MLflow with None for `NaT`: so its client writes a missing time, beside others as ISO 8601."""
    columns = tuple(
        [None if value == _NAT else value for value in column]
        if isinstance(column, list) and _NAT in column
        else column
        for column in table.columns
    )
    return PayloadTable(columns, table.names, table.rows)


def _split(content: Any, field: str) -> PayloadTable:
    """Read what pandas calls the orient split; its index is not looked at."""
    if not isinstance(content, dict) or not {"columns", "data"} <= content.keys():
        raise InputError(field, 'an object with "columns" and "data"', describe(content))
    names = [text_of(name) for name in content["columns"]] if isinstance(content["columns"], list) else [None]
    if None in names:
        raise InputError(f"{field}.columns", "an array of names", describe(content["columns"]))
    texts = [str(name) for name in names]
    check_names(texts, f"{field}.columns")
    if not isinstance(content["data"], list):
        raise InputError(f"{field}.data", "an array of rows", describe(content["data"]))
    return table_of_rows(content["data"], texts, f"{field}.data")


def _columns(content: dict[str, Any], field: str) -> PayloadTable:
    check_width(len(content), field)
    columns = {name: _flat(values) for name, values in content.items()}
    lengths = {len(values): name for name, values in columns.items()}
    if len(lengths) > 1:
        got = ", ".join(f"{name[:40]}: {length}" for length, name in [*lengths.items()][:5])
        raise InputError(field, "columns of one length", got)
    return PayloadTable(tuple(columns.values()), tuple(columns), next(iter(lengths), 0))


def _flat(values: Any) -> list[Any]:
    """Return a column: an array of values, each perhaps in an array of its own; a single value is one row."""
    if not isinstance(values, list):
        return [values]
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
