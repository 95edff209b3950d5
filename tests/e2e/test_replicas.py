"""A million rows through four metric servers that are killed, cut off and left without Redis: the verdict of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from driftmeter import Profile
from driftmeter.engine.engine import Engine
from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.pane import Slice
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.server.exposition import FAMILIES, PREFIX
from driftmeter.store import open_store
from driftmeter.store.records import AddRows
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import LATEST, iso
from tests.e2e.namespace import THERE, Namespace
from tests.e2e.replicas import REDIS_STOPS, TIMING, Replica, Replicas, Sources, Witness, start
from tests.e2e.source import CLOSING, MODEL, ROWS, SOURCES, SPAN, columns, times
from tests.support.clocks import SetClock
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

ALL = SOURCES * ROWS
FOREVER = WindowSetting(10**15, 0)


@dataclass
class Run:
    """What is there when all is over."""

    replicas: Replicas
    begin: int
    accounts: list[dict[str, Any]]
    """What each source says of its rows."""
    slices: list[Slice] = field(repr=False)
    history: list[tuple[int, bytes]] = field(repr=False)
    sources: list[SourceRecord]
    said: list[set[bytes]] = field(repr=False)
    """Every verdict that each server gave while it happened."""
    single: Engine
    verdicts: list[bytes] = field(repr=False)
    """Every verdict that the single monitor gave."""
    gateway_log: str = field(repr=False)

    @property
    def late(self) -> dict[str, int]:
        """Rows that came too late, by source: there may be none, or the verdicts could not be equal."""
        return {each.source: each.late for each in self.sources if each.late}


@pytest.fixture(scope="module")
def namespace(ip: str | None) -> Namespace:
    return Namespace(ip)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, shared_tools: dict[str, str], namespace: Namespace) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("replicas")
    with ExitStack() as stack:
        replicas = start(stack, directory, shared_tools, None if namespace.unusable() else namespace)
        sources = Sources(replicas.network.url, directory / "profile.json", directory, stack)
        begin = sources.begin()
        single = stack.enter_context(closing(SQLiteStore(None, clock=(clock := SetClock(begin)))))
        with Witness(replicas.servers) as witness:
            replicas.disturb(begin / 1000, SPAN / 1000)
            accounts = sources.accounts(CLOSING + 10.0)
            monitor, verdicts = in_one_process(single, clock, Profile.load(directory / "profile.json"), begin)
            last = json.loads(verdicts[-1])["window"]["end"]
            replicas.network.drain(60.0)
            for server in replicas.servers:
                eventually(partial(is_closed, server, last), f"{server.url}: all is closed", seconds=40.0)
        digest = monitor.record(MODEL).digest
        with closing(open_store(replicas.store)) as store:
            slices = store.recent(MODEL, digest, LATEST, FOREVER)
            history, known = store.history(MODEL, digest, 0, LATEST), store.sources(MODEL)
        log = replicas.gateway.log()
        yield Run(replicas, begin, accounts, slices, history, known, witness.verdicts, monitor, verdicts, log)


def in_one_process(store: SQLiteStore, clock: SetClock, profile: Profile, begin: int) -> tuple[Engine, list[bytes]]:
    """Give the rows of all sources to one monitor, pane by pane, until all of it is closed and folded; return it
    with its verdicts."""
    monitor = Engine(store, timing=TIMING)
    monitor.register(profile)
    verdicts = [monitor.verdict(MODEL)]
    compiled = monitor.compiled(MODEL)
    parts = {}
    for source in range(SOURCES):
        rows, rejected, _ = compiled.reader.read_columns(columns(source))
        assert not rejected
        parts[source] = dict(monitor.sort_rows(compiled, rows, times(begin)))
    for pane in sorted(set().union(*parts.values())):
        clock.now = pane + TIMING.pane
        for source, panes in parts.items():
            summary = panes[pane]
            totals = SourceTotals(summary.rows, summary.rows)
            (receipt,) = store.commit([AddRows(MODEL, profile.digest, str(source), ((pane, summary),), totals)])
            assert not isinstance(receipt, Exception)
            assert not receipt.late
        monitor.advance(MODEL)
        verdicts.append(monitor.verdict(MODEL))
    for _ in range(0, TIMING.lateness + TIMING.pane, 1_000):
        clock.now += 1_000
        monitor.advance(MODEL)
        verdicts.append(monitor.verdict(MODEL))
    return monitor, verdicts


def is_closed(server: Replica, end: str) -> bool:
    return bool(json.loads(server.verdict())["window"]["end"] == end)


def test_every_row_is_acknowledged_and_counted_exactly_once(run: Run) -> None:
    acknowledged = {each["source"]: each["counted"] for each in run.accounts}
    assert [*acknowledged.values()] == [ROWS] * SOURCES, run.accounts
    assert sum(each["dropped"] + each["waiting"] + each["late"] for each in run.accounts) == 0, run.accounts
    frozen = sum(each.summary.rows for each in run.slices)
    assert frozen + sum(run.late.values()) == ALL, f"{frozen} rows in closed panes, late: {run.late}"
    assert {each.source: each.totals.counted for each in run.sources} == acknowledged
    assert {each.source: each.totals.observed for each in run.sources} == acknowledged
    assert {each.source: each.added for each in run.sources} == acknowledged


def test_no_row_comes_later_than_the_lateness(run: Run) -> None:
    assert run.late == {}
    assert run.replicas.network.account.copies_late == 0


def test_each_pane_holds_the_counts_of_one_process(run: Run) -> None:
    store, digest = run.single.store, run.single.record(MODEL).digest
    assert run.slices == store.recent(MODEL, digest, LATEST, FOREVER)


def test_every_server_gives_the_verdict_of_one_process_byte_for_byte(run: Run) -> None:
    verdict = run.single.verdict(MODEL)
    for server in run.replicas.servers:
        assert server.verdict() == verdict, f"{server.url}, late: {run.late}"
    found = json.loads(verdict)
    assert {each["feature"] for each in found["features"] if each["drifting"]} == {"amount"}
    assert found["rows"] == ALL
    assert found["window"]["end"] == iso(TIMING.pane_start(run.begin + SPAN - 1) + TIMING.pane)


def test_every_verdict_on_the_way_there_is_that_of_one_process(run: Run) -> None:
    history = run.single.store.history(MODEL, run.single.record(MODEL).digest, 0, LATEST)
    assert len(history) >= SPAN // 10_000
    assert run.history == history, f"late: {run.late}"
    assert len({json.loads(verdict)["state"] for _, verdict in history}) > 1
    expected = run.single.history(MODEL, 0, LATEST)
    for server in run.replicas.servers:
        assert json.loads(server.get(f"/v1/models/{MODEL}/history?from=0"))["verdicts"] == expected


def test_no_server_ever_gave_another_verdict_than_one_process(run: Run) -> None:
    for server, said in zip(run.replicas.servers, run.said, strict=True):
        others = said.difference(run.verdicts)
        assert not others, f"{server.url}: {others}"
    assert min(map(len, run.said)) > 1, [len(said) for said in run.said]
    assert len(set().union(*run.said)) > len(set(run.verdicts)) // 2


def test_every_server_knows_the_incidents_of_one_process(run: Run) -> None:
    incidents = run.single.incidents(MODEL)
    assert incidents
    for server in run.replicas.servers:
        assert json.loads(server.get(f"/v1/models/{MODEL}/incidents"))["incidents"] == incidents


def test_every_server_names_all_sources_and_misses_none_of_their_rows(run: Run) -> None:
    for server in run.replicas.servers:
        sources = json.loads(server.get(f"/v1/models/{MODEL}/sources"))["sources"]
        assert sorted(each["source"] for each in sources) == sorted(each["source"] for each in run.accounts)
        for each in sources:
            assert (each["observed"], each["counted"], each["dropped"]) == (ROWS, ROWS, {}), each
            assert (each["late"], each["missing"]) == (0, 0), each
            assert each["state"] != "silent", each
    assert all(each.final for each in run.sources), "a straggler undid a goodbye"


def test_every_server_shows_prometheus_the_same_figures(run: Run) -> None:
    def figures(server: Replica) -> list[str]:
        lines = server.get("/metrics").decode().splitlines()
        return [line for line in lines if line.partition("{")[0].removeprefix(PREFIX) in FAMILIES]

    def shown() -> list[str] | None:
        first, *others = (figures(server) for server in run.replicas.servers)
        return first if all(each == first for each in others) else None

    lines = eventually(shown, "the same figures from all servers")
    for line in ('window_rows{model="m"} 1000000', 'coverage_ratio{model="m"} 1.0', 'sources_silent{model="m"} 0'):
        assert f"{PREFIX}{line}" in lines, lines


def test_the_network_delivered_every_pane_twice_and_out_of_order(run: Run) -> None:
    account = run.replicas.network.account
    assert account.copies == account.puts >= SOURCES * SPAN // 2_000, account
    assert min(account.ahead, account.overtaken, account.straggled) > 0, account
    assert account.copy_answers[200] > account.copies // 2, account


def test_servers_were_killed_and_redis_was_away_while_rows_came(run: Run) -> None:
    replicas = run.replicas
    # one every four seconds, but only where another server answers: on a slow machine they come up in more than that
    assert replicas.kills >= 5
    assert replicas.crashes == 0
    assert replicas.redis_stops == [how for _, how in REDIS_STOPS]
    assert sum(each["failures"] for each in run.accounts) > 0, run.accounts


def test_a_server_was_cut_off_and_came_back(run: Run, namespace: Namespace) -> None:
    if reason := namespace.unusable() if run.replicas.namespace is None else None:
        pytest.skip(reason)
    assert run.replicas.refused_when_cut >= 3
    assert run.replicas.reached_when_cut == 0
    missed = [line for line in run.gateway_log.splitlines() if THERE in line and "Connection refused" not in line]
    assert any("timed out" in line or "No route" in line for line in missed), "nginx never asked for it in vain"
