from __future__ import annotations

import pytest

from driftmeter.errors import InputError
from driftmeter.kafka.cluster import Topic, check_topic
from driftmeter.kafka.options import ConsumeOptions, shown

OPTIONS = ConsumeOptions(brokers="kafka:9092", topics=("rows",), group="g")


def test_the_new_protocol_sets_nothing_that_it_refuses() -> None:
    classic = OPTIONS.consumer_settings()
    assert (classic["session.timeout.ms"], classic["auto.offset.reset"]) == (6_000, "error")
    new = ConsumeOptions(brokers="kafka:9092", topics=("rows",), group="g", protocol="consumer")
    refused = {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.protocol.type"}
    assert not refused & new.consumer_settings().keys()
    assert (OPTIONS.takeover(), new.takeover()) == (6_000, 45_000)


def test_a_session_timeout_of_the_user_counts_in_the_classic_protocol() -> None:
    longer = ConsumeOptions(brokers="k", topics=("rows",), group="g", settings={"session.timeout.ms": "20000"})
    assert longer.takeover() == 20_000
    assert longer.consumer_settings()["session.timeout.ms"] == "20000"


@pytest.mark.parametrize("name", ["enable.auto.commit", "group.id", "auto.offset.reset", "enable.partition.eof"])
def test_settings_on_which_panes_rest_cannot_be_set(name: str) -> None:
    with pytest.raises(InputError, match=name):
        ConsumeOptions(brokers="k", topics=("rows",), group="g", settings={name: "x"})


def test_dead_letters_go_to_another_topic() -> None:
    with pytest.raises(InputError, match="--dead-letter"):
        ConsumeOptions(brokers="k", topics=("rows",), group="g", dead_letters="rows")


def test_other_clients_get_the_credentials_and_nothing_of_the_consumer() -> None:
    settings = {"sasl.password": "p", "security.protocol": "SASL_SSL", "fetch.min.bytes": "1", "ssl.ca.location": "f"}
    options = ConsumeOptions(brokers="k", topics=("rows",), group="g", settings=settings)
    assert options.client_settings().keys() == {
        *("bootstrap.servers", "sasl.password", "security.protocol", "ssl.ca.location"),
    }


def test_secrets_are_not_shown() -> None:
    secrets = {"sasl.password": "A", "ssl.key.password": "B", "ssl.key.pem": "C", "sasl.oauthbearer.client.secret": "D"}
    text = shown({**secrets, "sasl.username": "drift"})
    assert "drift" in text
    assert not set("ABCD") & set(text)


def test_compacted_topics_are_refused_unless_allowed() -> None:
    topic = Topic("rows", (0,), "id")
    with pytest.raises(InputError, match="--allow-compacted"):
        check_topic(topic, True, allow_compacted=False)
    for compacted in (False, None):
        check_topic(topic, compacted, allow_compacted=False)
    check_topic(topic, True, allow_compacted=True)


def test_a_source_is_of_one_topic_of_one_cluster() -> None:
    sources = {Topic(name, (0,), identity).source(0) for name in ("a", "b") for identity in ("x", "y")}
    assert len(sources) == 4
    assert len(Topic("t" * 249, (0,), "x").source(17)) < 200
