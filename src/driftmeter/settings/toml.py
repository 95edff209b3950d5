"""Settings of several models in one TOML file: a table for each model, and `["*"]` for all of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftmeter.errors import InputError
from driftmeter.settings.model import ModelSettings
from driftmeter.types import JSON

EVERY = "*"
"""The table of what holds for every model: no model can be meant by it."""


@dataclass(frozen=True)
class SettingsFile:
    """The tables of a file, by model, as they stand there: what they do not say comes from elsewhere."""

    tables: Mapping[str, JSON] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse tables that are no settings; the errors name the path, from the model on."""
        every = self.tables.get(EVERY, {})
        if isinstance(every, dict) and "features" in every:
            raise InputError(f"{EVERY}.features", "features in the table of their model", f'in ["{EVERY}"]')
        self.models(self.default(ModelSettings()))

    @classmethod
    def load(cls, path: str | Path) -> SettingsFile:
        """Read a TOML file; raises InputError where it is none or holds no settings, OSError where it is away."""
        try:
            with Path(path).open("rb") as file:
                tables = tomllib.load(file)
        except (ValueError, RecursionError) as error:
            raise InputError(str(path), "a TOML file", str(error)) from error
        return cls(tables)

    def default(self, base: ModelSettings) -> ModelSettings:
        """Return what holds for every model: `base`, and above it the table `["*"]`."""
        return ModelSettings.from_json(self.tables.get(EVERY, {}), EVERY, base)

    def models(self, default: ModelSettings) -> dict[str, ModelSettings]:
        """Return the settings of each model that has a table: `default`, and above it the table."""
        return {
            model: ModelSettings.from_json(table, model, default)
            for model, table in self.tables.items()
            if model != EVERY
        }

    def table(self, model: str) -> JSON:
        """Return what the file itself says of a model, of all models too; raises InputError where that is nothing."""
        if model not in self.tables and EVERY not in self.tables:
            names = ", ".join(f"[{name}]" for name in self.tables) or "no table"
            raise InputError("settings", f'a table [{model}] or ["{EVERY}"]', names)
        every, own = self.tables.get(EVERY, {}), self.tables.get(model, {})
        merged = {**every, **own}
        if "ladder" in merged:
            merged["ladder"] = {**every.get("ladder", {}), **own.get("ladder", {})}
        return merged
