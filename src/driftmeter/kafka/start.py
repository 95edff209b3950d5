"""How a consumer starts: clients of confluent-kafka, the topics as the brokers describe them, warnings, the member."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from driftmeter.errors import DriftmeterError, MissingExtraError
from driftmeter.integrations.sinks import PaneSink
from driftmeter.kafka.cluster import check_topic, describe_topic
from driftmeter.kafka.dead_letters import DeadLetters
from driftmeter.kafka.group import GroupMember
from driftmeter.kafka.metrics import ConsumerMetrics
from driftmeter.kafka.options import ConsumeOptions, shown

LOG = logging.getLogger("driftmeter.kafka")


def start_member(
    options: ConsumeOptions,
    sink: PaneSink,
    *,
    metrics: ConsumerMetrics | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = LOG.warning,
) -> GroupMember:
    """Return a member of the group that is ready to run.

    Raises MissingExtraError without confluent-kafka, InputError on settings that librdkafka refuses and on compacted
    topics, and DriftmeterError where the brokers or a topic are not there.
    """
    try:
        from confluent_kafka import Consumer, KafkaException, Producer
        from confluent_kafka.admin import AdminClient
    except ImportError as error:
        raise MissingExtraError("consume needs confluent-kafka: pip install 'driftmeter[kafka]'") from error
    if options.settings:
        LOG.info("settings of librdkafka: %s", shown(options.settings))
    try:
        client: Any = Consumer(options.consumer_settings(), logger=LOG)
        admin = AdminClient(options.client_settings())
        producer = Producer({**options.client_settings(), "linger.ms": 50}) if options.dead_letters else None
    except KafkaException as error:
        raise DriftmeterError(f"Kafka refuses the settings: {error.args[0].str()}") from error
    metrics = metrics or ConsumerMetrics()
    try:
        topics = []
        for name in options.topics:
            topic, compacted = describe_topic(admin, client, name)
            check_topic(topic, compacted, allow_compacted=options.allow_compacted)
            if compacted is None:
                say(f"{name}: the brokers do not say whether it is compacted; a compacted topic gives fewer rows later")
            topics.append(topic)
        member = GroupMember(
            client,
            topics,
            sink,
            options,
            metrics=metrics,
            dead_letters=None if producer is None else DeadLetters(producer, options.dead_letters or "", metrics),
            stop=stop,
        )
    except BaseException:
        client.close()
        raise
    lateness, takeover = member.timing.lateness, options.takeover()
    if lateness < takeover:
        say(
            f"partitions of a killed member are idle for {takeover / 1000:g} s (--protocol {options.protocol}), the "
            f"model's lateness is {lateness / 1000:g} s: if an SDK reports to the same model, rows read after such a "
            "takeover are late"
        )
    return member
