"""A member of a consumer group, the shell around partitions: it reads, counts, sends panes and commits, in a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from driftmeter.client.backoff import Backoff
from driftmeter.errors import DriftmeterError, InputError
from driftmeter.integrations.sinks import PaneSink, SinkAwayError
from driftmeter.kafka.cluster import Topic, partitions_of
from driftmeter.kafka.dead_letters import DeadLetters
from driftmeter.kafka.forms import AUTO, decoder_of, form_of
from driftmeter.kafka.metrics import ConsumerMetrics
from driftmeter.kafka.options import ConsumeOptions
from driftmeter.kafka.partition import Partition, source_of
from driftmeter.kafka.records import NO_TIME, RecordDecoder, RecordRun, read_run
from driftmeter.kafka.reporting import HEARTBEAT, Reporting
from driftmeter.kafka.resume import Resume, Snapshot
from driftmeter.kafka.watermarks import PartitionTime, TopicClock, ended_watermark
from driftmeter.panes.timing import Timing
from driftmeter.types import Milliseconds

LOG = logging.getLogger("driftmeter.kafka")
Place = tuple[str, int]
"""A topic and a partition of it."""
_MOST_UNSENT = 64
"""Panes of a partition that wait to be sent, at most, before no more is read."""
_ASK = 30.0  # seconds
_POLL = 0.1  # seconds


@dataclass
class _Owned:
    """A partition of this member, and how far its records are read."""

    partition: Partition
    end: int
    """The end of the partition when it was assigned."""
    heard: float
    """Local time in seconds of the last record, or of the assignment."""
    told: float = float("-inf")
    """Local time of the last pane or heartbeat."""
    told_watermark: Milliseconds = -1
    at_end: bool = False
    done: bool = False
    committed: str = ""


@dataclass
class ConsumeTotals:
    """What a member has read so far."""

    rows: dict[str, int] = field(default_factory=dict)
    again: int = 0
    records_lost: int = 0
    bad: int = 0
    lag: int = 0
    partitions: int = 0

    @property
    def read(self) -> int:
        """Rows read for the first time."""
        return sum(self.rows.values())


class GroupMember:
    """Consumes topics until it is stopped, or until their ends are reached."""

    def __init__(
        self,
        client: Any,
        topics: Sequence[Topic],
        sink: PaneSink,
        options: ConsumeOptions,
        *,
        metrics: ConsumerMetrics,
        dead_letters: DeadLetters | None = None,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a consumer of confluent-kafka that is not subscribed yet. `clock` is monotonic, in seconds."""
        self._client, self._sink, self._options, self._metrics = client, sink, options, metrics
        self._topics = {topic.name: topic for topic in topics}
        self._dead_letters, self._clock = dead_letters, clock
        self.stop = stop or threading.Event()
        self.totals = ConsumeTotals()
        self._reporting = Reporting(sink, sink.model(), metrics, clock)
        self._owned: dict[Place, _Owned] = {}
        self._decoders: dict[str, RecordDecoder] = {}
        self._forms: dict[str, str] = {}
        self._topic_clock = TopicClock()
        self._times: dict[Place, PartitionTime] = {}
        self._backoff = Backoff()
        self._paused = False
        self._report_at = self._commit_at = clock()
        self._failure: BaseException | None = None

    @property
    def timing(self) -> Timing:
        """How event time is cut."""
        return self._reporting.counting.timing

    def run(self, progress: Callable[[ConsumeTotals], None] = lambda totals: None) -> ConsumeTotals:
        """Consume; call `progress` after each report.

        Raises DriftmeterError on what cannot go on: a pane that is refused, a topic that may not be read.
        """
        self._register()
        self._client.subscribe(
            list(self._topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            while not self.stop.is_set():
                messages = self._client.consume(self._options.batch, _POLL)
                if self._failure is not None:
                    raise self._failure
                self._take(messages)
                if self._is_due():
                    ended = self._report()
                    progress(self.totals)
                    if ended:
                        break
        finally:
            self._client.close()  # revokes what is left: panes are sent and offsets committed there
        if self._failure is not None:
            raise self._failure
        return self.totals

    # --- records

    def _take(self, messages: Iterable[Any]) -> None:
        runs: dict[Place, list[Any]] = {}
        for message in messages:
            if message.error() is None:
                runs.setdefault((message.topic(), message.partition()), []).append(message)
            else:
                self._note(message)
        for place, run in runs.items():
            owned = self._owned.get(place)
            if owned is not None:
                position = owned.partition.position
                self._count(place, owned, [one for one in run if one.offset() >= position])

    def _note(self, message: Any) -> None:
        """Take note of the end of a partition, and raise what cannot go on."""
        from confluent_kafka import KafkaError

        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:
            owned = self._owned.get((message.topic(), message.partition()))
            if owned is not None:
                owned.at_end = True
        elif error.fatal() or error.code() in (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.GROUP_AUTHORIZATION_FAILED,
        ):
            raise DriftmeterError(f"Kafka: {error.str()}")
        else:
            LOG.warning("Kafka: %s", error.str())

    def _count(self, place: Place, owned: _Owned, messages: list[Any]) -> None:
        if not messages:
            return
        topic, partition = place[0], owned.partition
        owned.heard, owned.at_end = self._clock(), False
        run = RecordRun(
            topic,
            [message.offset() for message in messages],
            [message.value() for message in messages],
            stamp=lambda position: _stamp(messages[position]),
            headers=lambda position: _headers(messages[position]),
            key=lambda position: messages[position].key(),
        )
        decoder = self._decoder(run)
        if decoder is None:
            return
        options = self._options.form
        reader = self._reporting.counting.reader
        read = read_run(run, decoder.decode(run), reader, options.rule(reader.names))
        known = partition.committed_position
        partition.add(read.rows, self._reporting.now())
        for bad in read.bad:
            message = messages[bad.position]
            if message.offset() < known:  # it was told of before these records were read again
                continue
            self.totals.bad += 1
            self._metrics.add("bad_records", topic=topic)
            if self._dead_letters is not None:
                self._dead_letters.send(message, bad.reason)
            if self.totals.bad <= 5 or self.totals.bad % 10_000 == 0:
                LOG.warning("%s[%d] offset %d cannot be read: %s", *place, message.offset(), bad.reason)

    def _decoder(self, run: RecordRun) -> RecordDecoder | None:
        decoder = self._decoders.get(run.topic)
        if decoder is None:
            options = self._options.form
            form = self._forms.get(run.topic) or options.form
            if form == AUTO:
                found = form_of(run, options)
                if found is None:
                    return None
                form = found
                LOG.info("%s: read as %s (--format)", run.topic, form)
            self._forms[run.topic] = form
            decoder = self._decoders[run.topic] = decoder_of(form, options, self._reporting.counting.reader)
        return decoder

    # --- reports

    def _is_due(self) -> bool:
        return self._clock() >= self._report_at or (
            not self._paused and any(len(owned.partition.unsent()) > _MOST_UNSENT for owned in self._owned.values())
        )

    def _report(self) -> bool:
        """Send what changed, and commit; return whether all ends are reached that were asked for."""
        now = self._clock()
        self._report_at = now + self._options.interval
        ended = False
        try:
            if self._reporting.outdated:
                self._renew()
            self._finish_rereading()
            for (topic, _), owned in self._owned.items():
                self._send(topic, owned)
            ended = self._advance_idle()
            self._beat()
        except SinkAwayError as error:
            self._away(error)
            return False
        self._back()
        if ended or now >= self._commit_at:
            self._commit_at = now + self._options.commit_every
            self._commit(self._owned)
        self._show()
        return ended

    def _renew(self) -> None:
        self._reporting.renew()
        self._decoders.clear()
        for owned in self._owned.values():
            owned.partition.count_by(self._reporting.counting)
        LOG.info("rows are counted by profile %s from now on", self._reporting.counting.digest)

    def _finish_rereading(self) -> None:
        for place, owned in self._owned.items():
            if owned.partition.rereading and self._position(place, owned) >= owned.partition.committed_position:
                owned.partition.reread()

    def _send(self, topic: str, owned: _Owned) -> None:
        if self._reporting.send(owned.partition, topic):
            owned.told, owned.told_watermark = self._clock(), owned.partition.watermark

    def _beat(self, *, final: bool = False) -> None:
        for owned in self._owned.values():
            partition = owned.partition
            is_due = self._clock() - owned.told >= HEARTBEAT or partition.watermark > owned.told_watermark
            if is_due or final:
                self._reporting.beat(partition, final=final)
                owned.told, owned.told_watermark = self._clock(), partition.watermark
                partition.release()

    def _advance_idle(self) -> bool:
        """Let event time go on in partitions without rows; return whether all ends are reached that were asked for."""
        idle = []
        for place, owned in self._owned.items():
            position = self._position(place, owned)
            if self._options.until_end and position >= owned.end and not owned.partition.rereading:
                owned.done = True
            if owned.done or self._is_idle(place, owned, position):
                idle.append(owned)
        if not idle:
            return False
        if any(owned.done for owned in idle):
            self._commit(self._owned)  # the others can see that
        self._ask_others()
        for place, owned in self._owned.items():
            self._times[place] = PartitionTime(owned.partition.watermark, owned in idle, owned.done)
        partitions = list(self._times.values())
        timing = self._reporting.counting.timing
        ended = self._options.until_end and all(one.done for one in partitions)
        watermark = (
            ended_watermark(partitions, timing.pane, timing.lateness)
            if ended
            else self._topic_clock.idle_watermark(partitions, self._reporting.now(), timing.lateness)
        )
        for owned in idle:
            owned.partition.advance(watermark)
        return ended

    def _is_idle(self, place: Place, owned: _Owned, position: int) -> bool:
        """Say whether all is read, no transaction is open, and nothing has come for a while."""
        if not owned.at_end or self._clock() - owned.heard < self._options.idle_after or self._options.until_end:
            return False
        return position >= self._high(place)

    def _ask_others(self) -> None:
        """Learn from what is committed how far the partitions of other members are."""
        from confluent_kafka import KafkaException, TopicPartition

        places = [(topic.name, partition) for topic in self._topics.values() for partition in topic.partitions]
        others = [place for place in places if place not in self._owned]
        try:
            found = self._client.committed([TopicPartition(*place) for place in others], _ASK) if others else []
        except KafkaException as error:
            LOG.warning("cannot ask for committed offsets: %s", error.args[0].str())
            return
        for one in found:
            known = Resume.loads(max(0, one.offset), one.metadata if one.offset >= 0 else None)
            self._times[one.topic, one.partition] = PartitionTime(known.watermark, known.idle, known.done)

    def _commit(self, owned: dict[Place, _Owned]) -> None:
        """Commit the partitions of which everything is durable; a failure is tried again with the next commit."""
        from confluent_kafka import KafkaException, TopicPartition

        if self._dead_letters is not None and not self._dead_letters.flush():
            LOG.warning("dead letters wait to be sent: nothing is committed meanwhile")
            return
        offsets, texts = [], []
        for place, one in owned.items():
            position = self._position(place, one)
            idle = one.done or self._is_idle(place, one, position)
            resume = one.partition.resume(position, idle=idle, done=one.done)
            if resume is None:
                continue
            text = resume.dumps()
            if (committed := f"{resume.start.offset} {text}") != one.committed:
                offsets.append(TopicPartition(*place, resume.start.offset, metadata=text))
                texts.append((one, committed))
        if not offsets:
            return
        try:
            self._client.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            LOG.warning("offsets cannot be committed now: %s", error.args[0].str())
            return
        for one, committed in texts:
            one.committed = committed

    def _away(self, error: SinkAwayError) -> None:
        """Read no more until the sink is back; the group still hears from this member."""
        self._metrics.add("sink_failures")
        self._report_at = self._clock() + self._backoff.failed()
        if self._backoff.failures == 2:
            LOG.warning("no pane gets through, trying on: %s", error)
        if not self._paused and self._owned:
            self._client.pause(self._client.assignment())
            self._paused = True

    def _back(self) -> None:
        if self._backoff.failures > 1:
            LOG.info("panes get through again")
        self._backoff.succeeded()
        if self._paused:
            self._client.resume(self._client.assignment())
            self._paused = False

    # --- partitions

    def _register(self) -> None:
        """Make every partition known to the sink, so that those read first end no panes of those read later."""
        from confluent_kafka import KafkaException, TopicPartition

        places = [TopicPartition(topic.name, one) for topic in self._topics.values() for one in topic.partitions]
        try:
            committed = self._client.committed(places, _ASK)
        except KafkaException as error:
            raise DriftmeterError(f"cannot ask for committed offsets: {error.args[0].str()}") from error
        for one in committed:
            known = Resume.loads(max(0, one.offset), one.metadata)
            name = self._topics[one.topic].source(one.partition)
            self._reporting.register(source_of(name, known.generation))

    def _on_assign(self, client: Any, partitions: list[Any]) -> None:
        try:
            self._assign(client, partitions)
        except BaseException as error:  # the client would only print it
            self._failure = error
            client.incremental_unassign([])

    def _assign(self, client: Any, partitions: list[Any]) -> None:
        from confluent_kafka import TopicPartition

        self._metrics.add("rebalances", event="assigned")
        starts = []
        for one in client.committed(partitions, _ASK) if partitions else []:
            low, high = client.get_watermark_offsets(TopicPartition(one.topic, one.partition), _ASK)
            resume = self._resume_of(one, low, high)
            topic = self._topics[one.topic]
            if one.partition not in topic.partitions:  # the topic was given more of them
                topic = Topic(topic.name, partitions_of(client, topic.name), topic.identity)
                self._topics[topic.name] = topic
            partition = Partition(topic.source(one.partition), self._reporting.counting, resume)
            self._owned[one.topic, one.partition] = _Owned(partition, high, self._clock())
            starts.append(TopicPartition(one.topic, one.partition, resume.start.offset))
        client.incremental_assign(starts)
        if self._paused and starts:
            client.pause(starts)
        self._report_at = self._clock()
        LOG.info("assigned: %s", ", ".join(f"{one.topic}[{one.partition}] from {one.offset}" for one in starts) or "-")

    def _resume_of(self, committed: Any, low: int, high: int) -> Resume:
        """Return from where a partition is read: from what the group committed, as far as that is still there."""
        if committed.offset < 0:
            begin = high if self._options.begin == "latest" else low
            return Resume(Snapshot(begin), begin)
        resume = Resume.loads(committed.offset, committed.metadata)
        length = self._reporting.counting.timing.pane
        if resume.length not in (0, length):
            LOG.warning("panes are %d ms long now: those of %d ms stay as they are", length, resume.length)
            start = Snapshot(resume.position, resume.watermark, resume.watermark)
            resume = Resume(start, resume.position, 0, resume.settled, length, resume.generation + 1)
        if resume.position < low:
            skipped = low - resume.position
            LOG.warning("%s[%d]: retention removed %d offsets that nothing read", committed.topic,
                        committed.partition, skipped)  # fmt: skip
            self._metrics.add("offsets_skipped", skipped, topic=committed.topic)
        return resume

    def _on_revoke(self, client: Any, partitions: list[Any]) -> None:
        """Send and commit what is read of the partitions that go to another member."""
        self._metrics.add("rebalances", event="revoked")
        leaving = {place: one for place in map(_place, partitions) if (one := self._owned.get(place)) is not None}
        try:
            self._finish_rereading()
            for (topic, _), owned in leaving.items():
                self._send(topic, owned)
                self._reporting.beat(owned.partition, final=True)
            self._commit(leaving)
        except Exception as error:  # whoever is next reads it again
            LOG.warning("partitions leave before everything is sent: %s", error)
        self._forget(leaving)

    def _on_lost(self, client: Any, partitions: list[Any]) -> None:
        """Let go of partitions that another member may have already: it sends the same panes, and commits."""
        self._metrics.add("rebalances", event="lost")
        LOG.warning("partitions were lost: %s", ", ".join(f"{one.topic}[{one.partition}]" for one in partitions))
        self._forget(dict.fromkeys(map(_place, partitions)))

    def _forget(self, places: Iterable[Place]) -> None:
        for place in places:
            if place in self._owned:
                self._collect(place, self._owned.pop(place))
                self._metrics.forget(*place)

    # --- figures

    def _position(self, place: Place, owned: _Owned) -> int:
        """Return the next offset to read, beyond control records that hold no rows."""
        from confluent_kafka import TopicPartition

        (found,) = self._client.position([TopicPartition(*place)])
        return max(int(found.offset), owned.partition.position)

    def _high(self, place: Place) -> int:
        from confluent_kafka import TopicPartition

        found = self._client.get_watermark_offsets(TopicPartition(*place), cached=True)
        return -1 if found is None else int(found[1])

    def _show(self) -> None:
        lag = 0
        for place, owned in self._owned.items():
            self._collect(place, owned)
            behind = max(0, self._high(place) - self._position(place, owned))
            lag += behind
            labels = {"topic": place[0], "partition": str(place[1])}
            self._metrics.show("lag_records", behind, **labels)
            self._metrics.show("watermark_seconds", owned.partition.watermark / 1000, **labels)
            self._metrics.show("open_panes", len(owned.partition), **labels)
        self.totals.lag, self.totals.partitions = lag, len(self._owned)

    def _collect(self, place: Place, owned: _Owned) -> None:
        """Add what a partition has tallied to the totals and metrics."""
        tally, topic = owned.partition.take_tally(), place[0]
        for outcome, rows in tally.rows.items():
            self.totals.rows[outcome] = self.totals.rows.get(outcome, 0) + rows
            self._metrics.add("rows", rows, topic=topic, outcome=outcome)
        self.totals.again += tally.again
        self.totals.records_lost += tally.lost
        self._metrics.add("rows_again", tally.again, topic=topic)
        if tally.lost:
            self._metrics.add("records_lost", tally.lost, topic=topic)
            LOG.warning("%s[%d]: %d records cannot be read again; what was counted of them stays", *place, tally.lost)


def check_topic(topic: Topic, compacted: bool | None, options: ConsumeOptions) -> None:
    """Raise InputError on a compacted topic, unless it is allowed."""
    if compacted and not options.allow_compacted:
        raise InputError(
            f"topic {topic.name}",
            "a topic that keeps its records (cleanup.policy=delete): of a compacted one a re-read gives fewer rows. "
            "With --allow-compacted, rows that are gone by then keep the counts that they had",
            "cleanup.policy=compact",
        )


def _place(partition: Any) -> Place:
    return partition.topic, partition.partition


def _stamp(message: Any) -> Milliseconds:
    kind, time_ = message.timestamp()
    return int(time_) if kind and time_ >= 0 else NO_TIME


def _headers(message: Any) -> dict[str, str]:
    return {
        name.lower(): (value or b"").decode("utf-8", "replace") for name, value in reversed(message.headers() or [])
    }
