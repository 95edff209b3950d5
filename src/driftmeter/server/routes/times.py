"""Times and lengths of time, as requests and answers write them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Timestamp = Annotated[str, Meta(description="ISO 8601, UTC.", extra_json_schema={"format": "date-time"})]
"""A time in an answer."""
GivenTime = Annotated[
    float | str, Meta(description="Seconds since the epoch, or ISO 8601 (UTC where it names no zone).")
]
"""A time in a body."""
TimeParameter = Annotated[str, Meta(description="Seconds since the epoch, or ISO 8601 (UTC where it names no zone).")]
"""A time in a query."""
Length = Annotated[str, Meta(description="A number with ms, s, m, h or d.", examples=["30d"])]

PaneLength = Annotated[int, Meta(description="Length of the model's panes, in milliseconds.")]
Lateness = Annotated[int, Meta(description="How long a pane waits for rows that come late, in milliseconds.")]
StoreTime = Annotated[int, Meta(description="The store's time, in milliseconds since the epoch.")]
