"""What the OpenAPI document says of bodies that the routes read as bytes."""

from __future__ import annotations

from typing import Any

from driftmeter.types import JSON

Responses = dict[int | str, dict[str, Any]]

_TIME: JSON = {
    "description": "Seconds since the epoch, or ISO 8601 (UTC where it names no zone).",
    "oneOf": [{"type": "number"}, {"type": "string", "format": "date-time"}],
}
_BINARY: JSON = {"schema": {"type": "string", "format": "binary"}}
_BATCH: JSON = {
    "type": "object",
    "description": "`rows` or `columns`. A row may carry its own `timestamp`, columns one of that name.",
    "properties": {
        "rows": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
        "columns": {"type": "object", "additionalProperties": {"type": "array", "items": {}}},
        "timestamp": {**_TIME, "description": "Of the rows that have none. " + _TIME["description"]},
        "watermark": {
            **_TIME,
            "description": "From sources that read a log: no earlier row will come. " + _TIME["description"],
        },
    },
    "example": {"rows": [{"age": 31.5, "city": "Ulm"}], "timestamp": "2025-01-31T12:00:00Z"},
}
_PROBLEM: JSON = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "where": {"type": "string"},
        "expected": {"type": "string"},
        "got": {"type": "string"},
    },
}
_TITLES = {
    400: "The request cannot be read; nothing of it counts.",
    404: "Unknown model, profile, feature or incident.",
    413: "More than the server takes at once.",
    415: "This content type or encoding is not read here.",
    422: "Readable, but it cannot be: see `detail`.",
    503: "The store is away: try again.",
}


def _parameter(place: str, name: str, description: str, **schema: Any) -> JSON:
    content = schema or {"type": "string"}
    return {"name": name, "in": place, "required": place == "path", "description": description, "schema": content}


_MODEL = _parameter("path", "model", "Name of a registered model.")
ROWS_BODY: JSON = {
    "parameters": [
        _MODEL,
        _parameter("query", "nan", "Accept NaN in JSON, as null.", type="string", enum=["null"]),
        _parameter("header", "Idempotency-Key", "Counts the batch once, however often it comes, for 24 hours."),
        {
            **_parameter("query", "watermark", "As in the body; for Arrow, the only place. " + _TIME["description"]),
            "schema": {"oneOf": _TIME["oneOf"]},
        },
        _parameter("query", "source", "With a watermark: which log the rows were read from."),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _BATCH},
            "application/msgpack": {
                "schema": {
                    **_BATCH,
                    "description": "As in JSON; a column may also be raw bytes (little-endian float64), "
                    'or {"dtype": "<f4", "data": bytes}.',
                }
            },
            "application/vnd.apache.arrow.stream": _BINARY,
            "application/vnd.apache.arrow.file": _BINARY,
        },
    },
}
PANE_BODY: JSON = {
    "parameters": [
        _MODEL,
        _parameter("path", "start_ms", "Start of the pane, in milliseconds since the epoch.", type="integer"),
        _parameter("path", "source", "Who counts: a stable name and an incarnation."),
    ],
    "requestBody": {"required": True, "content": {"application/octet-stream": _BINARY}},
}
PROFILE_BODY: JSON = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}
NOTE_BODY: JSON = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {"schema": {"type": "object", "properties": {"note": {"type": "string"}}}},
        },
    },
}

_LENGTH: JSON = {"type": "string", "description": "A number with ms, s, m, h or d.", "example": "30d"}
_TESTS: JSON = {
    "type": ["array", "null"],
    "items": {"type": "string"},
    "description": "Names of the tests that are shown; null: all.",
}
_TOLERANCE: JSON = {
    "type": "number",
    "description": "Population stability index below which a shift is no drift, however sure it is.",
}
SETTINGS: JSON = {
    "budget": {**_LENGTH, "description": "Time in which at most one false page is expected. " + _LENGTH["description"]},
    "tolerance": _TOLERANCE,
    "guarantee": {"type": "string", "enum": ["measured", "strict"]},
    "window": {**_LENGTH, "description": "Length of the window that is shown.", "example": "5m"},
    "window_rows": {"type": "integer", "description": "The window reaches further back, until it has so many rows."},
    "tests": _TESTS,
    "ladder": {
        "type": "object",
        "description": "The detector's panes hold so many rows or last so long; its windows reach back so far.",
        "properties": {"pane_rows": {"type": "integer"}, "pane_length": _LENGTH, "reach": _LENGTH},
    },
    "false_discovery_rate": {"type": "number", "description": "Where no detector runs."},
    "min_rows": {"type": "integer", "description": "Where no detector runs: fewer rows are not judged."},
    "features": {
        "type": "object",
        "description": "What features have otherwise, by name. `pages` false: it opens and joins no incident.",
        "additionalProperties": {
            "type": "object",
            "properties": {"tolerance": _TOLERANCE, "tests": _TESTS, "pages": {"type": "boolean"}},
        },
    },
}
SETTINGS_BODY: JSON = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "properties": SETTINGS}}},
    },
}
EXPECTED_BODY: JSON = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "With either `until` or `for`.",
                    "properties": {
                        "feature": {"type": ["string", "null"], "description": "Null: the whole model."},
                        "until": _TIME,
                        "for": {**_LENGTH, "example": "6h"},
                        "note": {"type": "string"},
                    },
                    "example": {"feature": "temp", "for": "6h", "note": "the sensor is being replaced"},
                }
            }
        },
    },
}
EXPECTED: JSON = {
    "model": {"type": "string"},
    "expected": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "feature": {"type": ["string", "null"], "description": "Null: the whole model."},
                "since": {"type": "string", "format": "date-time"},
                "until": {"type": "string", "format": "date-time"},
                "note": {"type": "string"},
            },
        },
    },
}

_TIMING: JSON = {
    "digest": {"type": "string", "description": "Of the model's active profile."},
    "pane_ms": {"type": "integer"},
    "lateness_ms": {"type": "integer"},
    "time_ms": {"type": "integer", "description": "The store's time."},
}
ROWS_ANSWER: JSON = {
    "accepted": {"type": "integer", "description": "Rows that count, with the late ones."},
    "rejected_rows": {"type": "integer"},
    "unreadable": {"type": "object", "additionalProperties": {"type": "integer"}},
    "rejected": {
        "type": "array",
        "description": "The first 100 values at fault.",
        "items": {
            "type": "object",
            "properties": {
                "row": {"type": "integer"},
                "field": {"type": "string"},
                "expected": {"type": "string"},
                "got": {"type": "string"},
            },
        },
    },
    "late": {"type": "integer", "description": "Rows whose pane was frozen: they are in no window."},
    "ignored": {"type": "integer", "description": "Values under columns that the profile does not know."},
    "duplicate": {"type": "boolean", "description": "The key had been used for this very batch: nothing was added."},
}
PANE_ANSWER: JSON = {"late": ROWS_ANSWER["late"], **_TIMING}
PROFILE_ANSWER: JSON = {"model": {"type": "string"}, **_TIMING}


def answers(*problems: int, properties: JSON | None = None, status: int = 200) -> Responses:
    """Describe a JSON answer by its properties, and the problems that may come instead."""
    schema = {"type": "object", "properties": properties} if properties else {}
    ok: Responses = {status: {"description": "Done", "content": {"application/json": {"schema": schema}}}}
    for problem in problems:
        content = {"application/problem+json": {"schema": _PROBLEM}}
        ok[problem] = {"description": _TITLES[problem], "content": content}
    return ok
