"""All detectors. A new one is its own file and a line here, and its guarantee a word in settings/model.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from driftmeter.detectors.dws.scan import DWS
from driftmeter.detectors.esr.detector import ESR
from driftmeter.detectors.protocol import Detector
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings

DETECTORS: Mapping[str, Callable[[Profile, ModelSettings], Detector[Any]]] = {"measured": DWS, "strict": ESR}
"""Detectors by what they guarantee, as the setting `guarantee` names it; made from a profile and settings."""
