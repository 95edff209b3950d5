"""A member of a consumer group, the shell around partitions: it reads, counts, sends panes and commits, in a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from driftmeter.client.backoff import Backoff
from driftmeter.errors import DriftmeterError
from driftmeter.integrations.sinks import PaneSink, SinkAwayError
from driftmeter.kafka.cluster import Topic, partitions_of
from driftmeter.kafka.dead_letters import DeadLetters
from driftmeter.kafka.metrics import ConsumerMetrics
from driftmeter.kafka.offsets import Offsets, Place, check_error, error_code, place_of
from driftmeter.kafka.options import ConsumeOptions
from driftmeter.kafka.owned import ConsumeTotals, OwnedPartition
from driftmeter.kafka.partition import Partition, source_of
from driftmeter.kafka.reading import RecordReading
from driftmeter.kafka.reporting import HEARTBEAT, Reporting
from driftmeter.kafka.resume import Resume, Snapshot
from driftmeter.kafka.watermarks import PartitionTime, TopicClock, ended_watermark
from driftmeter.panes.timing import Timing

LOG = logging.getLogger("driftmeter.kafka")
_MOST_UNSENT = 64
"""Panes of a partition that wait to be sent, at most, before no more is read."""
_POLL = 0.1  # seconds


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
        self._clock = clock
        self._offsets = Offsets(client)
        self._reading = RecordReading(options.form, metrics, dead_letters)
        self.stop = stop or threading.Event()
        self.totals = ConsumeTotals()
        self._reporting = Reporting(sink, sink.model(), metrics, clock)
        self._owned: dict[Place, OwnedPartition] = {}
        self._topic_clock = TopicClock()
        self._times: dict[Place, PartitionTime] = {}
        self._ends: dict[Place, int] = {}
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
        if self._options.until_end:
            self._ends = {place: self._offsets.bounds(place)[1] for place in self._places()}
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
        ends: dict[Place, int] = {}
        gone: list[Place] = []
        for message in messages:
            error = message.error()
            if error is None:
                runs.setdefault((message.topic(), message.partition()), []).append(message)
            elif error.code() == error_code("_PARTITION_EOF"):
                ends[message.topic(), message.partition()] = message.offset()
            elif error.code() == error_code("_AUTO_OFFSET_RESET"):
                gone.append((message.topic(), message.partition()))
            else:
                check_error(error)
        for place, run in runs.items():
            owned = self._owned.get(place)
            if owned is None:
                continue
            position = owned.partition.position
            unread = run if run[0].offset() >= position else [one for one in run if one.offset() >= position]
            if unread:
                owned.heard, owned.at_end = self._clock(), False
                self._reading.count(unread, owned.partition, self._reporting.now())
        for place, end in ends.items():  # beyond control records, which hold no rows
            owned = self._owned.get(place)
            if owned is not None and end >= owned.partition.position:
                owned.partition.position, owned.at_end = end, True
        for place in gone:
            self._skip(place)

    def _skip(self, place: Place) -> None:
        """Go on from the first offset that is there: retention was faster than this member."""
        owned = self._owned.get(place)
        if owned is None:
            return
        low, _ = self._offsets.bounds(place)
        self._tell_skipped(place, low - max(owned.partition.position, owned.partition.committed_position))
        owned.partition.position = max(owned.partition.position, low)
        self._offsets.restart(place, owned.partition.position)

    def _tell_skipped(self, place: Place, skipped: int) -> None:
        if skipped > 0:
            LOG.warning("%s[%d]: retention removed %d offsets that nothing read", *place, skipped)
            self._metrics.add("offsets_skipped", skipped, topic=place[0])

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
        for owned in self._owned.values():
            owned.partition.count_by(self._reporting.counting)
        self._reading.forget_profile()
        LOG.info("rows are counted by profile %s from now on", self._reporting.counting.digest)

    def _finish_rereading(self) -> None:
        for owned in self._owned.values():
            partition = owned.partition
            if partition.rereading and partition.position >= partition.committed_position:
                self._reading.reread(partition, self._reporting.now())

    def _send(self, topic: str, owned: OwnedPartition) -> None:
        if self._reporting.send(owned.partition, topic):
            owned.told, owned.told_watermark = self._clock(), owned.partition.watermark

    def _beat(self) -> None:
        """Tell the watermarks that end panes, and now and then all others."""
        pane = self.timing.pane
        for owned in self._owned.values():
            partition = owned.partition
            ends_panes = partition.watermark // pane > owned.told_watermark // pane
            if ends_panes or self._clock() - owned.told >= HEARTBEAT:
                self._reporting.beat(partition)
                owned.told, owned.told_watermark = self._clock(), partition.watermark
                partition.release()

    def _advance_idle(self) -> bool:
        """Let event time go on in partitions without rows; return whether all ends are reached that were asked for."""
        idle = [place for place, owned in self._owned.items() if self._is_idle(place, owned)]
        if not idle:
            return False
        for place in idle:
            self._reading.give_up(self._owned[place].partition, self._reporting.now())
            self._send(place[0], self._owned[place])
        if self._options.until_end:
            self._commit(self._owned)  # so that the other members can see it
        self._ask_others()
        for place, owned in self._owned.items():
            done = self._is_done(place, owned.partition.position)
            self._times[place] = PartitionTime(owned.partition.watermark, place in idle, done)
        partitions, timing = list(self._times.values()), self.timing
        ended = self._options.until_end and all(one.done for one in partitions)
        watermark = (
            ended_watermark(partitions, timing.pane, timing.lateness)
            if ended
            else self._topic_clock.idle_watermark(partitions, self._reporting.now(), timing.lateness)
        )
        for place in idle:
            self._owned[place].partition.advance(watermark)
        return ended

    def _is_idle(self, place: Place, owned: OwnedPartition) -> bool:
        """Say whether no rows are expected: all is read, no transaction is open, and nothing has come for a while.

        Where an end was asked for, that is when it is reached.
        """
        position = owned.partition.position
        if owned.partition.rereading:
            return False
        if self._options.until_end:
            return self._is_done(place, position)
        quiet = self._clock() - owned.heard >= self._options.idle_after
        return owned.at_end and quiet and position >= self._offsets.high(place)

    def _is_done(self, place: Place, position: int) -> bool:
        return self._options.until_end and position >= self._ends.get(place, 0)

    def _places(self) -> list[Place]:
        return [(topic.name, partition) for topic in self._topics.values() for partition in topic.partitions]

    def _ask_others(self) -> None:
        """Learn from what is committed how far the partitions of other members are."""
        try:
            found = self._offsets.committed([place for place in self._places() if place not in self._owned])
        except DriftmeterError as error:
            LOG.warning("%s", error)
            return
        for place, known in found.items():
            known = known or Resume(Snapshot(0), 0)
            done = self._is_done(place, known.position)
            self._times[place] = PartitionTime(known.watermark, known.idle, done)

    def _commit(self, owned: dict[Place, OwnedPartition]) -> None:
        """Commit the partitions of which everything is durable; what fails is committed next time."""
        if not self._reading.flush():
            LOG.warning("dead letters wait to be sent: nothing is committed meanwhile")
            return
        changed: dict[Place, Resume] = {}
        for place, one in owned.items():
            resume = one.partition.resume(idle=self._is_idle(place, one))
            if resume is not None and resume != one.committed:
                changed[place] = resume
        if changed and self._offsets.commit(changed):
            for place, resume in changed.items():
                owned[place].committed = resume

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
        for (topic, partition), known in self._offsets.committed(self._places()).items():
            generation = 0 if known is None else known.generation
            self._reporting.register(source_of(self._topics[topic].source(partition), generation))

    def _on_assign(self, client: Any, partitions: list[Any]) -> None:
        try:
            self._assign(client, partitions)
        except BaseException as error:  # the client would only print it
            self._failure = error

    def _assign(self, client: Any, partitions: list[Any]) -> None:
        self._metrics.add("rebalances", event="assigned")
        starts = []
        for place, committed in self._offsets.committed(list(map(place_of, partitions))).items():
            low, high = self._offsets.bounds(place)
            resume = self._resume_of(place, committed, low, high)
            topic = self._topics[place[0]]
            if place[1] not in topic.partitions:  # the topic was given more of them
                topic = Topic(topic.name, partitions_of(client, topic.name), topic.identity)
                self._topics[topic.name] = topic
            partition = Partition(topic.source(place[1]), self._reporting.counting, resume)
            self._owned[place] = OwnedPartition(partition, self._clock())
            starts.append((place, max(resume.start.offset, low)))
        assigned = self._offsets.assign(starts)
        if self._paused and assigned:
            client.pause(assigned)
        self._report_at = self._clock()
        LOG.info("assigned: %s", ", ".join(f"{name}[{one}] from {offset}" for (name, one), offset in starts) or "-")

    def _resume_of(self, place: Place, resume: Resume | None, low: int, high: int) -> Resume:
        """Return from where a partition is read: from what the group committed, as far as that is still there."""
        if resume is None:
            begin = high if self._options.begin == "latest" else low
            return Resume(Snapshot(begin), begin)
        length = self.timing.pane
        if resume.length not in (0, length):
            LOG.warning("panes are %d ms long now: those of %d ms stay as they are", length, resume.length)
            start = Snapshot(resume.position, resume.watermark, resume.watermark)
            resume = Resume(start, resume.position, 0, resume.settled, length, resume.generation + 1)
        self._tell_skipped(place, low - resume.position)
        return resume

    def _on_revoke(self, client: Any, partitions: list[Any]) -> None:
        """Send and commit what is read of the partitions that go to another member."""
        self._metrics.add("rebalances", event="revoked")
        leaving = {place: one for place in map(place_of, partitions) if (one := self._owned.get(place)) is not None}
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
        self._forget(dict.fromkeys(map(place_of, partitions)))

    def _forget(self, places: Iterable[Place]) -> None:
        for place in places:
            if place in self._owned:
                self._collect(place, self._owned.pop(place))
                self._metrics.forget(*place)

    # --- figures

    def _show(self) -> None:
        lag = 0
        for place, owned in self._owned.items():
            self._collect(place, owned)
            behind = max(0, self._offsets.high(place) - owned.partition.position)
            lag += behind
            labels = {"topic": place[0], "partition": str(place[1])}
            self._metrics.show("lag_records", behind, **labels)
            self._metrics.show("watermark_seconds", owned.partition.watermark / 1000, **labels)
            self._metrics.show("open_panes", len(owned.partition), **labels)
        self.totals.lag, self.totals.partitions, self.totals.bad = lag, len(self._owned), self._reading.bad

    def _collect(self, place: Place, owned: OwnedPartition) -> None:
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
