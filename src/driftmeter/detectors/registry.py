"""The table of all detectors: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from driftmeter.detectors.dws.scan import DWS
from driftmeter.detectors.esr.detector import ESR
from driftmeter.detectors.protocol import Detector
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings

DETECTORS: Mapping[str, Callable[[Profile, ModelSettings], Detector[Any]]] = {"measured": DWS, "strict": ESR}
"""Detectors by what they guarantee."""
