"""Reading kept bodies for one profile: rows as dicts, and one prediction for each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from driftmeter.errors import InputError
from driftmeter.integrations.exchange import KeptBody
from driftmeter.integrations.routes import WatchedRoute
from driftmeter.integrations.tables import order_of, predictions_in, records_of
from driftmeter.payloads.body import answer_of, decode_body, request_of
from driftmeter.payloads.json_text import read_json
from driftmeter.payloads.table import PayloadTable, table_of_objects
from driftmeter.profile.profile import Profile

_FORMS = frozenset(
    [
        *("instances", "inputs", "dataframe_split", "dataframe_records", "predictions", "outputs", "error"),
        *("data", "jsonData", "strData", "binData", "tftensor", "status", "meta"),
    ]
)
"""Keys of objects that are more than a row of their own."""


class Reading:
    """What a watch has to know of a profile to read bodies; the profile is None while it is not known."""

    def __init__(self, profile: Profile | None, columns: Sequence[str] | None) -> None:
        """Take the columns of values without names, where the monitor was given them."""
        self.profile = profile
        self._order = order_of(columns, profile)
        self._known = frozenset(order_of(None, profile) or ())
        self._prediction = None if profile is None else profile.prediction_column
        self.wants_predictions = profile is None or self._prediction is not None
        """Whether the profile has a column for them, as far as is known."""

    def plain(self, route: WatchedRoute, request: bytes, answer: bytes) -> tuple[dict[str, Any], Any] | None:
        """Return row and prediction where request and answer are one plain JSON object each; None for all others.

        Most are, and this is the fast way: nothing but these two objects is looked at.
        """
        if route.rows is not None or route.predictions is not None:
            return None
        row = _plain_object(request)
        if row is None or self._known.isdisjoint(row):
            return None
        if self._prediction is None:
            return None if self.wants_predictions else (row, None)
        if self._prediction in row:  # it is the answer's to tell
            del row[self._prediction]
        found = _plain_object(answer)
        return None if found is None or self._prediction not in found else (row, found[self._prediction])

    def records_of(self, route: WatchedRoute, body: KeptBody) -> list[dict[str, Any]]:
        """Return the rows of a request. Raises InputError naming the part that cannot be read or does not fit."""
        return records_of(_table_of_request(route, body), self._order, self.profile)

    def predictions_in(self, route: WatchedRoute, body: KeptBody, rows: int) -> list[Any]:
        """Return the prediction of each row. Raises InputError naming the part that cannot be read or does not fit."""
        return predictions_in(_table_of_answer(route, body), rows, self.profile, route.of_class)


def _plain_object(content: bytes) -> dict[str, Any] | None:
    """Return a body that is one JSON object, and no form that holds rows; None for all others."""
    if content[:1] != b"{":
        return None
    try:
        found: dict[str, Any] = read_json(content)
    except InputError:
        return None
    return found if _FORMS.isdisjoint(found) else None


def _table_of_request(route: WatchedRoute, body: KeptBody) -> PayloadTable:
    content, tail = decode_body(body.content(), json_length=body.json_length, most=body.most)
    path = route.paths[0]
    if path is None:
        return request_of(content, tail)
    found = path.find(content)
    if not isinstance(found, list) or not (path.is_many or any(isinstance(row, dict | list) for row in found)):
        found = [found]  # a row
    return table_of_objects(found, path.text)


def _table_of_answer(route: WatchedRoute, body: KeptBody) -> PayloadTable:
    content, tail = decode_body(body.content(), json_length=body.json_length, most=body.most, field="answer")
    path = route.paths[1]
    if path is None and isinstance(content, dict | list):
        return answer_of(content, tail, "answer")
    found = content if path is None else path.find(content, "answer")
    return table_of_objects(found if isinstance(found, list) else [found], "answer")
