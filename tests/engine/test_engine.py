from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import driftmeter.engine.engine as monitor_module
from driftmeter.counts.summary import Summary
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError, UnknownModelError, UnknownProfileError
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store.records import AddRows, PutPane
from driftmeter.store.sqlite.store import SQLiteStore

START = 1_700_000_000_000
TIMING = Timing(pane=10_000, lateness=20_000)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@dataclass
class Tier:
    """A metric server without HTTP, on a clock that the test sets."""

    engine: Engine
    clock: Clock

    def send(self, frame: pl.DataFrame, times: int | np.ndarray, source: str = "s") -> int:
        """Commit rows; return how many were late."""
        compiled = self.engine.compiled("m")
        rows, _, _ = compiled.reader.read_columns(columns_of(as_frame(frame), compiled.reader.names))
        parts = self.engine.sort_rows(compiled, rows, times)
        write = AddRows("m", compiled.profile.digest, source, parts, SourceTotals(len(frame), len(frame)))
        (receipt,) = self.engine.store.commit([write])
        assert not isinstance(receipt, Exception)
        return receipt.late

    def pass_time(self, seconds: float) -> None:
        """Let time go by as an evaluation loop sees it, a second at a time."""
        for _ in range(int(seconds)):
            self.clock.now += 1_000
            self.engine.advance("m")

    def verdict(self) -> dict:
        return json.loads(self.engine.verdict("m"))


def rows_of(n: int, *, shift: float = 0.0, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {"x": rng.normal(size=n) + shift, "y": rng.normal(size=n), "c": rng.choice(["a", "b", "c"], size=n)}
    )


@pytest.fixture(scope="module")
def profile() -> Profile:
    return Profile.fit(rows_of(20_000, seed=99), model="m", independent=True)


@pytest.fixture
def tier_of(profile: Profile) -> Iterator[Callable[..., Tier]]:
    """Make tiers in memory or on a file; their stores are closed in the end."""
    made = []

    def make(path: Path | None = None, clock: Clock | None = None, settings: ModelSettings | None = None) -> Tier:
        clock = clock or Clock()
        engine = Engine(SQLiteStore(path, clock=clock), timing=TIMING, settings=settings)
        engine.register(profile)
        made.append(engine)
        return Tier(engine, clock)

    yield make
    for engine in made:
        engine.store.close()


@pytest.fixture
def tier(tier_of: Callable[..., Tier]) -> Tier:
    return tier_of()


def test_before_the_first_pane_the_verdict_says_that_it_is_insufficient(tier: Tier) -> None:
    verdict = tier.verdict()
    assert verdict["state"] == "insufficient"
    assert verdict["rows"] == 0
    assert verdict["window"] == {"start": None, "end": None, "panes": 0}


def test_rows_count_when_their_pane_has_closed_and_not_before(tier: Tier) -> None:
    tier.send(rows_of(500), START)
    tier.pass_time(28)
    assert tier.verdict()["rows"] == 0
    tier.pass_time(4)
    assert tier.verdict()["rows"] == 500
    assert tier.verdict()["state"] == "ok"


def test_drift_in_one_feature_is_named_with_the_first_pane_that_shows_it(tier: Tier) -> None:
    for pane in range(2):
        tier.send(rows_of(1000, seed=pane, shift=1.0 if pane else 0.0), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    verdict = tier.verdict()
    assert [(each["feature"], each["state"]) for each in verdict["features"]] == [
        ("x", "drifting"),
        ("y", "ok"),
        ("c", "ok"),
    ]
    assert verdict["features"][0]["since"] == "2023-11-14T22:13:30.000Z"
    assert verdict["features_drifting"] == 1
    assert (verdict["incident"]["opened"], verdict["incidents_open"]) == ("2023-11-14T22:13:40.000Z", 1)
    (member,) = verdict["incident"]["features"]
    assert (member["feature"], member["since"]) == ("x", "2023-11-14T22:13:30.000Z")


def test_rows_after_the_freeze_change_nothing_and_are_reported(tier: Tier) -> None:
    tier.send(rows_of(1000), START)
    tier.pass_time(35)
    before = tier.engine.verdict("m")
    assert tier.send(rows_of(300, shift=5.0), START) == 300
    tier.pass_time(35)
    assert tier.engine.verdict("m") == before
    assert tier.engine.sources("m").coverage == pytest.approx(1000 / 1300)


def test_a_verdict_does_not_depend_on_how_rows_were_batched_nor_on_who_folds(
    tier_of: Callable[..., Tier], tmp_path: Path
) -> None:
    frame = rows_of(4000, shift=0.2, seed=5)
    rng = np.random.default_rng(1)
    times = START + rng.integers(0, 60_000, len(frame))
    whole = tier_of()
    # far ahead is the server's rule, not the fold's: here only panes matter
    whole.send(frame, times)
    whole.pass_time(120)
    clock = Clock()
    replicas = [tier_of(tmp_path / "shared.sqlite", clock) for _ in range(2)]
    for batch in np.array_split(rng.permutation(len(frame)), 200):
        replica = replicas[rng.integers(2)]
        replica.send(frame[batch], times[batch], source=f"s{rng.integers(7)}")
    for _ in range(120):
        clock.now += 1_000
        replicas[rng.integers(2)].engine.advance("m")
    expected = whole.engine.verdict("m")
    assert json.loads(expected)["rows"] == len(frame)
    assert [replica.engine.verdict("m") for replica in replicas] == [expected, expected]


def test_a_restored_fold_goes_on_as_if_it_had_never_stopped(tier_of: Callable[..., Tier], tmp_path: Path) -> None:
    steady, clock = tier_of(), Clock()
    path = tmp_path / "store.sqlite"
    for pane in range(6):
        restarted = tier_of(path, clock)
        for each in (steady, restarted):
            each.send(rows_of(400, shift=0.15 * pane, seed=pane), START + 10_000 * pane)
        steady.pass_time(10)
        restarted.pass_time(10)
        restarted.engine.store.close()
    steady.pass_time(40)
    last = tier_of(path, clock)
    last.pass_time(40)
    assert last.engine.verdict("m") == steady.engine.verdict("m")
    assert [each["at"] for each in last.engine.history("m", 0, clock.now)] == [
        each["at"] for each in steady.engine.history("m", 0, clock.now)
    ]


def test_a_feature_is_shown_in_every_window_with_its_bins(tier: Tier) -> None:
    for pane in range(3):
        tier.send(rows_of(700, seed=pane), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    shown = tier.engine.feature("m", "c")
    assert shown["bins"] == ["a", "b", "c", "other", "unseen", "missing"] or set(shown["bins"][:3]) == set("abc")
    assert sum(shown["reference"]) == 20_000
    assert {name: window["rows"] for name, window in shown["windows"].items()} == {
        "judging": 2100,
        "rows": 1400,
        "time": 2100,
    }
    assert sum(shown["windows"]["rows"]["counts"]) == 1400
    with pytest.raises(InputError, match="'z'"):
        tier.engine.feature("m", "z")


def test_a_profile_without_an_order_of_time_is_scored_and_opens_no_incident(tier_of: Callable[..., Tier]) -> None:
    tier = tier_of()
    tier.engine.register(Profile.fit(rows_of(5_000, seed=98), model="m"))
    tier.send(rows_of(1000, shift=1.0), START)
    tier.pass_time(35)
    verdict = tier.verdict()
    assert (verdict["state"], verdict["rows"], verdict["features_drifting"]) == ("uncalibrated", 1000, 0)
    assert verdict["features"][0]["effect"] > 0.5
    assert tier.engine.incidents("m") == []


def test_what_is_expected_pages_when_it_is_not_expected_any_more(tier: Tier) -> None:
    tier.engine.expect("m", "x", START + 100_000, "a campaign")
    for pane in range(4):
        tier.send(rows_of(1000, shift=1.0, seed=pane), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    assert tier.verdict()["state"] == "drifting"
    assert tier.verdict()["features"][0]["expected_until"] == "2023-11-14T22:15:00.000Z"
    assert tier.verdict()["incident"] is None
    tier.pass_time(60)
    tier.send(rows_of(1000, shift=1.0, seed=9), tier.clock.now)
    tier.pass_time(35)
    assert [each["feature"] for each in tier.verdict()["incident"]["features"]] == ["x"]


def test_an_incident_can_be_acknowledged_once_it_is_there(tier: Tier) -> None:
    with pytest.raises(InputError, match="none yet"):
        tier.engine.acknowledge("m", "1")
    tier.send(rows_of(1000, shift=1.0), tier.clock.now)
    tier.pass_time(35)
    (incident,) = tier.engine.incidents("m")
    assert incident["acknowledged"] is None
    assert tier.engine.acknowledge("m", incident["id"], "on it")["acknowledged"]["note"] == "on it"
    assert tier.engine.incidents("m")[0]["acknowledged"]["note"] == "on it"


def test_a_fold_that_another_replica_did_first_is_left_to_it(tier_of: Callable[..., Tier], tmp_path: Path) -> None:
    clock = Clock()
    one, two = (tier_of(tmp_path / "store.sqlite", clock) for _ in range(2))
    one.send(rows_of(500), START)
    one.pass_time(35)
    before = one.engine.verdict("m")
    assert json.loads(before)["rows"] == 500
    assert not two.engine.advance("m")
    assert two.engine.verdict("m") == before


def test_unknown_names_are_refused_with_those_that_are_known(tier: Tier, profile: Profile) -> None:
    with pytest.raises(UnknownModelError, match="known: m"):
        tier.engine.compiled("n")
    with pytest.raises(UnknownProfileError, match=profile.digest):
        tier.engine.compiled("m", "0" * 32)


def test_a_deleted_model_is_forgotten(tier: Tier) -> None:
    tier.send(rows_of(500), START)
    tier.engine.delete("m")
    with pytest.raises(UnknownModelError):
        tier.engine.verdict("m")


def test_a_model_that_another_replica_deleted_is_forgotten_too(tier_of: Callable[..., Tier], tmp_path: Path) -> None:
    clock = Clock()
    one, two = (tier_of(tmp_path / "store.sqlite", clock) for _ in range(2))
    two.engine.compiled("m")
    two.engine._records.clear()  # half a second later
    one.engine.delete("m")
    with pytest.raises(UnknownModelError):
        two.engine.compiled("m")
    assert not two.engine._compiled


def test_the_tables_of_so_many_profiles_are_kept_at_once_and_no_more(
    tier: Tier, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "_MOST_BINS", 2 * profile.bins)
    for model in "abc":
        tier.engine.register(replace(profile, model=model))
    first = tier.engine.compiled("a")
    tier.engine.compiled("b")
    assert tier.engine.compiled("a") is first
    tier.engine.compiled("c")
    assert {model for model, _ in tier.engine._compiled} == {"a", "c"}
    assert tier.engine.compiled("a") is first


def test_a_server_that_starts_with_a_profile_that_was_replaced_does_not_put_it_back(
    tier: Tier, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    second = Profile.fit(rows_of(5_000, seed=98), model="m")
    assert tier.engine.introduce(second).digest == second.digest
    assert tier.engine.introduce(second).digest == second.digest
    assert not caplog.records
    assert tier.engine.introduce(profile).digest == second.digest
    assert [record.getMessage() for record in caplog.records] == [
        f"model m: profile {profile.digest} was replaced by {second.digest}, which stays"
    ]
    assert tier.engine.register(profile).digest == profile.digest


def test_a_round_without_anything_to_fold_reads_no_profile(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    tier.send(rows_of(500), START)
    tier.pass_time(35)
    for name in ("unfolded", "profile", "progress"):
        monkeypatch.delattr(SQLiteStore, name)
    tier.pass_time(5)


def test_coverage_is_a_share_whatever_sources_say(tier: Tier, profile: Profile) -> None:
    summary = Summary.zero(profile.bins)
    for number, totals in enumerate([SourceTotals(2**53, 2**53), SourceTotals(2**53, 0), SourceTotals(5, 9)]):
        pane = Pane(profile.digest, START, 10_000, f"s{number}", 0, summary, totals)
        tier.engine.store.commit([PutPane("m", pane)])
    assert tier.engine.sources("m").coverage == pytest.approx(0.5)


def test_the_larger_of_the_two_windows_is_shown(tier_of: Callable[..., Tier]) -> None:
    tier = tier_of(settings=ModelSettings(window=WindowSetting(20_000, 250)))
    for pane in range(5):
        tier.send(rows_of(100, seed=pane), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    assert tier.verdict()["rows"] == 300  # 20 s hold 200 rows, too few
    tier.send(rows_of(1000), tier.clock.now)
    tier.pass_time(35)
    assert tier.verdict()["rows"] == 1000  # the rest is older than 20 s


def test_incidents_of_a_former_profile_can_be_acknowledged_and_those_of_the_active_one_come_first(tier: Tier) -> None:
    former = tier.engine.record("m").digest
    tier.send(rows_of(1000, shift=1.0), tier.clock.now)
    tier.pass_time(35)
    (old,) = tier.engine.incidents("m")
    tier.engine.register(Profile.fit(rows_of(20_000, seed=98), model="m", independent=True))
    for seed in range(4):
        tier.clock.now += 1_000
        (receipt,) = tier.engine.store.commit([_by_newest(tier, rows_of(1000, shift=2.0, seed=seed))])
        assert not isinstance(receipt, Exception)
        tier.pass_time(10)
    tier.pass_time(35)
    assert tier.engine.record("m").digest != former
    (new,) = tier.engine.incidents("m")
    with pytest.raises(InputError, match=f"one of {new['id']}, {old['id']}, got"):
        tier.engine.acknowledge("m", "1")
    assert tier.engine.acknowledge("m", old["id"], "on it")["since"] == old["since"]
    assert tier.engine.incidents("m", former)[0]["acknowledged"]["note"] == "on it"
    assert tier.engine.incidents("m")[0]["acknowledged"] is None


def _by_newest(tier: Tier, frame: pl.DataFrame) -> AddRows:
    """Count rows by the profile that was registered last."""
    compiled = tier.engine.compiled("m", tier.engine.store.model("m").newest)
    rows, _, _ = compiled.reader.read_columns(columns_of(as_frame(frame), compiled.reader.names))
    parts = tier.engine.sort_rows(compiled, rows, tier.clock.now)
    return AddRows("m", compiled.profile.digest, "s", parts, SourceTotals(len(frame), len(frame)))
