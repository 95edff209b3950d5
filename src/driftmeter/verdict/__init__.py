"""Decides what drifts, how badly, since when, and which incident it belongs to.

    closed slices ─→ judge (detector, expectation, incidents) ─→ judge_state ─→ feature_state ─→ verdict ─→ JSON
    one window    ─→ window_judge ───────────────────────────────────────────────────────────↗

`severity` grades, `sentences` says why, `readiness` says when a profile may page.
"""
