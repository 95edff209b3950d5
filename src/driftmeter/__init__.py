"""Real-time data drift monitoring for machine-learning models in production."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from driftmeter.version import __version__

if TYPE_CHECKING:
    from driftmeter.client import Monitor
    from driftmeter.counts.summary import Summary
    from driftmeter.errors import DriftmeterError
    from driftmeter.profile.feature import Feature
    from driftmeter.profile.profile import Profile
    from driftmeter.report import Report, compare

__all__ = ["DriftmeterError", "Feature", "Monitor", "Profile", "Report", "Summary", "__version__", "compare"]

# Where each public name lives. Loaded at first use: a model server never needs scipy, nor the command line numpy.
_HOMES = {
    "DriftmeterError": "errors",
    "Feature": "profile.feature",
    "Monitor": "client",
    "Profile": "profile.profile",
    "Report": "report",
    "Summary": "counts.summary",
    "compare": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"driftmeter.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
