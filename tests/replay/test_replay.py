from __future__ import annotations

import datetime as dt
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.engine.engine import Engine
from driftmeter.errors import DriftmeterError, InputError
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.replay import Player, ReplaySpeed, ReplayTotals, RowsClient, load_trace
from driftmeter.report import compare
from driftmeter.server.options import Settings
from driftmeter.server.run import make_server
from driftmeter.store import open_store
from driftmeter.timestamps import parse_time
from tests.support import orders

TIMING = Timing(10_000, 1_000)


@pytest.fixture(scope="module")
def profile() -> Profile:
    reference = pa.Table.from_pylist(orders.orders(2000, seed=1))
    return Profile.fit(reference, model="shop", prediction="score", label="bezahlt", time="bestellt")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    return (orders.write_csv if path.suffix == ".csv" else orders.write_parquet)(path, rows)


# --- the trace


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
def test_a_trace_is_in_order_of_time_and_knows_where_each_row_stood(
    profile: Profile, tmp_path: Path, name: str
) -> None:
    rows = orders.orders(40, seed=2)
    file = write(tmp_path / name, [*rows[::-1], *orders.orders(10, seed=3)])
    trace = load_trace(file, profile, limit=40)
    assert len(trace) == 40
    assert trace.times is not None
    assert trace.times.tolist() == [parse_time(row["bestellt"]) for row in rows[:40]]
    assert trace.places.tolist() == list(range(39, -1, -1))
    assert set(trace.rows.column_names) == {"größe", "ville", "plz", "aktiv", "anzahl", "score"}
    assert trace.rows["größe"].to_pylist() == [row["größe"] for row in rows[:40]]
    assert trace.rows["plz"].to_pylist() == [row["plz"] for row in rows[:40]]


@pytest.mark.parametrize(
    "when",
    [
        [1714521600, 1714521600.5, 1714521601],
        ["2024-05-01T00:00:00Z", "2024-05-01T00:00:00.500", "2024-05-01T02:00:01+02:00"],
        [dt.datetime(2024, 5, 1), dt.datetime(2024, 5, 1, 0, 0, 0, 500_000), dt.datetime(2024, 5, 1, 0, 0, 1)],
    ],
)
def test_times_may_be_numbers_text_or_date_times(profile: Profile, tmp_path: Path, when: list[Any]) -> None:
    file = tmp_path / "o.parquet"
    pl.DataFrame({"größe": [1.0, 2.0, 3.0], "am": when}, strict=False).write_parquet(file)
    trace = load_trace(file, profile, time="am")
    assert trace.times is not None
    assert trace.times.tolist() == [1714521600000, 1714521600500, 1714521601000]


@pytest.mark.parametrize("when", [[1, 2, 3], [1714521600000, 1714521600500, 1714521601000], [20240501.0] * 3])
def test_numbers_that_are_no_seconds_are_refused(profile: Profile, tmp_path: Path, when: list[Any]) -> None:
    file = tmp_path / "o.parquet"
    pl.DataFrame({"größe": [1.0, 2.0, 3.0], "am": when}).write_parquet(file)
    with pytest.raises(InputError, match="time 'am': expected seconds since the epoch, of 1990 to 2100, got"):
        load_trace(file, profile, time="am")


def test_a_number_among_seconds_that_is_none_costs_its_row(profile: Profile, tmp_path: Path) -> None:
    file = tmp_path / "o.parquet"
    pl.DataFrame({"größe": [1.0, 2.0, 3.0, 4.0], "am": [1714521600, 0, None, 1714521601]}).write_parquet(file)
    with pytest.raises(InputError, match=r"time 'am': .* 2 of 4 \(50 %\) .* row 1: a number \(0\); row 2: nothing"):
        load_trace(file, profile, time="am")
    trace = load_trace(file, profile, time="am", allow_unreadable_times=True)
    assert trace.places.tolist() == [0, 3]
    assert [each.row for each in trace.rejected] == [1, 2]
    assert trace.note is not None
    assert "2 of 4 (50 %) cannot be read" in trace.note


def test_dates_are_midnights(profile: Profile, tmp_path: Path) -> None:
    file = tmp_path / "o.parquet"
    pl.DataFrame({"größe": [1.0], "am": [dt.date(2024, 5, 1)]}).write_parquet(file)
    trace = load_trace(file, profile, time="am")
    assert trace.times is not None
    assert trace.times.tolist() == [1714521600000]


def test_rows_without_a_time_are_left_out_and_named_and_those_with_unreadable_numbers_are_sent(
    profile: Profile, tmp_path: Path
) -> None:
    rows = orders.orders(10, seed=2)
    rows[3]["bestellt"], rows[5]["größe"], rows[6]["bestellt"] = None, "n.v.", "soon"
    trace = load_trace(orders.write_csv(tmp_path / "o.csv", rows), profile, allow_unreadable_times=True)
    assert trace.places.tolist() == [0, 1, 2, 4, 5, 7, 8, 9]
    assert [(each.row, each.field) for each in trace.rejected] == [(3, "bestellt"), (6, "bestellt")]


def test_the_time_is_found_by_the_profile_or_by_its_name(tmp_path: Path) -> None:
    rows = orders.orders(300, seed=2)
    frame = pa.Table.from_pylist(rows)
    file = write(tmp_path / "o.parquet", rows)
    by_hour = Profile.fit(frame, model="m", kinds={"bestellt": "hour"})
    assert load_trace(file, by_hour).times is not None
    unaware = Profile.fit(frame, model="m", exclude=["bestellt"])
    assert load_trace(file, unaware).times is None
    renamed = write(tmp_path / "p.parquet", [{**row, "timestamp": row["bestellt"]} for row in rows])
    assert load_trace(renamed, unaware).times is not None
    told = replace(unaware, time="bezahlt am")
    moved = write(tmp_path / "q.parquet", [{**row, "timestamp": 0, "bezahlt am": row["bestellt"]} for row in rows])
    assert load_trace(moved, told).times.tolist() == load_trace(file, by_hour).times.tolist()


def test_a_file_without_the_columns_is_an_error(profile: Profile, tmp_path: Path) -> None:
    file = write(tmp_path / "o.csv", [{"other": 1}])
    with pytest.raises(InputError, match="expected columns of the profile"):
        load_trace(file, profile)
    file = write(tmp_path / "o.csv", orders.orders(3, seed=1))
    with pytest.raises(InputError, match="expected a column 'when', got bestellt"):
        load_trace(file, profile, time="when")


# --- a server that only listens


class Ear:
    """A metric server's answers to a replay, in a thread; keeps what it was sent."""

    def __init__(self, profile: Profile) -> None:
        self.sent: list[tuple[pa.Table, dict[str, str], str]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.at: list[float] = []
        ear = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                clock = time.time_ns() // 1_000_000 + 7_200_000
                self.reply(200, profile.dumps(), {"Driftmeter-Time": str(clock), "Driftmeter-Pane": "10000"})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/vnd.apache.arrow.stream"
                table = pa.ipc.open_stream(body).read_all()
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                ear.sent.append((table, query, self.headers["Idempotency-Key"]))
                ear.at.append(time.monotonic())
                status, headers = ear.answers.pop(0) if ear.answers else (200, {})
                answer = {"accepted": len(table), "rejected_rows": 0, "rejected": [], "late": 0, "duplicate": False}
                problem = {"detail": "as the test wants it"}
                if status != 200:
                    headers = {"Content-Type": "application/problem+json", **headers}
                self.reply(status, json.dumps(answer if status == 200 else problem).encode(), headers)

            def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def times(self) -> list[int]:
        return [parse_time(value) for table, *_ in self.sent for value in table["timestamp"].to_pylist()]


@pytest.fixture
def ear(profile: Profile) -> Iterator[Ear]:
    ear = Ear(profile)
    yield ear
    ear.stop()


@pytest.fixture
def play(ear: Ear, profile: Profile) -> Iterator[Callable[..., ReplayTotals]]:
    links: list[RowsClient] = []

    def play(file: Path, *, patience: float = 5.0, stop: threading.Event | None = None, **pace: Any) -> ReplayTotals:
        links.append(RowsClient(ear.url, "shop", patience=patience, stop=stop))
        player = Player(load_trace(file, profile), links[-1], links[-1].model(), ReplaySpeed(**pace))
        return player.run()

    yield play
    for link in links:
        link.close()


def test_the_first_row_is_now_by_the_servers_clock(ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path) -> None:
    file = write(tmp_path / "o.parquet", orders.orders(25, seed=1))
    before = time.time_ns() // 1_000_000 + 7_200_000
    totals = play(file, batch=10)
    after = time.time_ns() // 1_000_000 + 7_200_000
    assert (totals.sent, totals.accepted, totals.rows) == (25, 25, 25)
    assert [len(table) for table, *_ in ear.sent] == [10, 10, 5]
    assert all(before - 50 <= at <= after + 50 for at in ear.times())
    assert all(query == {} for _, query, _ in ear.sent)


def test_a_chosen_speed_holds_in_timestamps_and_in_the_sending(
    ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path
) -> None:
    play(write(tmp_path / "o.parquet", orders.orders(61, seed=1)), speed=60)
    times = ear.times()
    assert times == sorted(times)
    assert 900 <= times[-1] - times[0] <= 1_100
    assert 0.8 <= ear.at[-1] - ear.at[0] <= 3
    assert len(ear.sent) >= 4


def test_a_file_without_time_is_sent_in_its_order_at_a_rate(
    ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path
) -> None:
    rows = [{name: value for name, value in row.items() if name != "bestellt"} for row in orders.orders(100, seed=1)]
    play(write(tmp_path / "o.parquet", rows), rate=200)
    times = ear.times()
    assert 400 <= times[-1] - times[0] <= 600
    assert [value for table, *_ in ear.sent for value in table["anzahl"].to_pylist()] == [row["anzahl"] for row in rows]


def test_rows_that_cannot_go_in_time_are_stamped_when_they_go(
    ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path
) -> None:
    ear.answers = [(503, {"Retry-After": "2"})]
    play(write(tmp_path / "o.parquet", orders.orders(40, seed=1)), speed=1000, batch=20)
    times = ear.times()
    assert times[-1] - times[0] >= 900


def test_with_its_time_kept_a_file_is_a_log_with_a_watermark(
    ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path
) -> None:
    rows = orders.orders(25, seed=1)
    play(write(tmp_path / "o.parquet", rows), keep_time=True, batch=10)
    start = parse_time(rows[0]["bestellt"])
    assert ear.times() == [start + 1000 * row for row in range(25)]
    marks = [parse_time(query["watermark"]) - start for _, query, _ in ear.sent]
    # each batch vouches for the next one's first row, the last one for its own; then its pane is closed
    assert marks == [10_000, 20_000, 24_000, 30_000]
    assert len(ear.sent[-1][0]) == 0
    assert len({query["source"] for _, query, _ in ear.sent}) == 1


def test_a_batch_is_repeated_under_its_key_until_it_is_answered(
    ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path
) -> None:
    ear.answers = [(503, {"Retry-After": "1"}), (502, {}), (429, {})]
    totals = play(write(tmp_path / "o.parquet", orders.orders(20, seed=1)), batch=10)
    keys = [key for *_, key in ear.sent]
    assert keys[0] == keys[1] == keys[2] == keys[3] != keys[4]
    assert ear.at[1] - ear.at[0] >= 1
    assert totals.accepted == 20


def test_what_the_server_refuses_is_not_repeated(ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path) -> None:
    ear.answers = [(413, {})]
    with pytest.raises(DriftmeterError, match="status 413: as the test wants it"):
        play(write(tmp_path / "o.parquet", orders.orders(20, seed=1)))
    assert len(ear.sent) == 1


def test_a_server_that_stays_away_is_given_up(ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path) -> None:
    ear.answers = [(500, {})] * 50
    with pytest.raises(DriftmeterError, match="given up after 0 rows, the server is away: status 500"):
        play(write(tmp_path / "o.parquet", orders.orders(20, seed=1)), patience=0.5)


def test_a_stop_ends_the_waiting_for_rows_and_for_the_server(
    ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path
) -> None:
    file = write(tmp_path / "o.parquet", orders.orders(500, seed=1))
    for answers in ([], [(503, {"Retry-After": "60"})]):
        ear.answers = list(answers)
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        began = time.monotonic()
        totals = play(file, stop=stop, speed=1, patience=90.0)
        assert time.monotonic() - began < 10
        assert totals.sent < 500


def test_a_pace_is_above_0() -> None:
    for pace in ({"speed": 0.0}, {"rate": -1.0}, {"batch": 0}, {"speed": math.nan}):
        with pytest.raises(InputError, match="a number above 0"):
            ReplaySpeed(**pace)  # type: ignore[arg-type]


def test_a_time_that_is_not_there_cannot_be_kept(ear: Ear, play: Callable[..., ReplayTotals], tmp_path: Path) -> None:
    rows = [{"größe": 1.0}] * 10
    with pytest.raises(InputError, match="expected a column that holds the time"):
        play(write(tmp_path / "o.parquet", rows), keep_time=True)


# --- the real server


@pytest.fixture(scope="module")
def server(profile: Profile) -> Iterator[tuple[str, Engine]]:
    store = open_store("memory://")
    monitor = Engine(store, timing=TIMING)
    monitor.register(profile)
    server = make_server(monitor, Settings(port=0, drain=1.0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", monitor
    server.should_exit = True
    thread.join()
    store.close()


def model_of(monitor: Engine, profile: Profile, name: str) -> str:
    """Register the profile under a name of its own, so that tests don't meet."""
    monitor.register(replace(profile, model=name))
    return name


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["replay", *map(str, arguments)])


@pytest.mark.parametrize("name", ["taller.csv", "taller.parquet"])
def test_a_file_replayed_with_its_time_gets_the_verdict_of_a_check(
    server: tuple[str, Engine], profile: Profile, tmp_path: Path, name: str
) -> None:
    url, monitor = server
    model = model_of(monitor, profile, f"kept-{name}")
    rows = orders.orders(900, seed=5, taller=15)
    result = run(write(tmp_path / name, rows), "--url", url, "--model", model, "--keep-time", "--batch", 70)
    assert result.exit_code == 0, result.output
    assert result.stdout == "900 rows: 900 accepted (0 of them late), 0 rejected, 0 not sent\n"
    expected = compare(profile, pa.Table.from_pylist(rows)).to_json()
    deadline = time.monotonic() + 10
    while True:
        verdict = json.loads(monitor.verdict(model))
        if verdict["rows"] == 900 or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert verdict["rows"] == 900
    assert verdict["window"]["end"] == "2024-05-01T00:15:00.000Z"
    # what is decided live also hangs on time
    for now, then in zip(verdict["features"], expected["features"], strict=True):
        for each in ("feature", "role", "effect", "p_value", "tests", "rates"):
            assert now[each] == then[each]


def test_a_file_that_came_late_altogether_is_told_so(
    server: tuple[str, Engine], profile: Profile, tmp_path: Path
) -> None:
    url, monitor = server
    file = write(tmp_path / "o.csv", orders.orders(120, seed=5))
    to = ("--url", url, "--model", model_of(monitor, profile, "twice"), "--keep-time")
    assert run(file, *to).exit_code == 0
    deadline = time.monotonic() + 10
    while json.loads(monitor.verdict(to[3]))["rows"] < 120 and time.monotonic() < deadline:
        time.sleep(0.1)
    again = run(file, *to, "--limit", 100)
    assert again.exit_code == 0
    first, hint = again.stdout.splitlines()
    assert first == "100 rows: 100 accepted (100 of them late), 0 rejected, 0 not sent"
    assert hint.startswith("  all rows that were accepted came late and are in no verdict: their panes are closed")


def test_rows_moved_to_now_arrive_in_time_and_bad_ones_are_told(
    server: tuple[str, Engine], profile: Profile, tmp_path: Path
) -> None:
    url, monitor = server
    model = model_of(monitor, profile, "moved ü")
    rows = orders.orders(300, seed=6)
    rows[5]["größe"], rows[9]["größe"], rows[7]["aktiv"] = "n.v.", "tall", "perhaps"
    result = run(write(tmp_path / "größe.csv", rows), "--url", url, "--model", model)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "300 rows: 300 accepted (0 of them late), 0 rejected, 0 not sent",
        "  2 × größe: expected a number, got text ('n.v.') in row 5",
        "  1 × aktiv: expected true or false, got text ('perhaps') in row 7",
        "  (the first row of the file is row 0)",
    ]
    totals = [source.totals for source in monitor.store.sources(model)]
    assert sum(each.counted for each in totals) == 300
    assert [dict(each.unreadable) for each in totals if each.unreadable] == [{"größe": 2, "aktiv": 1}]


def test_an_unknown_model_a_wrong_address_and_a_missing_file_are_one_line(
    server: tuple[str, Engine], tmp_path: Path
) -> None:
    url, _ = server
    file = write(tmp_path / "o.csv", orders.orders(3, seed=1))
    for arguments, message in (
        ((file, "--url", url, "--model", "shpo"), "unknown model 'shpo'; known: "),
        (
            (file, "--url", "http://127.0.0.1:9", "--model", "shop"),
            "driftmeter: cannot reach http://127.0.0.1:9: connection refused",
        ),
        ((file, "--url", "localhost:8001", "--model", "shop"), "url: expected http://host"),
        ((tmp_path / "no.csv", "--url", url, "--model", "shop"), "no.csv: expected a file, got nothing there"),
        ((file, "--url", url, "--model", "shop", "--time", "when"), "expected a column 'when'"),
    ):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send to one process on Windows")
def test_an_interrupt_stops_cleanly_with_a_summary(
    server: tuple[str, Engine], profile: Profile, tmp_path: Path
) -> None:
    url, monitor = server
    model = model_of(monitor, profile, "interrupted")
    file = write(tmp_path / "o.csv", orders.orders(600, seed=7))
    command = [sys.executable, "-m", "driftmeter", "replay", str(file), "--url", url, "--model", model, "--speed", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not monitor.store.sources(model) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    found = re.fullmatch(
        r"stopped: 600 rows: (\d+) accepted \(0 of them late\), 0 rejected, (\d+) not sent(; .*)?\n", stdout
    )
    assert found, stdout
    assert int(found[1]) + int(found[2]) == 600


def test_due_times_ascend(profile: Profile, tmp_path: Path) -> None:
    trace = load_trace(write(tmp_path / "o.parquet", orders.orders(10, seed=1)), profile)
    assert ReplaySpeed(speed=2).due(trace).tolist() == [row / 2 for row in range(10)]
    assert not np.any(ReplaySpeed().due(trace))
