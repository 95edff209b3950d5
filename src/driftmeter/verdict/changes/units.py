"""Common units: what a value becomes when a column is suddenly written in another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from driftmeter.types import Floats


@dataclass(frozen=True)
class Unit:
    """A change of unit: y = factor × x + offset, or a curve whose `inverse` takes y back to x."""

    name: str
    factor: float = 1.0
    offset: float = 0.0
    inverse: Callable[[Floats], Floats] | None = None

    def back(self, values: Floats) -> Floats:
        """Return the values before the change, same shape."""
        before: Floats = (values - self.offset) / self.factor if self.inverse is None else self.inverse(values)
        return before


_FACTORS = {
    ("km", "mi"): 1 / 1.609344,
    ("km/h", "mph"): 1 / 1.609344,
    ("m", "ft"): 1 / 0.3048,
    ("in", "cm"): 2.54,
    ("kg", "lb"): 1 / 0.45359237,
    ("oz", "g"): 28.349523125,
    ("L", "gal"): 1 / 3.785411784,
    ("hPa", "inHg"): 1 / 33.863886,
    ("kn", "mph"): 1.150779,
    ("kn", "km/h"): 1.852,
    ("kn", "m/s"): 0.514444,
    ("m/s", "km/h"): 3.6,
    ("m/s", "mph"): 2.236936,
    ("kWh", "MJ"): 3.6,
    ("degrees", "radians"): np.pi / 180,
    ("s", "min"): 1 / 60,
    ("min", "h"): 1 / 60,
    ("s", "h"): 1 / 3600,
    ("h", "days"): 1 / 24,
    ("days", "weeks"): 1 / 7,
    ("months", "years"): 1 / 12,
    ("bytes", "KiB"): 1 / 1024,
    ("share", "%"): 100.0,
    ("euros", "cents"): 100.0,
    ("m", "cm"): 100.0,
    ("s", "ms"): 1000.0,
    ("kg", "g"): 1000.0,
    ("km", "m"): 1000.0,
    ("cm", "mm"): 10.0,
}
"""How much of the second unit one of the first is. Units of one factor are told together."""
_AFFINE = {
    "°F → °C": (5 / 9, -160 / 9),
    "°C → °F": (9 / 5, 32.0),
    "°C → K": (1.0, 273.15),
    "K → °C": (1.0, -273.15),
    "°F → K": (5 / 9, 273.15 - 160 / 9),
    "K → °F": (9 / 5, 32 - 273.15 * 9 / 5),
}
_MOST_NAMED = 3


def _log_or_none(values: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log(values), -np.inf)


_CURVES: dict[str, Callable[[Floats], Floats]] = {
    "x → ln x": np.exp,
    "x → ln(1 + x)": np.expm1,
    "x → log₁₀ x": lambda values: np.power(10.0, values),
    "ln x → x": _log_or_none,
    "ln(1 + x) → x": lambda values: _log_or_none(1 + values),
    "log₁₀ x → x": lambda values: _log_or_none(values) / np.log(10.0),
}


def _units() -> tuple[Unit, ...]:
    named: dict[float, list[str]] = {}
    for (one, other), factor in _FACTORS.items():
        named.setdefault(float(f"{factor:.6g}"), []).append(f"{one} → {other}")
        named.setdefault(float(f"{1 / factor:.6g}"), []).append(f"{other} → {one}")
    factors = [Unit(" or ".join(names[:_MOST_NAMED]), factor) for factor, names in named.items()]
    affine = [Unit(name, *numbers) for name, numbers in _AFFINE.items()]
    return (*affine, *factors, *(Unit(name, inverse=inverse) for name, inverse in _CURVES.items()))


UNITS = _units()
"""All changes of unit that are known by name; logarithms come last."""
_STRAIGHT = [unit for unit in UNITS if unit.inverse is None]
_NUMBERS = np.array([(unit.factor, unit.offset) for unit in _STRAIGHT])


def before_all(values: Floats) -> Floats:
    """Return what some values were before the change to each of UNITS, (units, values)."""
    straight = (values - _NUMBERS[:, 1:]) / _NUMBERS[:, :1]
    with np.errstate(over="ignore"):
        return np.concatenate([straight, [unit.back(values) for unit in UNITS[len(_STRAIGHT) :]]])
