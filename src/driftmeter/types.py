"""Aliases shared by the whole package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
"""Counts per bin: shape (bins,), int64."""
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
"""Indices of bins."""

Milliseconds = int
"""A time since the epoch or a length, in whole milliseconds: event times never need floats."""
Clock = Callable[[], Milliseconds]

Kind = Literal["numeric", "categorical", "boolean"]
Role = Literal["feature", "prediction", "derived"]
JSON = dict[str, Any]
