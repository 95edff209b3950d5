"""Aliases shared by the whole package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
"""Counts per bin: shape (bins,), int64."""
Floats = npt.NDArray[np.float64]
"""Numbers of any shape, float64."""
Codes = npt.NDArray[np.intp]
"""Indices of bins, of rows or of other things: intp."""

Milliseconds = int
"""A time since the epoch or a length of time, in whole milliseconds, so that event times are exact."""
Clock = Callable[[], Milliseconds]
"""Returns the time now."""

Kind = Literal["numeric", "categorical", "boolean"]
Role = Literal["feature", "prediction", "derived"]
JSON = dict[str, Any]
"""A JSON object."""
