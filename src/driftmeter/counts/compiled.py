"""The compiled counter: what the plain one in numpy does, equal to the bit, at a tenth of the cost for single rows.

It is a small extension in C (counts/c), built where a compiler is. Without it everything works the same, slower.
DRIFTMETER_PURE=1 forces the plain counter.
"""

from __future__ import annotations

import datetime as dt
import os
import sysconfig
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np

from driftmeter.counts.unseen import is_sampled
from driftmeter.data.cells import NUMPY_NUMBERS
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.profile.residuals import Regressor
from driftmeter.types import Codes

if TYPE_CHECKING:
    from driftmeter.counts._compiled import Counter, Tables

Cache = tuple[dict[str, int], dict[int, int], dict[float, int]]
"""Bins of categories that were seen before: texts, integers, floats; 1, 1.0 and True may be different categories."""


def _load() -> tuple[ModuleType | None, str]:
    """Return the extension, or None and why."""
    if os.environ.get("DRIFTMETER_PURE", "") not in ("", "0"):
        return None, "DRIFTMETER_PURE is set"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return None, "this Python is free-threaded"
    if np.dtype(np.intp).itemsize != 8:
        return None, "this Python has 32 bits"
    try:
        return import_module("driftmeter.counts._compiled"), ""
    except ModuleNotFoundError:
        return None, "it was installed without a compiler"
    except ImportError as error:  # in a subinterpreter, or built for another machine
        return None, f"it cannot be loaded: {error}"


_module, REASON = _load()
KIND: Literal["compiled", "plain"] = "plain" if _module is None else "compiled"
"""Which counter runs; `REASON` says why it is the plain one."""


def describe() -> str:
    """Return which counter runs, in words.

    >>> describe().partition(" ")[0] in ("compiled", "plain")
    True
    """
    return f"{KIND} counter" + (f": {REASON}" if REASON else "")


def compile_tables(
    profile: Profile,
    *,
    caches: Sequence[Cache] | None = None,
    read_number: Callable[[int, object], float] | None = None,
    read_category: Callable[[int, object], int | tuple[int, str]] | None = None,
    regressor: Regressor | None = None,
    regressed: Codes | None = None,
) -> Tables | None:
    """Compile a profile, with its columns in the order of its features; None where only the plain counter counts by it.

    `caches` are of the categorical features. `read_number` and `read_category` read values that are not plain, given
    with the index of the feature among those of its kind; with a text, the second has it kept. `regressed` are the
    indices of the numbers in the `regressor`. Without readers and regressor rows cannot be read, only arrays counted.
    """
    if _module is None or (regressor is not None and regressor.terms > _module.MOST_TERMS):
        return None
    if any(
        isinstance(feature.grid, NumericGrid) and len(feature.grid.cuts) > _module.MOST_CUTS
        for feature in profile.features
    ):
        return None
    position: dict[str, int] = {}
    numbers: list[tuple[object, ...]] = []
    categories: list[tuple[object, ...]] = []
    prediction = -1
    for feature, part in profile.slices():
        is_first = feature.column not in position
        column = -1 if feature.role == "derived" else position.setdefault(feature.column, len(position))
        if feature.role == "prediction" and prediction < 0:  # the class before its probabilities
            prediction = column
        if isinstance(feature.grid, NumericGrid):
            special = [part.start + feature.grid.special[name] for name in _ODD_NUMBERS]
            numbers.append((column, is_first, part.start, *special, feature.grid.edges))
        else:
            cache = caches[len(categories)] if caches else ({}, {}, {})
            bins = _of_categories(feature, len(categories), read_category)
            moments = _of_moments(feature) if feature.column != profile.time or profile.time_format is None else None
            categories.append((column, is_first, part.start, *bins, moments, *cache))
    tables: Tables = _module.Tables(
        tuple(position),
        prediction,
        profile.bins,
        tuple(numbers),
        tuple(categories),
        None if regressor is None or regressed is None else (regressed.astype(np.int32), *regressor.arrays()),
        NUMPY_NUMBERS,
        read_number,
        read_category,
    )
    return tables


_ODD_NUMBERS = (bin_names.MISSING, bin_names.NOT_FINITE, bin_names.UNREADABLE)


def _of_categories(
    feature: Feature, index: int, read: Callable[[int, object], int | tuple[int, str]] | None
) -> tuple[int, int, int, int, int, int]:
    """Return the number of bins, the bins of what is missing, of False and of True, and the range of those whose texts
    are kept.

    -1 stands for a truth that `read` has to see each time: it is unreadable, or its text is kept.
    """
    assert isinstance(feature.grid, CategoryGrid)
    unreadable = feature.grid.special[bin_names.UNREADABLE]
    truths = [-1 if read is None else read(index, truth) for truth in (False, True)]
    false, true = (bin_ if isinstance(bin_, int) and bin_ != unreadable else -1 for bin_ in truths)
    kept = feature.grid.unseen if is_sampled(feature) else slice(0, 0)
    return feature.grid.size, feature.grid.special[bin_names.MISSING], false, true, kept.start, kept.stop


def _of_moments(feature: Feature) -> tuple[bytes, bool, type] | None:
    """Return the bins of all hours or weekdays, whether they are those of a zone, and the type of date-times.

    A bin is -1 where Python has to look, for the text may be kept. None for a feature that is no part of a time.
    """
    if feature.part is None:
        return None
    assert isinstance(feature.grid, CategoryGrid)
    found = [feature.grid.bin_of(str(number)) for number in range(_MOMENTS[feature.part])]
    unseen = feature.grid.unseen
    bins = [-1 if unseen.start <= bin_ < unseen.stop else bin_ for bin_ in found]
    return np.array(bins, np.int32).tobytes(), feature.zone is not None, dt.datetime


_MOMENTS = {"hour": 24, "weekday": 7}


def new_counter(
    tables: Tables,
    clock: Callable[[], float],
    *,
    names: Sequence[str],
    columns: Sequence[str] | None,
    ahead: int,
    most_panes: int,
    most_texts: int,
) -> Counter:
    """Return a counter by `tables`, whose columns are `names`. `columns` names the values of rows without names.

    Rows more than `ahead` ms in the future are told apart. A take is due with more than `most_panes` panes, or with
    more than `most_texts` texts.
    """
    assert _module is not None
    given = list(columns or ())
    place = {name: index for index, name in enumerate(given)}
    positions = None if columns is None else np.array([place.get(name, -1) for name in names], np.int32).tobytes()
    ignored = len(place.keys() - set(names))
    counter: Counter = _module.Counter(
        tables, clock, np.ndarray, ahead, most_panes, most_texts, positions, len(given), ignored
    )
    return counter
