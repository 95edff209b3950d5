"""Writes to Redis: one script for all writes of a model, made again for each change of the model under way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

from driftmeter.errors import StoreError, StoreUnavailableError, UnknownProfileError
from driftmeter.store.records import Receipt, Write
from driftmeter.store.redis.commit_message import CommitMessage, digest_of
from driftmeter.store.redis.commit_reply import (
    ModelChanged,
    ModelMissing,
    ModelState,
    ProfileMissing,
    SumsBehind,
    UsedKey,
    WritesMade,
    parse_commit_reply,
)
from driftmeter.store.redis.local_sums import LocalModel, LocalSums
from driftmeter.store.redis.models import RedisModels
from driftmeter.store.redis.packing import pack_argument
from driftmeter.store.redis.session import RedisSession
from driftmeter.timestamps import HOUR
from driftmeter.types import Milliseconds

_MOST_ROUNDS = 100
"""Changes of a model while it is written to: in each round a pane closed, or a key was found to be used."""
_SWEEP_EVERY: Milliseconds = HOUR

Answers = dict[int, Receipt | Exception]
"""The answer to each write, by its position."""

_log = logging.getLogger(__name__)


class RedisCommits:
    """Makes writes, and keeps what this process adds up itself."""

    def __init__(self, session: RedisSession, models: RedisModels) -> None:
        """Write to the models of a session."""
        self._session, self._models = session, models
        self._sums = LocalSums()
        self._lock = threading.Lock()
        self._swept: dict[str, Milliseconds] = {}

    def forget(self, model: str) -> None:
        """Forget what was added up for a model that was deleted."""
        with self._lock:
            self._sums.forget(model)

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        """Make the writes, those of one model together."""
        answers: Answers = {}
        by_model: dict[str, dict[int, Write]] = {}
        for position, write in enumerate(writes):
            by_model.setdefault(write.model, {})[position] = write
        with self._lock:
            for model, model_writes in by_model.items():
                try:
                    answers |= self._commit_model(model, model_writes)
                except Exception as error:  # of this model only: the writes to others stay made
                    if not isinstance(error, StoreError):
                        _log.exception("model %s: writes failed", model)
                    answers |= dict.fromkeys(model_writes, error)
                    if isinstance(error, StoreUnavailableError) and not self._session.connection.address.cluster:
                        # the other models are on the same server, and would wait as long for the same answer
                        answers = dict.fromkeys(range(len(writes)), error) | answers
                        break
        first = answers.get(0)
        if isinstance(first, StoreUnavailableError) and all(answer is first for answer in answers.values()):
            raise first
        return [answers[position] for position in range(len(writes))]

    def _commit_model(self, model: str, writes: Mapping[int, Write]) -> Answers:
        answers: Answers = {}
        remaining = dict(writes)
        used_keys: dict[str, UsedKey] = {}
        for _ in range(_MOST_ROUNDS):
            local = self._sums.of(model)
            message = CommitMessage(local, self._sums, remaining, used_keys)
            if not remaining:
                return answers
            try:
                reply = self._session.run("commit", model, pack_argument(message.content))
            except BaseException:
                self._sums.reset()  # it is not known whether the writes were made
                raise
            match parse_commit_reply(reply):
                case WritesMade(state, panes):
                    # in this order: the new state drops the sums of panes that have closed
                    message.mark_written()
                    self._learn(local, state)
                    self._sweep(model)
                    return answers | message.receipts(panes)
                case ModelChanged(state, keys):
                    self._learn(local, state)
                    used_keys |= keys
                case SumsBehind():
                    self._sums.reset()
                case ProfileMissing(digest):
                    error = UnknownProfileError(model, digest, tuple(self._models.digests(model)))
                    refused = [position for position, write in remaining.items() if digest_of(write) == digest]
                    answers |= dict.fromkeys(refused, error)
                    for position in refused:
                        del remaining[position]
                case ModelMissing():
                    self._sums.forget(model)
                    return answers | dict.fromkeys(remaining, self._session.unknown(model))
        raise StoreUnavailableError(f"model {model!r} changes faster than anything can be written to it")

    def _learn(self, local: LocalModel, state: ModelState) -> None:
        self._session.clock.learn(state.now)
        local.learn(state)

    def _sweep(self, model: str) -> None:
        """Drop what is too old, once in a while; the writes before it are made, whether it succeeds or not."""
        now = self._session.now()
        if 0 <= now - self._swept.get(model, -_SWEEP_EVERY) < _SWEEP_EVERY:
            return
        self._swept[model] = now
        try:
            self._session.run("sweep", model)
        except StoreError as error:
            _log.warning("model %s: what is too old stays for now: %s", model, error)
