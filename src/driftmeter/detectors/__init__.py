"""Sequential detectors: alarms that can be trusted, from closed panes alone."""

from driftmeter.detectors.dws.scan import DWS
from driftmeter.detectors.esr.detector import ESR
from driftmeter.detectors.protocol import Cause, Detector, Evidence
from driftmeter.detectors.registry import DETECTORS

__all__ = ["DETECTORS", "DWS", "ESR", "Cause", "Detector", "Evidence"]
