"""Profiles of one feature or two, and counts of rows by them."""

from __future__ import annotations

import polars as pl

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.profile.profile import Profile
from driftmeter.types import Counts


def fitted(**columns: object) -> Profile:
    return Profile.fit(pl.DataFrame(columns), model="m", independent=True, residuals=False)


def counts_of(profile: Profile, **columns: object) -> Counts:
    """Return the counts of rows of a profile."""
    frame = pl.DataFrame(columns)
    return Binner(profile).observe(Reader(profile).read_records(frame.to_dicts())[0]).counts
