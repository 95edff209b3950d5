"""Which server folds which model, on a real store, with a time that tests set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.server.watch.placement import HEARTBEAT, HEARTBEAT_EVERY, Decision, LeaseState, Placement, decide, first
from driftmeter.store.records import ModelRecord
from driftmeter.store.sqlite.store import SQLiteStore

PERIOD = 1.0
LEASE = 4 * PERIOD


class Hosts:
    """Some servers, one time in seconds, and the models that they share."""

    def __init__(self, models: int) -> None:
        self.time = 0.0
        self.store = SQLiteStore(None, clock=lambda: 1_700_000_000_000 + round(1000 * self.time))
        self.placements: dict[str, Placement] = {}
        self.leases: dict[tuple[str, str], LeaseState] = {}
        for number in range(models):
            self.store.register(f"model {number}", "d", b"{}", Timing())

    def add(self, *names: str) -> None:
        engine = Engine(self.store)
        self.placements |= {name: Placement(engine, name, lambda: self.time) for name in names}

    def round(self) -> dict[str, list[str]]:
        """Let a period pass; return the servers that fold each model."""
        self.time += PERIOD
        folding: dict[str, list[str]] = {}
        for name, placement in self.placements.items():
            placement.heartbeat()
            for record in self.store.models():
                key = name, record.model
                ours, self.leases[key] = placement.ours(self.leases.get(key, LeaseState()), record, PERIOD)
                if ours:
                    folding.setdefault(record.model, []).append(name)
        return folding

    def rounds(self, number: int) -> list[dict[str, list[str]]]:
        return [self.round() for _ in range(number)]

    def pass_on(self, name: str, model: str) -> None:
        """Have a server leave a model to the others."""
        self.leases[name, model] = self.placements[name].pass_on(self.leases[name, model], model)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    hosts = Hosts(models=40)
    yield hosts
    hosts.store.close()


def test_a_single_server_folds_every_model_from_the_first_round(hosts: Hosts) -> None:
    hosts.add("a")
    assert all(len(done) == 40 for done in hosts.rounds(20))


def test_each_model_is_folded_by_one_server_at_any_time(hosts: Hosts) -> None:
    hosts.add("a", "b", "c")
    for done in hosts.rounds(40):
        assert len(done) == 40
        assert all(len(names) == 1 for names in done.values())


def test_models_are_spread_over_the_servers(hosts: Hosts) -> None:
    hosts.add("a", "b", "c", "d")
    *_, last = hosts.rounds(20)
    assert min(Counter(name for names in last.values() for name in names).values()) >= 4


def test_a_server_that_comes_later_gets_its_share_without_a_gap(hosts: Hosts) -> None:
    hosts.add("a")
    hosts.rounds(5)
    hosts.add("b")
    done = hosts.rounds(20)
    assert all(len(models) >= 40 - 20 for models in done)
    assert {name for names in done[-1].values() for name in names} == {"a", "b"}
    gaps = Counter(f"model {number}" for models in done for number in range(40) if f"model {number}" not in models)
    assert max(gaps.values(), default=0) <= 2


def test_what_a_dead_server_held_is_taken_over_within_its_lease_and_two_rounds(hosts: Hosts) -> None:
    hosts.add("a", "b")
    hosts.rounds(10)
    del hosts.placements["b"]
    done = hosts.rounds(12)
    first = next(place for place, models in enumerate(done) if len(models) == 40)
    assert (first + 1) * PERIOD <= LEASE + 3 * PERIOD
    assert all(len(models) == 40 for models in done[first:])


def test_a_server_that_leaves_in_order_is_missed_at_once(hosts: Hosts) -> None:
    hosts.add("a", "b")
    hosts.rounds(10)
    hosts.placements.pop("b").leave()
    assert len(hosts.rounds(round(HEARTBEAT_EVERY / PERIOD) + 1)[-1]) == 40


def test_a_model_that_cannot_be_folded_here_goes_to_another(hosts: Hosts) -> None:
    hosts.add("a", "b")
    (holder,) = hosts.rounds(10)[-1]["model 7"]
    hosts.pass_on(holder, "model 7")
    taken = [done.get("model 7") for done in hosts.rounds(5)]
    assert taken[-1] == ["b" if holder == "a" else "a"]


def test_a_server_by_itself_goes_on_with_a_model_that_failed(hosts: Hosts) -> None:
    hosts.add("a")
    hosts.round()
    hosts.pass_on("a", "model 7")
    assert "model 7" in hosts.round()


def test_who_died_is_no_longer_there_after_a_while(hosts: Hosts) -> None:
    hosts.add("a", "b")
    hosts.rounds(3)
    del hosts.placements["b"]
    hosts.rounds(round(HEARTBEAT / 1000 / PERIOD) + 3)
    assert Engine(hosts.store).heartbeat("a", HEARTBEAT) == ["a"]


# --- the decision alone

FIRST = first(["a", "b"], "m")
SECOND = "b" if FIRST == "a" else "a"


@pytest.mark.parametrize(
    ("name", "holder", "state", "decision", "free_looks"),
    [
        (FIRST, None, LeaseState(), "take", 0),
        (SECOND, None, LeaseState(), "leave", 1),
        (SECOND, None, LeaseState(free_looks=1), "leave", 2),
        (SECOND, None, LeaseState(free_looks=2), "take", 0),
        (SECOND, FIRST, LeaseState(free_looks=2), "leave", 0),
        (FIRST, SECOND, LeaseState(), "leave", 0),
        (FIRST, FIRST, LeaseState(taken=98.0), "fold", 0),
        (FIRST, FIRST, LeaseState(taken=97.0), "take", 0),
        (FIRST, FIRST, LeaseState(), "take", 0),
        (SECOND, SECOND, LeaseState(taken=97.0), "fold", 0),
        (FIRST, None, LeaseState(passed_on_until=100.1), "leave", 0),
        (FIRST, FIRST, LeaseState(taken=97.0, passed_on_until=100.0), "take", 0),
    ],
)
def test_what_a_server_does_with_a_model_follows_from_who_holds_it_and_who_comes_first(
    name: str, holder: str | None, state: LeaseState, decision: Decision, free_looks: int
) -> None:
    record = ModelRecord("m", "d", Timing(), 0, "d", holder=holder)
    decided, after = decide(state, record, name=name, servers=["a", "b"], length=4.0, now=100.0)
    assert (decided, after.free_looks) == (decision, free_looks)
    assert after.taken == (100.0 if decision == "take" else state.taken)
    assert after.passed_on_until == state.passed_on_until
