"""Who folds which model, on a real store, with time that tests move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from driftmeter.panes.timing import Timing
from driftmeter.server.watch.placement import ATTEND_EVERY, ATTENDANCE, Placement
from driftmeter.store.sqlite.store import SQLiteStore

PERIOD = 1.0
LEASE = 4 * PERIOD


class Hosts:
    """Some servers, one time, and the models that they share."""

    def __init__(self, store: SQLiteStore, models: int) -> None:
        self.store, self.time, self.placements = store, 0.0, dict[str, Placement]()
        for number in range(models):
            store.register(f"model {number}", "d", b"{}", Timing())

    def add(self, *names: str) -> None:
        self.placements |= {name: Placement(self.store, name, lambda: self.time) for name in names}

    def round(self) -> dict[str, list[str]]:
        """Let a period pass; return by model who folds it."""
        self.time += PERIOD
        found: dict[str, list[str]] = {}
        for name, placement in self.placements.items():
            placement.attend()
            for record in self.store.models():
                if placement.ours(record, PERIOD):
                    found.setdefault(record.model, []).append(name)
        return found

    def rounds(self, number: int) -> list[dict[str, list[str]]]:
        return [self.round() for _ in range(number)]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    store = SQLiteStore(None, clock=lambda: 1_700_000_000_000 + round(1000 * found.time))
    found = Hosts.__new__(Hosts)
    found.time = 0.0
    Hosts.__init__(found, store, models=40)
    yield found
    store.close()


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
    assert len(hosts.rounds(round(ATTEND_EVERY / PERIOD) + 1)[-1]) == 40


def test_a_model_that_cannot_be_folded_here_goes_to_another(hosts: Hosts) -> None:
    hosts.add("a", "b")
    (holder,) = hosts.rounds(10)[-1]["model 7"]
    hosts.placements[holder].pass_on("model 7")
    taken = [done.get("model 7") for done in hosts.rounds(5)]
    assert taken[-1] == ["b" if holder == "a" else "a"]


def test_a_server_by_itself_goes_on_with_a_model_that_failed(hosts: Hosts) -> None:
    hosts.add("a")
    hosts.round()
    hosts.placements["a"].pass_on("model 7")
    assert "model 7" in hosts.round()


def test_who_died_is_no_longer_there_after_a_while(hosts: Hosts) -> None:
    hosts.add("a", "b")
    hosts.rounds(3)
    del hosts.placements["b"]
    hosts.rounds(round(ATTENDANCE / 1000 / PERIOD) + 3)
    assert hosts.store.attend("a", ATTENDANCE) == ["a"]
