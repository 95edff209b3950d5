from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from driftmeter.demo import data
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.settings.model import ModelSettings
from driftmeter.verdict.blame import Blame, Drifter
from driftmeter.verdict.feature_state import mask_of
from driftmeter.verdict.incidents import Incident
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import JudgeState
from driftmeter.verdict.verdict import Verdict
from tests.support.scripts import ROOT, load
from tests.verdict.streams import PANE, START, follow, summary_of, verdict_of

bench = load(ROOT / "bench" / "blame.py")


@pytest.fixture(scope="module")
def profile() -> Profile:
    made: Profile = bench.profile_of(pl.DataFrame(data.reference()))
    return made


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return pl.DataFrame(data.held_out()).sample(3_000, seed=1)


def follows_of(verdict: Verdict) -> dict[str, str | None]:
    return {feature.feature: feature.follows for feature in verdict.features if feature.drifting}


def causes(verdict: Verdict) -> list[str]:
    named: list[str] = verdict.to_json()["causes"]
    return named


ALONE = [
    ("temp unit", "temp"),
    ("humid shift", "humid"),
    ("distance scale", "distance"),
    ("wind_speed stuck", "wind_speed"),
    ("dewp missing", "dewp"),
    ("visib clip", "visib"),
    ("pressure flip", "pressure"),
    ("temp shuffle", "temp given the rest"),
    ("humid shuffle", "humid given the rest"),
    ("wind_dir shuffle", "wind_dir given the rest"),
    ("carrier swap", "carrier"),
]


@pytest.mark.parametrize(("fault", "cause"), ALONE)
def test_a_column_that_went_wrong_is_to_blame_for_all_that_drifts(
    profile: Profile, rows: pl.DataFrame, fault: str, cause: str
) -> None:
    column, kind = fault.split()
    verdict = compare(profile, bench.Fault(column, kind, 7).apply(rows)).verdict
    assert causes(verdict) == [cause]
    assert {follows for follows in follows_of(verdict).values() if follows is not None} <= {cause}


PAIRS = [
    (("temp", "unit"), ("distance", "shift"), {"temp", "distance"}),
    (("humid", "shuffle"), ("seats", "missing"), {"humid given the rest", "seats"}),
    (("dewp", "stuck"), ("carrier", "swap"), {"dewp", "carrier"}),
    (("visib", "shuffle"), ("distance", "unit"), {"visib given the rest", "distance"}),
]


@pytest.mark.parametrize(("first", "second", "both"), PAIRS)
def test_two_columns_that_went_wrong_are_both_to_blame_and_no_other(
    profile: Profile, rows: pl.DataFrame, first: tuple[str, str], second: tuple[str, str], both: set[str]
) -> None:
    wrong = bench.Fault(*second, 7).apply(bench.Fault(*first, 7).apply(rows))
    verdict = compare(profile, wrong).verdict
    assert set(causes(verdict)) == both


def test_nearly_all_of_some_random_faults_are_blamed_on_their_columns(profile: Profile) -> None:
    held_out = pl.DataFrame(data.held_out())
    told = [(case.faults, case.right) for case in bench.cases(profile, held_out, 15, seed=5)]
    assert sum(right for _, right in told) >= 14, told


def test_a_profile_without_residuals_leads_nobody_but_predictions(rows: pl.DataFrame) -> None:
    few = ["carrier", "dest", data.PREDICTION]
    profile = Profile.fit(rows.select(few), model="m", prediction=data.PREDICTION, independent=True)
    drifting = [
        Drifter("dest", "slight", 0.05),
        Drifter("carrier", "major", 0.5),
        Drifter(data.PREDICTION, "minor", 0.2),
    ]
    counts = np.ones(profile.bins, dtype=np.int64)
    blame = Blame(profile)
    assert blame.follows(drifting, counts) == {"carrier": None, "dest": None, data.PREDICTION: "carrier"}
    worse = [Drifter("dest", "slight", 0.05), Drifter(data.PREDICTION, "minor", 0.2)]
    assert blame.follows(worse, counts) == {"dest": None, data.PREDICTION: None}
    assert blame.follows([], counts) == {}


def test_a_number_follows_another_whose_shift_lets_one_expect_its_own() -> None:
    chance = np.random.default_rng(4)

    def frame(rows: int, shift: float, apart: float = 0.0) -> pl.DataFrame:
        cause = chance.normal(size=rows) + shift
        effect = 0.9 * cause + 0.3 * chance.normal(size=rows) + apart
        return pl.DataFrame({"cause": cause, "effect": effect, "other": chance.normal(size=rows)})

    profile = Profile.fit(frame(8_000, 0.0), model="m", independent=True)
    together = compare(profile, frame(4_000, 1.0)).verdict
    assert causes(together) == ["cause"]
    assert follows_of(together)["effect"] == "cause"
    apart = compare(profile, frame(4_000, 1.0, apart=-1.8)).verdict
    assert set(causes(apart)) == {"cause", "effect"}


def panes(profile: Profile, frames: Iterable[pl.DataFrame]) -> list[Slice]:
    return [Slice(START + place * PANE, PANE, summary_of(profile, frame)) for place, frame in enumerate(frames)]


@pytest.fixture(scope="module")
def celsius(profile: Profile, rows: pl.DataFrame) -> tuple[Judge, Verdict, JudgeState]:
    """What is told after temperatures come in Celsius."""
    judge = Judge(profile, ModelSettings())
    wrong = bench.Fault("temp", "unit", 7).apply(rows)
    given = panes(profile, [rows[:500], rows[500:1000], *(wrong[at : at + 500] for at in (1000, 1500, 2000))])
    state, _ = follow(judge, given)
    return judge, verdict_of(judge, state, given[-1]), judge.loads(judge.dumps(state))


def test_a_live_verdict_names_the_cause_first(celsius: tuple[Judge, Verdict, JudgeState]) -> None:
    _, verdict, state = celsius
    incident = state.open_incidents[-1]
    for told in (verdict.to_json(), incident.to_json()):
        assert told["causes"] == ["temp"]
        assert told["summary"].startswith("temp looks like °F → °C ")
        assert told["summary"].endswith(" follow.")
    assert follows_of(verdict)["humid given the rest"] == "temp"
    assert incident.members["humid given the rest"].follows == "temp"


def test_what_followed_is_to_blame_itself_once_its_cause_is_over(celsius: tuple[Judge, Verdict, JudgeState]) -> None:
    judge, verdict, state = celsius
    assert judge.detector is not None
    (incident,) = state.open_incidents
    over = {**incident.members, "temp": replace(incident.members["temp"], over=state.last, ended="returned")}
    temp = mask_of(["temp"], [feature.name for feature in judge.profile.features])
    later = replace(
        state,
        detector=judge.detector.restart(state.detector, temp),
        incidents=(replace(incident, members=over),),
    )
    told = judge.verdict(later, verdict.window)
    assert "temp" not in follows_of(told)
    assert {name for name, cause in follows_of(told).items() if cause is None} == set(causes(told))


def test_an_incident_that_was_stored_before_is_read_and_follows_nobody(
    celsius: tuple[Judge, Verdict, JudgeState],
) -> None:
    incident = celsius[2].open_incidents[-1]
    opened, members, closed, reopened = incident.dump()
    assert isinstance(members, dict)
    before = {name: values[:15] for name, values in members.items()}
    read = Incident.load([opened, before, closed, reopened])
    assert {member.follows for member in read.members.values()} == {None}
    assert set(read.members) == set(incident.members)
