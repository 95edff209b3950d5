"""The words and colours of the live page (docs/page.md). tests/deploy/test_dashboards.py compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Words = Mapping[str, tuple[str, str]]
"""Maps a value as text, or `null` for none, to the text and the colour that are shown."""
Ranges = Sequence[tuple[float | None, str, str]]
"""The least value, the word and the colour of each range, the highest first; None: there is no value."""

OK, PENDING, SLIGHT, MINOR, MAJOR, UNSURE = "#1a7443", "#6047b8", "#8a6100", "#a14a00", "#b3241b", "#5a6572"
"""The page's colours on light ground. They are drawn as grounds, on which Grafana writes in white, in any theme."""
NONE = ("–", "transparent")

STATES: Words = {
    "5": ("major drift", MAJOR),
    "4": ("minor drift", MINOR),
    "3": ("slight drift", SLIGHT),
    "2": ("drifting", MINOR),
    "1": ("pending", PENDING),
    "0": ("all right", OK),
    "-1": ("too few rows", UNSURE),
    "-2": ("calibrating", UNSURE),
    "-3": ("not calibrated", UNSURE),
}
"""By driftmeter_feature_state, plus driftmeter_feature_severity where it drifts."""
HEADLINES: Words = {
    **STATES,
    "2": ("Drifting", MINOR),
    "1": ("Something may be starting", PENDING),
    "0": ("All right", OK),
    "-1": ("Too few rows to say", UNSURE),
    "-2": ("Learning what is normal", UNSURE),
    "-3": ("Nothing says yet what is normal", UNSURE),
}
"""The same of a model."""
BLAME: Words = {"0": ("cause", MAJOR), "1": ("follows", UNSURE), "null": NONE}
"""By driftmeter_feature_follows."""
INCIDENT: Words = {"0": ("none", OK), "1": ("open", MAJOR)}

LEAST = -1e12
"""Below every evidence and every effect."""
SURE: Ranges = (
    (6, "certain", MAJOR),
    (2, "very strong", MAJOR),
    (0, "strong", MAJOR),
    (-1, "pending", PENDING),
    (LEAST, "none", OK),
    (None, "not judged", UNSURE),
)
"""By evidence."""
LARGE: Ranges = (
    (1, "very large", MAJOR),
    (0.25, "large", MAJOR),
    (0.1, "medium", MINOR),
    (0.01, "small", SLIGHT),
    (LEAST, "negligible", OK),
    (None, *NONE),
)
"""By effect."""
