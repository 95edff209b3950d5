"""Calls: a model's request and its answer, which come one by one and perhaps to different servers, as counts. Pure.

A request is rows whose prediction is missing. Its answer is a correction of them: it moves each prediction from missing
to its bin, in the pane of the request, and adds no rows. Both are integers and add up, so that request and answer count
as the same rows would that came at once, in whichever order they come, and through whichever server.

What the later half must know of the earlier one is a mark. The store keeps it under the key of the call, in the same
transaction as the rows, and gives it to whoever comes with that key next.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec
import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.data.columns import Column
from driftmeter.data.rejected import Rejected
from driftmeter.engine.compiled import Compiled
from driftmeter.errors import InputError
from driftmeter.panes.codec import decode_texts, encode_texts
from driftmeter.payloads.table import OfClass, PayloadTable, column_of_class
from driftmeter.profile.profile import Profile
from driftmeter.server.ingest.content import check_rows
from driftmeter.timestamps import MINUTE
from driftmeter.types import Milliseconds

CALL_LIFE: Milliseconds = 10 * MINUTE
"""How long the store keeps the mark of a call: an answer that comes later finds no request."""
_NAMED = 5

Needs = Literal["requests", "answers", "both"]


class Mark(msgspec.Struct, array_like=True):
    """What the store keeps of the half of a call that came first.

    `identity` tells a half that is sent again from another one under the same key. Of a request, `start` and `length`
    are those of its pane. Of an answer, `bins` and `changes` are the correction, as bytes of int64, `texts` its
    unseen texts, and `unreadable` the number of its values that could not be read, by column.
    """

    side: Literal["request", "answer"]
    identity: bytes
    digest: str
    rows: int
    start: Milliseconds = 0
    length: Milliseconds = 0
    bins: bytes = b""
    changes: bytes = b""
    texts: bytes = b""
    unreadable: dict[str, int] = {}

    def dumps(self) -> bytes:
        """Write the mark."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def loads(cls, data: bytes) -> Mark:
        """Read what `dumps` wrote."""
        return msgspec.msgpack.decode(data, type=cls)

    @classmethod
    def of_answer(cls, identity: bytes, digest: str, half: Half) -> Mark:
        """Return the mark of an answer that came before its request."""
        counts, texts = half.summary.counts, encode_texts(half.summary.unseen)
        bins = np.flatnonzero(counts)
        content = bins.tobytes(), counts[bins].tobytes(), texts, half.unreadable
        return cls("answer", identity, digest, half.rows, 0, 0, *content)

    def answered(self, request: Half, bins: int) -> Half:
        """Return a request with the predictions of this answer to it, over `bins` bins."""
        unreadable = dict(Counter(request.unreadable) + Counter(self.unreadable))
        return replace(request, summary=request.summary + self._correction(bins), unreadable=unreadable)

    def _correction(self, bins: int) -> Summary:
        counts = np.zeros(bins, np.int64)
        counts[np.frombuffer(self.bins, np.int64)] = np.frombuffer(self.changes, np.int64)
        return Summary(0, counts, decode_texts(self.texts))


@dataclass(frozen=True)
class Half:
    """One side of a call, counted: `summary` has its rows, or of an answer the correction of `rows` rows."""

    rows: int
    summary: Summary
    rejected: tuple[Rejected, ...] = ()
    unreadable: dict[str, int] = field(default_factory=dict)
    ignored: int = 0


def needs_of(profile: Profile) -> Needs:
    """Say which halves a profile needs: one that watches no prediction needs no answers."""
    roles = {feature.role for feature in profile.features} - {"derived"}
    return "both" if roles == {"feature", "prediction"} else "answers" if roles == {"prediction"} else "requests"


def count_request(table: PayloadTable, compiled: Compiled, field: str = "body") -> Half:
    """Count the rows of a request; its prediction is missing, whatever the request holds under that name.

    Raises InputError unless some columns are the profile's, or without names there are as many as the profile has.
    """
    profile = compiled.profile
    order = profile.model_columns
    columns = table.named(order, field)
    prediction = profile.prediction_column
    given = {name: column for name, column in columns.items() if name != prediction}
    if columns and not any(name in order for name in given):
        raise InputError(field, f"some of the columns {_listed(order)}", _listed(tuple(columns)))
    half = _count(given, table.rows, compiled)
    return Half(
        half.rows,
        half.summary,
        half.rejected,
        half.unreadable,
        half.ignored + table.rows * (len(columns) - len(given)),
    )


def count_answer(table: PayloadTable, compiled: Compiled, field: str = "body", of_class: OfClass | None = None) -> Half:
    """Count the rows of an answer for a profile that watches nothing but the prediction; raises InputError."""
    return _count(prediction_of(table, compiled.profile, field, of_class), table.rows, compiled)


def correct(table: PayloadTable, compiled: Compiled, field: str = "body", of_class: OfClass | None = None) -> Half:
    """Return an answer as the correction of the rows of its request; raises InputError.

    `of_class` says which of several values a row is the prediction.

    >>> import polars
    >>> from driftmeter.panes.timing import Timing
    >>> from driftmeter.settings.model import ModelSettings
    >>> frame = polars.DataFrame({"age": [31.0, 45.0], "denied": [True, False]})
    >>> profile = Profile.fit(frame, model="credit", prediction="denied")
    >>> half = correct(PayloadTable(([True],), None, 1), Compiled(profile, Timing(), ModelSettings()))
    >>> half.summary.rows, half.summary.moved
    (0, 1)
    """
    columns = prediction_of(table, compiled.profile, field, of_class)
    half = _count(columns, table.rows, compiled)
    missing = _count({}, 1, compiled).summary.counts * table.rows
    summary = Summary(0, half.summary.counts - missing, half.summary.unseen)
    return Half(table.rows, summary, half.rejected, half.unreadable, half.ignored)


def key_of(*parts: str | bytes) -> str:
    """Return the key under which the store keeps a mark; no client can name it, since it holds a control character."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "replace") if isinstance(part, str) else part
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return f"call\x1f{digest.hexdigest()}"


def prediction_of(
    table: PayloadTable, profile: Profile, field: str, of_class: OfClass | None = None
) -> dict[str, Column]:
    """Return the prediction's column of an answer: the only one, that of its name, or that of the class."""
    name = profile.prediction_column
    assert name is not None
    column = column_of_class(table, name, of_class)
    if column is not None:
        return {name: column}
    got = f"{len(table.columns)} values a row" if table.names is None else _listed(table.names)
    if of_class is not None:
        got += f", of_class {str(of_class)[:40]}"
    expected = f"one prediction a row, or a column {name!r}; of several classes say which (?of_class=1 in the address)"
    raise InputError(field, expected, got)


def _count(columns: dict[str, Column], rows: int, compiled: Compiled) -> Half:
    reader = compiled.reader
    check_rows(rows, reader)
    typed, rejected, ignored = reader.read_columns(columns or {reader.names[0]: [None] * rows})
    unreadable = reader.unreadable(typed) if rejected else {}
    return Half(len(typed), compiled.binner.observe(typed), tuple(rejected), unreadable, ignored)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name[:40] for name in names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
