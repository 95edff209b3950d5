"""Declare settings as fields of a dataclass, and read, check and write them by what is declared there.

A field carries its default, its kind and its sentence for the docs:

    min_rows: int = field(default=200, metadata=setting(RowCount(), "fewer rows are not judged"))

Nothing else knows its name: JSON, TOML, the errors, `driftmeter settings` and docs/settings.md follow from the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from driftmeter.errors import InputError, unknown_name
from driftmeter.settings.kinds import SettingKind
from driftmeter.types import JSON

_DECLARED = "driftmeter"
_WHOLE = ""


@dataclass(frozen=True)
class Setting:
    """One key: the kind of its value and what it means, a sentence in Markdown.

    `key` is its path in JSON, with a dot for a table within, by default the name of the field. `shown` is the
    text of the docs for a default that is None.
    """

    kind: SettingKind
    meaning: str
    key: str = ""
    shown: str = ""


@dataclass(frozen=True)
class Declared:
    """A setting and where its value is: in a field, or where `attribute` is not empty, in an attribute of the field."""

    setting: Setting
    key: str
    field: str
    attribute: str
    default: Any


def setting(kind: SettingKind, meaning: str, key: str = "", *, shown: str = "") -> Mapping[str, Any]:
    """Return the metadata of a field that is one setting."""
    return parts(**{_WHOLE: Setting(kind, meaning, key, shown)})


def parts(**by_attribute: Setting) -> Mapping[str, Any]:
    """Return the metadata of a field whose value is a dataclass, with a setting in each of some attributes."""
    return {_DECLARED: by_attribute}


def declared(holder: type) -> tuple[Declared, ...]:
    """Return the settings of a dataclass in the order of its fields."""
    settings: list[Declared] = []
    for field in fields(holder):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        for attribute, one in field.metadata.get(_DECLARED, {}).items():
            value = getattr(default, attribute) if attribute else default
            settings.append(Declared(one, one.key or field.name, field.name, attribute, value))
    return tuple(settings)


def write(holder: Any, *, all_of_them: bool = True) -> JSON:
    """Return the settings as JSON, tables within tables; those that are not the default where not `all_of_them`."""
    written: JSON = {}
    for one in declared(type(holder)):
        value = getattr(holder, one.field)
        value = getattr(value, one.attribute) if one.attribute else value
        if all_of_them or value != one.default:
            table, _, key = one.key.rpartition(".")
            (written.setdefault(table, {}) if table else written)[key] = one.setting.kind.write(value)
    return written


def check(holder: Any) -> None:
    """Raise InputError where a field's setting is out of its bounds; its `field` is the key."""
    for one in declared(type(holder)):
        if not one.attribute:
            one.setting.kind.check(one.key, getattr(holder, one.field), holder)


def read(holder: Any, data: object, where: str, *, besides: str | None = None) -> tuple[dict[str, Any], object]:
    """Return the fields that a table of JSON or TOML changes in `holder`, and the value of the key `besides`.

    Raises InputError on another key, and on a value that is not of its kind; the field is the path from `where` on.
    """
    kinds = {one.key: one.setting.kind for one in declared(type(holder))}
    given, tables = _read_table(kinds, data, where, besides)
    rest = tables.pop(besides, {}) if besides else {}
    for table, content in tables.items():
        within = {key.removeprefix(f"{table}."): kind for key, kind in kinds.items() if key.startswith(f"{table}.")}
        inner, _ = _read_table(within, content, f"{where}.{table}", None)
        given |= {f"{table}.{key}": value for key, value in inner.items()}
    return given, rest


def changed(holder: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `holder` with the given values, by key; raises InputError where a part is out of bounds."""
    changes: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for one in declared(type(holder)):
        if one.attribute:
            value = given.get(one.key, getattr(getattr(holder, one.field), one.attribute))
            one.setting.kind.check(one.key, value, holder)
            parts.setdefault(one.field, {})[one.attribute] = value
        elif one.key in given:
            changes[one.field] = given[one.key]
    return changes | {name: replace(getattr(holder, name), **values) for name, values in parts.items()}


def as_table(data: object, where: str) -> dict[str, Any]:
    """Return a table of JSON or TOML; raises InputError on anything else."""
    if not isinstance(data, dict):
        raise InputError(where, "a table of settings", repr(data)[:60])
    return data


def below(where: str, error: InputError) -> InputError:
    """Return an error with `where` before the path that it names."""
    return InputError(f"{where}.{error.field}", error.expected, error.got)


def _read_table(
    kinds: Mapping[str, SettingKind], data: object, where: str, besides: str | None
) -> tuple[dict[str, Any], dict[str, object]]:
    """Read the keys of one table, each by its kind; return the tables within as they are."""
    content = as_table(data, where)
    names = list(dict.fromkeys(key.partition(".")[0] for key in kinds)) + ([besides] if besides else [])
    for key in content:
        if key not in names:
            raise unknown_name(f"{where}.{key}", key, names)
    given = {key: kinds[key].read(value, f"{where}.{key}") for key, value in content.items() if key in kinds}
    return given, {key: value for key, value in content.items() if key not in kinds}
