"""Expectations: somebody says that a feature, or the whole model, will drift for a while."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.types import Milliseconds


@dataclass(frozen=True)
class Expectation:
    """Somebody expects a feature, or where it is None the whole model, to drift from `since` to `until`."""

    feature: str | None
    since: Milliseconds
    until: Milliseconds
    note: str = ""
