from __future__ import annotations

from typing import Any

import msgspec
import pytest

from driftmeter.server.ingest.media import MEDIA
from driftmeter.server.routes.openapi import document
from driftmeter.server.routes.settings_document import SettingsDocument
from driftmeter.server.routes.table import OPERATIONS
from driftmeter.settings.model import ModelSettings
from tests.server.harness import Client

DOCUMENT = document(OPERATIONS)
PATHS = DOCUMENT["paths"]
ROUTES = {
    ("get", "/v1/models"),
    ("delete", "/v1/models/{model}"),
    ("put", "/v1/models/{model}/profile"),
    ("get", "/v1/models/{model}/profile"),
    ("get", "/v1/models/{model}/profile/from-live"),
    ("post", "/v1/models/{model}/rows"),
    ("put", "/v1/models/{model}/panes/{start_ms}/{source}"),
    ("get", "/v1/models/{model}/verdict"),
    ("get", "/v1/models/{model}/features/{feature}"),
    ("get", "/v1/models/{model}/history"),
    ("get", "/v1/models/{model}/incidents"),
    ("post", "/v1/models/{model}/incidents/{incident}/acknowledge"),
    ("get", "/v1/models/{model}/settings"),
    ("put", "/v1/models/{model}/settings"),
    ("delete", "/v1/models/{model}/settings"),
    ("get", "/v1/models/{model}/expected"),
    ("post", "/v1/models/{model}/expected"),
    ("delete", "/v1/models/{model}/expected"),
    ("get", "/v1/models/{model}/report"),
    ("get", "/v1/models/{model}/sources"),
    ("get", "/v1/events"),
    ("get", "/metrics"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}
"""Routes that clients rely on. A new one need not be here."""


def references(part: Any) -> set[str]:
    """Return the names of all schemas that a part of the document refers to."""
    if isinstance(part, dict):
        mine = {part["$ref"]} if "$ref" in part else set()
        return mine.union(*map(references, part.values()))
    return set[str]().union(*map(references, part)) if isinstance(part, list) else set()


def test_the_document_has_the_routes_of_the_table_and_all_of_the_contract() -> None:
    described = {(method, path) for path, methods in PATHS.items() for method in methods}
    assert described == {(operation.method.lower(), operation.template) for operation in OPERATIONS}
    assert described >= ROUTES, "clients rely on these routes"


def test_the_server_gives_the_document(client: Client) -> None:
    assert client.get("/openapi.json").json() == DOCUMENT
    assert DOCUMENT["openapi"] == "3.1.0"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.handler.__name__)
def test_each_route_says_what_it_does_takes_and_answers(operation: Any) -> None:
    described = PATHS[operation.template][operation.method.lower()]
    assert described["summary"]
    assert described["description"]
    assert all(parameter["description"] for parameter in described["parameters"])
    assert set(described["responses"]) == {str(status) for status in (*operation.answers, *operation.problems)}
    in_path = [parameter["name"] for parameter in described["parameters"] if parameter["in"] == "path"]
    assert [f"{{{name}}}" for name in in_path] == [part for part in operation.template.split("/") if part[:1] == "{"]


def test_each_reference_leads_to_a_schema_and_each_schema_is_used() -> None:
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) == schemas


def test_names_of_operations_are_unique() -> None:
    names = [described["operationId"] for methods in PATHS.values() for described in methods.values()]
    assert len(names) == len(set(names))


def test_rows_come_in_every_form_that_is_read_and_with_five_parameters() -> None:
    rows = PATHS["/v1/models/{model}/rows"]["post"]
    described = rows["requestBody"]["content"]
    assert {MEDIA[name] for name in described} == set(MEDIA.values()), "add a media type to _ROWS in routes/table.py"
    assert {parameter["name"]: parameter["schema"] for parameter in rows["parameters"]} == {
        "model": {"type": "string"},
        "nan": {"type": "string", "enum": ["null"]},
        "watermark": {"type": "string"},
        "source": {"type": "string"},
        "Idempotency-Key": {"type": "string"},
    }


def test_the_document_of_settings_has_all_keys_that_settings_have() -> None:
    keys = msgspec.to_builtins(msgspec.convert(ModelSettings().to_json(), SettingsDocument))
    assert keys == ModelSettings().to_json()
    assert set(keys) == set(SettingsDocument.__struct_fields__)
