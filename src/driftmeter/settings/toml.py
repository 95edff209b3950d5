"""Settings of several models in one TOML file: a table for each model, and `["*"]` for all of them.

What holds for a model is, from the weakest to the strongest: the server's defaults, `["*"]`, the model's own table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftmeter.errors import InputError
from driftmeter.settings.model import ModelSettings
from driftmeter.types import JSON

EVERY = "*"
"""The table that holds for every model; no model can have this name."""


@dataclass(frozen=True)
class SettingsFile:
    """The tables of a file, by model, as written there; keys that they leave out come from a base."""

    tables: Mapping[str, JSON] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InputError on tables that are no settings; its field is the path, from the model on."""
        every = self.tables.get(EVERY, {})
        if isinstance(every, dict) and "features" in every:
            raise InputError(f"{EVERY}.features", "features in the table of their model", f'in ["{EVERY}"]')
        self.models(self.default(ModelSettings()))

    @classmethod
    def load(cls, path: str | Path) -> SettingsFile:
        """Read a TOML file; raises InputError where it holds no settings, OSError where it cannot be read."""
        try:
            with Path(path).open("rb") as file:
                tables = tomllib.load(file)
        except (ValueError, RecursionError) as error:
            raise InputError(str(path), "a TOML file", str(error)) from error
        return cls(tables)

    def default(self, base: ModelSettings) -> ModelSettings:
        """Return the settings of every model: `base`, changed by the table `["*"]`."""
        return ModelSettings.from_json(self.tables.get(EVERY, {}), EVERY, base)

    def models(self, default: ModelSettings) -> dict[str, ModelSettings]:
        """Return the settings of each model that has a table: `default`, changed by that table."""
        return {
            model: ModelSettings.from_json(table, model, default)
            for model, table in self.tables.items()
            if model != EVERY
        }

    def table(self, model: str) -> JSON:
        """Return a model's table, with missing keys from `["*"]`; raises InputError if it has neither."""
        if model not in self.tables and EVERY not in self.tables:
            names = ", ".join(f"[{name}]" for name in self.tables) or "no table"
            raise InputError("settings", f'a table [{model}] or ["{EVERY}"]', names)
        every, table = self.tables.get(EVERY, {}), self.tables.get(model, {})
        within = {key: {**every.get(key, {}), **value} for key, value in table.items() if isinstance(value, dict)}
        return {**every, **table, **within}
