"""Bodies: what a log holds of a request or an answer, in base64, as text or as JSON, as rows."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from driftmeter.errors import InputError
from driftmeter.logs.columns import plain_values
from driftmeter.logs.events import CsvRows, Rows
from driftmeter.payloads.body import answer_of, read_answer, read_request, request_of
from driftmeter.payloads.json_text import read_json
from driftmeter.payloads.table import PayloadTable, table_of_objects


def decoded(text: str, field: str) -> bytes:
    """Return what base64 stands for. Raises InputError naming `field`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(field, "base64", str(error)[:80]) from error


def rows_of_text(text: str, field: str, *, answer: bool, csv: bool | None = None) -> Rows:
    """Return the rows of a text: CSV, JSON, or an object a line; `csv` says which, None by how it begins.

    Raises InputError.
    """
    begins = text.lstrip()[:1]
    if csv or (csv is None and begins not in ("{", "[")):
        return CsvRows.of(text)
    try:
        content = read_json(text, field)
    except InputError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        content = [read_json(line, field) for line in lines]
    return rows_of_content(content, field, answer=answer)


def rows_of_content(content: Any, field: str, *, answer: bool) -> PayloadTable:
    """Return the rows of decoded JSON: a body of a request or an answer. Raises InputError."""
    if answer and not isinstance(content, dict | list):  # an answer that is its one value
        content = [content]
    table = (answer_of if answer else request_of)(content, field=field)
    if table.names == ("features",):  # SageMaker's algorithms: {"features": [values]}
        values = plain_values(table.columns[0])
        if all(isinstance(row, list) for row in values):
            return table_of_objects(values, field)
    return table


def rows_of_bytes(body: bytes, field: str, *, answer: bool, json_length: int | None = None) -> PayloadTable:
    """Return the rows of a body as it was on the wire, perhaps compressed, or binary. Raises InputError."""
    return (read_answer if answer else read_request)(body, json_length=json_length, field=field)
