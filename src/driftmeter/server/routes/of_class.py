"""The query `of_class`: which of several values a row is the prediction."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request

from driftmeter.payloads.table import OfClass
from driftmeter.server.routes.parameters import read_query


class ClassQuery(Struct):
    """What a query may say of answers with several values a row."""

    of_class: Annotated[
        str | None,
        Meta(description="Which value of a row is the prediction where there are several: its position or name."),
    ] = None


def class_of(request: Request) -> OfClass | None:
    """Return the class that a request names in its query, a number as a position; None where it names none."""
    if not request.scope["query_string"]:
        return None
    given = read_query(request.query_params, ClassQuery).of_class
    return int(given) if given and given.isascii() and given.isdecimal() and len(given) < 6 else given
