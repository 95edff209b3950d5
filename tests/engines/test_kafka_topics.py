"""What a topic may hold: transactions, gaps, records that cannot be read, schemas, times; and what is refused."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from driftmeter.panes.timing import Timing
from driftmeter.timestamps import iso
from tests.support.flights_rows import START, FlightRows
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_traffic import KafkaTier, Member, kafka_tier, make_topic, produce
from tests.support.ports import free_port
from tests.support.schema_registry import schema_registry
from tests.support.waiting import eventually

ROWS = FlightRows(3_000, rows_per_second=50)
TIMING = Timing(10_000, 30_000)


@pytest.fixture
def tier(tmp_path: Path) -> Iterator[KafkaTier]:
    with kafka_tier(tmp_path, ROWS.profile, TIMING, ROWS.end + 60_000) as tier:
        yield tier


@pytest.fixture
def values() -> list[bytes]:
    return list(ROWS.json())


def messages_of(broker: KafkaBroker, topic: str) -> list[Any]:
    """Return all messages of a topic."""
    from confluent_kafka import Consumer, TopicPartition

    client = Consumer({"bootstrap.servers": broker.address, "group.id": "look", "enable.partition.eof": True})
    found: list[Any] = []
    for partition in range(len(client.list_topics(topic, 10).topics[topic].partitions)):
        client.assign([TopicPartition(topic, partition, 0)])
        while (message := client.poll(10)) is not None and message.error() is None:
            found.append(message)
    client.close()
    return found


def committed(broker: KafkaBroker, topic: str, group: str, partition: int = 0) -> Any:
    from confluent_kafka import Consumer, TopicPartition

    client = Consumer({"bootstrap.servers": broker.address, "group.id": group})
    (found,) = client.committed([TopicPartition(topic, partition)], 10)
    client.close()
    return found


def position_of(broker: KafkaBroker, topic: str, group: str) -> int:
    """Return up to where a group says that it has read the first partition, -1 before its first commit."""
    found = committed(broker, topic, group)
    return int(json.loads(found.metadata)["position"]) if found.offset >= 0 else -1


def test_aborted_transactions_count_nothing_and_leave_no_lag(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    from confluent_kafka import Producer

    topic = make_topic(broker, 1)
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": topic})
    producer.init_transactions(30)
    for number in range(10):
        producer.begin_transaction()
        for value in values[100 * number : 100 * number + 100]:
            producer.produce(topic, value, partition=0)
        producer.flush(30)
        if number % 2:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    text = member(tier, topic, "--group", "tx", "--until-end").wait()
    assert "500 rows: 500 counted" in text
    assert tier.rows() == 500
    assert committed(broker, topic, "tx").offset == 1010, "ten markers took offsets too"
    again = member(tier, topic, "--group", "tx", "--until-end").wait()
    assert "0 rows: none" in again


def test_a_transaction_that_is_open_is_waited_for(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    from confluent_kafka import Producer

    topic = make_topic(broker, 2)
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values[:100]:
        producer.produce(topic, value, partition=0)
    producer.flush(30)
    produce(broker, topic, values, partitions=2)
    running = member(tier, topic, "--group", "open")
    eventually(lambda: tier.counted() >= 1500, "the other partition is read", seconds=60)
    assert tier.rows() == 0, "rows of the open transaction are still to come"
    producer.commit_transaction(30)
    eventually(lambda: tier.counted() == 3100, "all is read", seconds=60)
    running.process.terminate()
    assert "3,100 rows: 3,100 counted" in running.wait()
    assert tier.late() == 0


def test_compacted_topics_are_refused_in_words_and_read_if_that_is_allowed(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    soon = {"segment_ms": "200", "min_cleanable_dirty_ratio": "0.01", "max_compaction_lag_ms": "1000"}
    topic = make_topic(broker, 1, cleanup_policy="compact", **soon)
    keys = [str(number % 7).encode() for number in range(len(values))]
    produce(broker, topic, values[:1000], partitions=1, keys=keys)
    refused = member(tier, topic, "--group", "compact", "--until-end")
    assert refused.process.wait(60) == 2
    assert "--allow-compacted" in refused.written()
    options = ("--group", "compact", "--allow-compacted")
    running = member(tier, topic, *options)
    eventually(lambda: position_of(broker, topic, "compact") == 1000, "all is read and committed", seconds=60)
    running.process.kill()
    running.process.wait()
    before = tier.counted()  # some may have been compacted already
    last = values[1000:1010]

    def compacted() -> bool:
        produce(broker, topic, last[:1], partitions=1, keys=[b"roll"])  # the active segment is never compacted
        return len(messages_of(broker, topic)) < before // 2

    eventually(compacted, "the topic is compacted", seconds=90)
    produce(broker, topic, last, partitions=1, keys=[b"new"] * 10)
    text = member(tier, topic, *options, "--until-end").wait()
    assert "cannot be read again; what was counted of them stays" in text
    assert tier.rows() > before, "a pane of the records that are left replaced one of all"


def test_records_that_cannot_be_read_go_to_the_dead_letters_with_the_reason(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    topic, letters = make_topic(broker, 1), make_topic(broker, 1)
    bad = [b"{", b'{"other": 1}', json.dumps({"hour": 7, "timestamp": "noon"}).encode()]
    produce(
        broker, topic, [*values[:100], *bad, *values[100:200]], partitions=1,
        keys=(b"key%d" % number for number in range(300)), headers=([("trace", b"7")] for _ in range(300)),
    )  # fmt: skip
    text = member(tier, topic, "--group", "dead", "--dead-letter", letters, "--until-end").wait()
    assert "203 rows: 200 counted, 3 invalid" in text
    found = messages_of(broker, letters)
    assert [message.value() for message in found] == bad
    assert [message.key() for message in found] == [b"key100", b"key101", b"key102"]
    headers = [dict(message.headers()) for message in found]
    assert all(one["trace"] == b"7" and one["driftmeter-topic"] == topic.encode() for one in headers)
    assert [one["driftmeter-offset"] for one in headers] == [b"100", b"101", b"102"]
    for one, part in zip(headers, (b"JSON", b"some of the columns", b"timestamp"), strict=True):
        assert part in one["driftmeter-reason"]
    member(tier, topic, "--group", "dead", "--dead-letter", letters, "--until-end").wait()
    assert len(messages_of(broker, letters)) == 3, "they are not sent again"


def test_event_time_may_be_that_of_the_record(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    topic = make_topic(broker, 2, retention_ms="-1")  # by their times, the records are years old
    times = (START + 30_000 * (number // 100) for number in range(1000))
    produce(broker, topic, values[:1000], partitions=2, times=times)
    text = member(tier, topic, "--group", "stamps", "--time", "record", "--until-end").wait()
    assert "1,000 rows: 700 counted, 300 future" in text, "more than 60 s ahead of the server is a wrong clock"
    tier.settle()
    slices = tier.engine.store.slice_rows("flights", tier.profile.digest, 0, 2**50)
    assert [(start - START, rows) for start, _, rows in slices] == [(30_000 * number, 100) for number in range(4)]


def test_rows_beyond_the_lateness_are_late_by_their_partition(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    topic = make_topic(broker, 3)
    late = values[:90]  # of the first two seconds
    produce(broker, topic, [*values, *late])
    for _ in range(2):
        text = member(tier, topic, "--group", "late", "--until-end").wait()
    del text
    assert tier.rows() == ROWS.count
    assert tier.late() == 90


def test_members_that_start_one_by_one_while_rows_come_make_none_late(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    topic = make_topic(broker, 4)
    produce(broker, topic, values[:2000], partitions=3)
    first = member(tier, topic, "--group", "join")
    eventually(lambda: tier.counted() == 2000, "the first reads", seconds=60)
    second = member(tier, topic, "--group", "join")
    eventually(lambda: "assigned: rows" in second.written(), "the second has partitions", seconds=60)
    produce(broker, topic, values[2000:], partitions=3)
    eventually(lambda: tier.counted() == 3000, "both read", seconds=60)
    second.process.terminate()
    second.wait()
    first.process.terminate()
    first.wait()
    assert tier.late() == 0
    assert member(tier, topic, "--group", "join", "--until-end").wait()
    assert tier.rows() == 3000


@pytest.mark.parametrize("sink", ["server", "store"])
def test_live_panes_end_without_later_rows_and_metrics_tell(
    broker: KafkaBroker, tmp_path: Path, member: Callable[..., Member], values: list[bytes], sink: str
) -> None:
    topic, port = make_topic(broker, 3), free_port()
    with kafka_tier(tmp_path, ROWS.profile, Timing(1_000, 2_000), None) as tier:
        options = ("--store", tier.store) if sink == "store" else ()
        running = member(tier, topic, "--time", "record", "--metrics-port", str(port), *options)
        produce(broker, topic, values[:300], partitions=2)  # the third stays empty
        eventually(lambda: tier.rows() == 300, "all panes are closed", seconds=90)
        assert tier.late() == 0
        produce(broker, topic, values[300:600], partitions=2)
        eventually(lambda: tier.rows() == 600, "later panes are closed", seconds=90)
        assert tier.late() == 0
        no_lag = f'lag_records{{partition="0",topic="{topic}"}} 0.0'
        eventually(lambda: no_lag in metrics_at(port), "no lag", seconds=30)
        shown = metrics_at(port)
        assert f'driftmeter_consumer_rows_total{{outcome="counted",topic="{topic}"}} 600.0' in shown
        assert 'driftmeter_consumer_rebalances_total{event="assigned"}' in shown
        running.process.terminate()
        assert "600 rows: 600 counted" in running.wait()


def metrics_at(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_rows_that_retention_has_removed_are_told_and_make_no_pane_smaller(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    topic = make_topic(broker, 1)
    produce(broker, topic, values[:1000], partitions=1)
    running = member(tier, topic, "--group", "retention")
    eventually(lambda: position_of(broker, topic, "retention") == 1000, "all is read and committed", seconds=60)
    running.process.kill()
    running.process.wait()
    assert tier.counted() == 1000
    produce(broker, topic, values[1000:1500], partitions=1)
    admin = AdminClient({"bootstrap.servers": broker.address})
    for deleted in admin.delete_records([TopicPartition(topic, 0, 1200)]).values():
        deleted.result(30)
    text = member(tier, topic, "--group", "retention", "--until-end").wait()
    assert "retention removed 200 offsets that nothing read" in text
    assert "1000 records cannot be read again; what was counted of them stays" in text
    assert tier.rows() == 1300


def test_retention_that_is_faster_than_a_running_member_is_told(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], values: list[bytes]
) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    topic = make_topic(broker, 1)
    produce(broker, topic, values[:100], partitions=1)
    running = member(tier, topic, "--group", "slow", "--set", "session.timeout.ms=45000")
    eventually(lambda: tier.counted() == 100, "it has read all", seconds=60)
    running.process.send_signal(signal.SIGSTOP)
    produce(broker, topic, values[100:150], partitions=1)  # these answer the fetch that is under way
    produce(broker, topic, values[150:400], partitions=1)
    admin = AdminClient({"bootstrap.servers": broker.address})
    for deleted in admin.delete_records([TopicPartition(topic, 0, 350)]).values():
        deleted.result(30)
    running.process.send_signal(signal.SIGCONT)
    told = re.compile(r"retention removed (\d+) offsets that nothing read")
    skipped = int(eventually(lambda: told.search(running.written()), "it is told", seconds=60)[1])
    eventually(lambda: tier.counted() + skipped == 400, f"it goes on: {running.written()[-1500:]}", seconds=40)
    running.process.terminate()
    running.wait()


def test_while_the_server_is_away_nothing_is_lost(
    broker: KafkaBroker, tmp_path: Path, member: Callable[..., Member], values: list[bytes]
) -> None:
    from tests.support.metric_server import metric_server

    topic = make_topic(broker, 3)
    with kafka_tier(tmp_path, ROWS.profile, TIMING, ROWS.end + 60_000) as tier:
        produce(broker, topic, values[:1000])
        running = member(tier, topic, "--group", "away")
        eventually(lambda: tier.counted() == 1000, "rows are counted", seconds=60)
        tier.clock.now += 1
        produce(broker, topic, values[1000:])
        running.process.terminate()
        running.wait()
        with metric_server(tier.engine) as url:
            other = KafkaTier(url, tier.engine, tier.clock, tier.profile, tier.store)
            member(other, topic, "--group", "away", "--until-end").wait()
        assert tier.rows() == ROWS.count


def test_calls_count_as_their_rows_also_when_a_member_is_killed(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], tmp_path: Path
) -> None:
    """Requests and answers as CloudEvents of KServe's agent, by their id as key; every seventh has no answer."""
    values, keys, headers, flat = [], [], [], []
    for number, (row, time) in enumerate(ROWS.rows()):
        row = {name: value for name, value in row.items() if value is not None}
        prediction = row.pop("prediction", None)
        parts = [("request", {"instances": [row]})]
        if number % 7:
            parts.append(("response", {"predictions": [prediction]}))
            row = {**row, "prediction": prediction}
        flat.append(json.dumps({**row, "timestamp": time / 1000}).encode())
        for side, body in parts:
            values.append(json.dumps(body).encode())
            keys.append(b"id-%d" % number)
            headers.append([
                ("ce_specversion", b"1.0"), ("ce_id", b"id-%d" % number), ("ce_source", b"x"),
                ("ce_type", b"org.kubeflow.serving.inference.%b" % side.encode()),
                ("ce_time", iso(time).encode()),
            ])  # fmt: skip
    rows_topic, calls = make_topic(broker, 1), make_topic(broker, 1)
    produce(broker, rows_topic, flat, partitions=1)
    with kafka_tier(tmp_path, ROWS.profile, TIMING, ROWS.end + 60_000) as other:
        member(other, rows_topic, "--group", "flat", "--until-end").wait()
        expected, history = counts_of(other), other.history()
    half = keys.index(b"id-1500")
    produce(broker, calls, values[:half], partitions=1, keys=keys[:half], headers=headers[:half])
    running = member(tier, calls, "--group", "calls")
    eventually(lambda: position_of(broker, calls, "calls") == half, "all is read and committed", seconds=60)
    running.process.kill()
    running.process.wait()
    produce(broker, calls, values[half:], partitions=1, keys=keys[half:], headers=headers[half:])
    text = member(tier, calls, "--group", "calls", "--until-end").wait()
    assert "read as cloudevents" in text
    assert tier.rows() == ROWS.count
    assert tier.late() == 0
    assert counts_of(tier) == expected
    assert tier.history() == history


AVRO = {
    "type": "record",
    "name": "Row",
    "fields": [
        *({"name": name, "type": ["null", "double"]} for name in ("hour", "distance", "temp")),
        {"name": "where", "type": {"type": "record", "name": "Where", "fields": [
            {"name": "carrier", "type": "string"}, {"name": "origin", "type": "string"},
        ]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def registry(broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with schema_registry(tmp_path_factory.mktemp("registry")) as url:
        yield url


def counts_of(tier: KafkaTier) -> dict[str, list[int]]:
    """Return the counts of all panes by feature."""
    tier.settle()
    total = tier.engine.store.recent("flights", tier.profile.digest, 2**50, _everything())
    summed = sum((slice_.summary.counts for slice_ in total[1:]), total[0].summary.counts)
    return {feature.name: summed[part].tolist() for feature, part in tier.profile.slices()}


def _everything() -> Any:
    from driftmeter.panes.windows import WindowSetting

    return WindowSetting(0, 10**15)


def nested_rows() -> Iterator[dict[str, Any]]:
    for row, time in ROWS.rows():
        yield {
            **{name: row[name] for name in ("hour", "distance", "temp")},
            "where": {"carrier": row["carrier"], "origin": row["origin"]},
            "at": time,
        }


FIELDS = ("--field", "carrier=where.carrier", "--field", "origin=where.origin", "--time", "at")


@pytest.fixture
def expected(broker: KafkaBroker, member: Callable[..., Member], tmp_path: Path) -> dict[str, list[int]]:
    """The counts of the same rows in JSON."""
    topic = make_topic(broker, 2)
    produce(broker, topic, (json.dumps(row).encode() for row in nested_rows()), partitions=2)
    with kafka_tier(tmp_path, ROWS.profile, TIMING, ROWS.end + 60_000) as tier:
        member(tier, topic, "--group", "json", *FIELDS, "--time-format", "ms", "--until-end").wait()
        assert tier.rows() == ROWS.count
        return counts_of(tier)


def test_avro_through_a_schema_registry_gives_the_counts_of_json(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], registry: str, expected: dict[str, list[int]]
) -> None:
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    topic = make_topic(broker, 2)
    serialize = AvroSerializer(SchemaRegistryClient({"url": registry}), json.dumps(AVRO))
    context = SerializationContext(topic, MessageField.VALUE)
    produce(broker, topic, (serialize(row, context) for row in nested_rows()), partitions=2)
    text = member(tier, topic, "--group", "avro", *FIELDS, "--registry", registry, "--until-end").wait()
    assert "read as avro" in text
    assert tier.rows() == ROWS.count
    assert counts_of(tier) == expected


def test_protobuf_through_a_schema_registry_gives_the_counts_of_json(
    broker: KafkaBroker, tier: KafkaTier, member: Callable[..., Member], registry: str, expected: dict[str, list[int]],
    tmp_path: Path,
) -> None:  # fmt: skip
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="row.proto", package="flights", syntax="proto3")
    where = file.message_type.add(name="Where")
    row_type = file.message_type.add(name="Row")
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in (
        (where, (("carrier", kinds.TYPE_STRING), ("origin", kinds.TYPE_STRING))),
        (row_type, (*((name, kinds.TYPE_DOUBLE) for name in ("hour", "distance", "temp")), ("at", kinds.TYPE_INT64))),
    ):
        for number, (name, kind) in enumerate(fields, 1):
            message.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    for number, name in enumerate(("hour", "distance", "temp")):
        row_type.oneof_decl.add(name=f"_{name}")
        row_type.field[number].proto3_optional = True
        row_type.field[number].oneof_index = number
    row_type.field.add(
        name="where", number=9, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL, type_name=".flights.Where"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("flights.Row"))
    descriptors = tmp_path / "row.bin"
    descriptors.write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())

    topic = make_topic(broker, 2)
    serialize = ProtobufSerializer(made, SchemaRegistryClient({"url": registry}), {"use.deprecated.format": False})
    context = SerializationContext(topic, MessageField.VALUE)
    kept = ({name: value for name, value in row.items() if value is not None} for row in nested_rows())
    produce(broker, topic, (serialize(made(**row), context) for row in kept), partitions=2)
    text = member(
        tier, topic, "--group", "protobuf", *FIELDS, "--time-format", "ms", "--registry", registry,
        "--protobuf", f"{descriptors}:flights.Row", "--until-end",
    ).wait()  # fmt: skip
    assert "read as protobuf" in text
    assert tier.rows() == ROWS.count
    assert counts_of(tier) == expected
