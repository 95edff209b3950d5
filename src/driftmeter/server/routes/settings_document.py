"""The settings as bodies and answers have them: types made from the declarations, so that a setting is said once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from driftmeter.settings.reference import schema
from driftmeter.types import JSON

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[str],
    "null": None,
}


def struct_of(name: str, properties: JSON, text: str) -> type[msgspec.Struct]:
    """Return a struct with a field for each property of a JSON schema, any of which may be absent.

    >>> struct_of("Window", {"rows": {"type": "integer"}}, "A window.").__struct_fields__
    ('rows',)
    """
    fields = [
        (key, _type_of(f"{name}{key.title().replace('_', '')}", one) | UnsetType, UNSET)
        for key, one in properties.items()
    ]
    return msgspec.defstruct(name, fields, namespace={"__doc__": text}, module=__name__)


def _type_of(name: str, one: JSON) -> Any:
    """Return the type of a property; an object has a struct of its own, called `name`."""
    if "additionalProperties" in one:
        return dict[str, struct_of(name, one["additionalProperties"]["properties"], "What a feature has otherwise.")]  # type: ignore[misc]  # made here
    if "properties" in one:
        return struct_of(name, one["properties"], "Some settings that belong together.")
    kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
    made = _TYPES[kinds[0]]
    for kind in kinds[1:]:
        made |= _TYPES[kind]
    return Annotated[made, Meta(extra_json_schema={key: value for key, value in one.items() if key != "type"})]


SettingsDocument = struct_of(
    "SettingsDocument",
    schema(),
    "What counts as drift. In a request, what is left out is as in the server's default; an answer has it all.",
)
