"""Reading: from messages of confluent-kafka to rows of a partition; what cannot be read is counted and sent on."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from driftmeter.kafka.calls import FORMS as CALLS
from driftmeter.kafka.calls import READERS, CallDecoder
from driftmeter.kafka.dead_letters import DeadLetters
from driftmeter.kafka.forms import AUTO, FormOptions, decoder_of, form_of
from driftmeter.kafka.metrics import ConsumerMetrics
from driftmeter.kafka.partition import Partition
from driftmeter.kafka.records import NO_TIME, RecordDecoder, RecordRun, read_run
from driftmeter.types import Milliseconds

LOG = logging.getLogger("driftmeter.kafka")
_LOGGED, _EVERY = 5, 10_000
"""Bad records that are logged: the first ones, then one of so many."""


class RecordReading:
    """Reads the records of all topics; the form of each is found with its first records."""

    def __init__(self, options: FormOptions, metrics: ConsumerMetrics, dead_letters: DeadLetters | None) -> None:
        """Read by what the user says of the records."""
        self._options, self._metrics, self._dead_letters = options, metrics, dead_letters
        self._forms: dict[str, str] = {}
        self._decoders: dict[str, RecordDecoder] = {}
        self._calls: WeakKeyDictionary[Partition, CallDecoder] = WeakKeyDictionary()
        self.bad = 0
        """Records that could not be read so far."""

    def forget_profile(self) -> None:
        """Make new decoders with the next records: rows are counted by another profile from now on."""
        self._decoders.clear()
        for partition, decoder in self._calls.items():
            decoder.count_by(partition.counting.reader)

    def count(self, messages: list[Any], partition: Partition, now: Milliseconds) -> None:
        """Count messages of one partition, ascending by offset, that it has not counted; raises InputError on a topic
        of no known form.
        """
        while partition.rereading and messages[-1].offset() >= (stop := partition.next_stop):
            before = [message for message in messages if message.offset() < stop]
            if before:
                self._count(before, partition, now)
            messages = messages[len(before) :]
            self._reread_to(stop, partition, now)
        self._count(messages, partition, now)

    def _count(self, messages: list[Any], partition: Partition, now: Milliseconds) -> None:
        counting = partition.counting
        run = RecordRun(
            messages[0].topic(),
            [message.offset() for message in messages],
            [message.value() for message in messages],
            stamp=lambda position: _stamp(messages[position]),
            headers=lambda position: _headers(messages[position]),
            key=lambda position: messages[position].key(),
        )
        decoder = self._decoder(run, partition)
        if decoder is None:
            return
        known = partition.committed_position
        read = read_run(run, decoder.decode(run), counting.reader, self._options.rule(counting.reader.names))
        if isinstance(decoder, CallDecoder):
            partition.waiting = decoder.waiting
        partition.add(read.rows, now)
        if isinstance(decoder, CallDecoder):
            partition.calls = decoder.latest
        for bad in read.bad:
            if messages[bad.position].offset() >= known:  # else it was told of before these were read again
                self._reject(messages[bad.position], bad.reason)

    def give_up(self, partition: Partition, now: Milliseconds) -> None:
        """Count the requests that wait, without their predictions: no answers are expected any more."""
        decoder = self._calls.get(partition)
        if decoder is None or decoder.waiting is None:
            return
        partition.given_up.append(partition.position)
        run = RecordRun("", [partition.position - 1], [None], stamp=lambda position: NO_TIME)
        reader = partition.counting.reader
        read = read_run(run, decoder.give_up(), reader, self._options.rule(reader.names))
        partition.waiting = None
        partition.add(replace(read.rows, records=read.rows.records[:0], after=True), now)

    def reread(self, partition: Partition, now: Milliseconds) -> None:
        """Note that a partition's records were read again up to where they were read before."""
        while partition.rereading:
            self._reread_to(partition.next_stop, partition, now)

    def _reread_to(self, stop: int, partition: Partition, now: Milliseconds) -> None:
        """Do again what was done at an offset when the records before it were read the first time."""
        partition.position = max(partition.position, stop)
        gives_up = stop in partition.to_give_up
        if gives_up:
            partition.to_give_up.remove(stop)
        if stop >= partition.committed_position:
            partition.reread()
        if gives_up:
            self.give_up(partition, now)

    def flush(self) -> bool:
        """Wait until all dead letters are sent or failed; return whether that is so."""
        return self._dead_letters is None or self._dead_letters.flush()

    def _reject(self, message: Any, reason: str) -> None:
        self.bad += 1
        self._metrics.add("bad_records", topic=message.topic())
        if self._dead_letters is not None:
            self._dead_letters.send(message, reason)
        if self.bad <= _LOGGED or self.bad % _EVERY == 0:
            LOG.warning("%s[%d] offset %d cannot be read: %s", message.topic(), message.partition(), message.offset(),
                        reason)  # fmt: skip

    def _decoder(self, run: RecordRun, partition: Partition) -> RecordDecoder | None:
        decoder = self._decoders.get(run.topic) or self._calls.get(partition)
        if decoder is not None:
            return decoder
        form: str | None = self._forms.get(run.topic, self._options.form)
        if form == AUTO:
            form = form_of(run, self._options)
            if form is None:
                return None
            LOG.info("%s: read as %s (--format)", run.topic, form)
        assert form is not None
        self._forms[run.topic] = form
        counting = partition.counting
        if form in CALLS:
            timing, options = counting.timing, self._options
            decoder = self._calls[partition] = CallDecoder(
                READERS[form],
                counting.reader,
                options.rule(counting.reader.names),
                timing.lateness,
                timing.pane,
                order=options.order,
                latest=partition.calls,
            )
        else:
            decoder = self._decoders[run.topic] = decoder_of(form, self._options, counting.reader)
        return decoder


def _stamp(message: Any) -> Milliseconds:
    kind, time = message.timestamp()
    return int(time) if kind and time >= 0 else NO_TIME


def _headers(message: Any) -> dict[str, str]:
    """Return headers by name in lower case; of several of one name the first."""
    pairs = reversed(message.headers() or [])
    return {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in pairs}
