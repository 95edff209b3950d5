"""Names and kinds of a model's columns from the model itself: scikit-learn, XGBoost, LightGBM, CatBoost, ONNX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError, nearest
from driftmeter.profile.profile import Profile
from driftmeter.types import Kind

Rename = Callable[[str], str]
MODELS = "a model of scikit-learn, XGBoost, LightGBM or CatBoost, or one of ONNX: a session, a ModelProto, or its file"
_UNNAMED = re.compile(r"Column_\d+|\d+")
"""What LightGBM and CatBoost call columns that came without names."""
_ONNX_KINDS: dict[str, Kind] = {"string": "categorical", "bool": "boolean", "float": "numeric", "double": "numeric"}
"""Of integers a model does not say whether they are numbers or categories."""
_ONNX_TYPES = {1: "float", 8: "string", 9: "bool", 11: "double"}
"""Of the numbers that ONNX gives to its types."""


def _same(name: str) -> str:
    return name


@dataclass(frozen=True)
class ModelColumns:
    """The columns that a model takes, in its order, and their kinds as far as the model tells.

    The names are those that the library gave, which are not always those of the data: `in_data` finds these.
    """

    names: tuple[str, ...]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    renamed: Rename = _same
    """What the library makes of a name in the data."""

    def in_data(self, columns: Iterable[str]) -> ModelColumns:
        """Return the same columns under their names in data that has `columns`.

        Raises InputError where the data lacks one, or two of its columns would have the same name in the model.
        """
        found: dict[str, list[str]] = {}
        for column in columns:
            found.setdefault(self.renamed(column), []).append(column)
        names = {}
        for name in self.names:
            candidates = found.get(name, [])
            if len(candidates) != 1:
                alike = " and ".join(repr(column)[:60] for column in candidates)
                question = nearest(name, found)
                none = f"none{f' ({question})' if question else ''}"
                got = f"{alike}, which have one name there" if alike else none
                raise InputError("columns", f"one column that the model calls {name!r}", got)
            names[name] = candidates[0]
        kinds = {names[name]: kind for name, kind in self.kinds.items()}
        return ModelColumns(tuple(names.values()), kinds)


def columns_of(model: Any) -> ModelColumns:
    """Return the columns of a trained model.

        columns = columns_of(booster).in_data(frame.columns)
        profile = Profile.fit(frame, model="credit", only=columns.names, kinds=columns.kinds)
        monitor = Monitor(url, profile=profile, columns=columns.names)

    What each library knows differs: XGBoost and LightGBM know which columns are categories, and LightGBM writes `_` for
    blanks; skl2onnx writes `_` for all that is no letter, digit or `+`, and has unused columns among its inputs. No
    categories are taken from a model: XGBoost cuts some of their names. Nothing is loaded but what made the model.

    Raises InputError where it is no such model, or has no names, as after training on a matrix.
    """
    for of in (_of_xgboost, _of_lightgbm, _of_catboost, _of_onnx):
        columns = of(model)
        if columns is not None:
            break
    else:
        columns = _of_attribute(model)
    if not columns.names or (columns.renamed is not _of_skl2onnx and all(map(_UNNAMED.fullmatch, columns.names))):
        expected = "names of columns, which a model has that is trained on a frame"
        raise InputError("model", expected, "numbers" if columns.names else "none")
    return columns


def names_in(profile: Profile | None, names: Iterable[str]) -> tuple[str, ...]:
    """Return names that an estimator says it was fitted on as the profile has them.

    Those of LightGBM have `_` for blanks, also in `feature_names_in_`: a name that is no column of the profile is that
    of its only column which LightGBM calls so. All others stay as they are.
    """
    names = tuple(map(str, names))
    columns = dict.fromkeys(feature.column for feature in profile.features) if profile is not None else {}
    called: dict[str, list[str]] = {}
    for column in columns:
        called.setdefault(_blanks_gone(column), []).append(column)
    alike = {name: called[name][0] for name in names if name not in columns and len(called.get(name, ())) == 1}
    return tuple(alike.get(name, name) for name in names)


def _is_of(model: Any, library: str) -> bool:
    return any(kind.__module__.partition(".")[0] == library for kind in type(model).__mro__)


def _of_xgboost(model: Any) -> ModelColumns | None:
    if not _is_of(model, "xgboost"):
        return None
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    names, types = booster.feature_names or (), booster.feature_types or ()
    kinds: dict[str, Kind] = {"c": "categorical", "i": "boolean"}
    return ModelColumns(
        tuple(names), {name: kinds.get(kind, "numeric") for name, kind in zip(names, types, strict=False)}
    )


def _of_lightgbm(model: Any) -> ModelColumns | None:
    if not _is_of(model, "lightgbm"):
        return None
    booster = getattr(model, "booster_", model)
    infos = booster.dump_model(num_iteration=1)["feature_infos"]
    kinds: dict[str, Kind] = {name: "categorical" for name, info in infos.items() if info["values"]}
    return ModelColumns(tuple(booster.feature_name()), kinds, _blanks_gone)


def _blanks_gone(name: str) -> str:
    return name.replace(" ", "_")


def _of_catboost(model: Any) -> ModelColumns | None:
    if not _is_of(model, "catboost"):
        return None
    names = tuple(model.feature_names_ or ())
    return ModelColumns(names, {names[index]: "categorical" for index in model.get_cat_feature_indices()})


def _of_onnx(model: Any) -> ModelColumns | None:
    """Read the inputs: one column each; a single one of several columns has no names for them."""
    if isinstance(model, str | Path):
        import onnxruntime

        model = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    if hasattr(model, "get_inputs") and _is_of(model, "onnxruntime"):
        inputs = [
            (one.name, one.type.removeprefix("tensor(").removesuffix(")"), one.shape) for one in model.get_inputs()
        ]
    elif _is_of(model, "onnx") and hasattr(model, "graph"):
        initial = {one.name for one in model.graph.initializer}
        inputs = [_of_value(value) for value in model.graph.input if value.name not in initial]
    else:
        return None
    wide = [f"{name!r} of {shape[1]} columns" for name, _, shape in inputs if len(shape) > 1 and shape[1] != 1]
    if wide:
        raise InputError("model", "one input for each column", f"{wide[0]}, which has no names for them")
    kinds = {name: _ONNX_KINDS[kind] for name, kind, _ in inputs if kind in _ONNX_KINDS}
    return ModelColumns(tuple(name for name, _, _ in inputs), kinds, _of_skl2onnx)


def _of_value(value: Any) -> tuple[str, str, list[Any]]:
    tensor = value.type.tensor_type
    shape = [one.dim_value if one.HasField("dim_value") else None for one in tensor.shape.dim]
    return value.name, _ONNX_TYPES.get(tensor.elem_type, ""), shape


def _of_skl2onnx(name: str) -> str:
    name = re.sub(r"[^\w+]", "_", name)
    return f"_{name}" if name[:1].isdigit() else name


def _of_attribute(model: Any) -> ModelColumns:
    if not hasattr(model, "fit") or not hasattr(model, "get_params"):
        raise InputError("model", MODELS, describe(model))
    names = getattr(model, "feature_names_in_", None)
    return ModelColumns(() if names is None else tuple(map(str, names)))
