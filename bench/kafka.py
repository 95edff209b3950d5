"""How many rows a second does one core of `driftmeter consume` count, from a real Kafka broker?

Rows of 30 float features: as JSON, a row a record, and as Arrow, a thousand rows a record. The topic is written first;
then one member of a group reads it to its end, pinned to one core with all its threads, those of librdkafka too. The
broker and the metric server, which takes a pane every few thousand rows, have the other cores. Rows per second are
those of the time between the first and the last record, without the start of the process.

    python bench/kafka.py [--rows 2000000] [--only arrow]

It needs Java, mvn and confluent-kafka: `make test-engines` makes an environment, .tools/engines/bin/python.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_traffic import make_topic, produce
from tests.support.metric_server import metric_server

from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.store.sqlite.store import SQLiteStore

FEATURES, START = 30, 1_700_000_000
NAMES = [f"feature_{number}" for number in range(FEATURES)]
TARGETS = {"json": 150_000, "arrow": 800_000}
BATCH = 1_000
CHILD = """
import os, sys, time, logging
os.sched_setaffinity(0, {int(sys.argv[4])})
logging.basicConfig(level="WARNING")
from driftmeter.integrations.sinks import open_sink
from driftmeter.kafka.options import ConsumeOptions
from driftmeter.kafka.start import start_member
brokers, topic, url = sys.argv[1:4]
options = ConsumeOptions(brokers=brokers, topics=(topic,), group="bench", until_end=True)
member = start_member(options, open_sink(url, "bench", patience=0.0))
first = []
def seen(totals):
    if not first and totals.read:
        first.append((time.monotonic(), time.process_time(), totals.read))
member.run(seen)
seconds, cpu = time.monotonic() - first[0][0], time.process_time() - first[0][1]
rows = member.totals.read - first[0][2]
print(rows / seconds, rows / cpu)
"""


def json_rows(rows: int) -> Iterator[bytes]:
    """Yield rows, 20,000 to a second of event time."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5_000, FEATURES)).tolist()
    sample = [msgspec.json.encode(dict(zip(NAMES, row, strict=True)))[:-1] for row in values]
    for number in range(rows):
        yield b'%b,"timestamp":%.3f}' % (sample[number % len(sample)], START + number / 20_000)


def arrow_batches(rows: int) -> Iterator[bytes]:
    """Yield batches of a thousand rows."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(BATCH, FEATURES))
    for first in range(0, rows, BATCH):
        columns = {name: pa.array(values[:, index]) for index, name in enumerate(NAMES)}
        times = ((START + (first + np.arange(BATCH)) / 20_000) * 1000).astype(np.int64)
        batch = pa.record_batch({**columns, "timestamp": pa.array(times, pa.timestamp("ms", "UTC"))})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        yield sink.getvalue().to_pybytes()


def main() -> None:
    """Measure each form, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--only", choices=TARGETS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({name: rng.normal(size=10_000) for name in NAMES})
    profile = Profile.fit(frame, model="bench")
    with tempfile.TemporaryDirectory() as folder:
        broker = KafkaBroker(Path(folder) / "kafka")
        broker.start()
        try:
            print("| records | rows/s of one core, each round | rows/s of its CPU | target |\n|---|---|---|---|")
            for form, target in TARGETS.items():
                if arguments.only not in (None, form):
                    continue
                rows = arguments.rows if form == "json" else 4 * arguments.rows
                topic = make_topic(broker, 3)
                produce(broker, topic, json_rows(rows) if form == "json" else arrow_batches(rows))
                speeds, cpus = [], []
                for turn in range(arguments.rounds):
                    store = SQLiteStore(Path(folder) / f"{form}-{turn}.sqlite")
                    engine = Engine(store, timing=Timing(10_000, 10_000))
                    engine.register(profile)
                    with metric_server(engine) as url:
                        code = CHILD.replace('group="bench"', f'group="bench-{form}-{turn}"')
                        done = subprocess.run(
                            [sys.executable, "-W", "ignore", "-c", code, broker.address, topic, url, str(core)],
                            capture_output=True, text=True, check=False,
                        )  # fmt: skip
                        if done.returncode:
                            raise SystemExit(done.stderr)
                        wall, cpu = map(float, done.stdout.split())
                    speeds.append(wall)
                    cpus.append(cpu)
                    store.close()
                    time.sleep(1)
                of_rounds = ", ".join(f"{speed:,.0f}" for speed in speeds)
                print(f"| {form} | {of_rounds} | {max(cpus):,.0f} | {target:,} |", flush=True)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
