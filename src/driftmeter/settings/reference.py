"""The settings as the docs and the API describe them, from their declarations.

`make docs` writes the table of docs/settings.md from here.
"""

from __future__ import annotations

from driftmeter.settings.declare import declared
from driftmeter.settings.kinds import as_markdown
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.types import JSON

_HEAD = "| key | meaning | default |"


def markdown_table() -> str:
    """Return the table of docs/settings.md: a row for each setting of a model, then of a feature.

    >>> markdown_table().splitlines()[2]
    '| `budget` | time in which at most one false page is expected | `"30d"` |'
    """
    rows = [_HEAD, "|---|---|---|"]
    for prefix, holder in (("", ModelSettings), ("features.NAME.", FeatureSettings)):
        for one in declared(holder):
            default = one.setting.shown or as_markdown(one.setting.kind, one.default)
            rows.append(f"| `{prefix}{one.key}` | {one.setting.meaning} | {default} |")
    return "\n".join(rows) + "\n"


def schema(holder: type = ModelSettings) -> JSON:
    """Return the JSON schemas of the settings by key, tables as objects with properties.

    >>> schema()["guarantee"]["enum"], schema()["ladder"]["properties"]["pane_rows"]["type"]
    (['measured', 'strict'], 'integer')
    """
    schemas: JSON = {}
    for one in declared(holder):
        table, _, key = one.key.rpartition(".")
        within = schemas.setdefault(table, {"type": "object", "properties": {}})["properties"] if table else schemas
        kind = one.setting.kind.schema()
        within[key] = {**kind, "description": f"{one.setting.meaning}. {kind.get('description', '')}".strip()}
    if holder is ModelSettings:
        of_feature = {"type": "object", "properties": schema(FeatureSettings)}
        schemas["features"] = {"type": "object", "additionalProperties": of_feature}
    return schemas
