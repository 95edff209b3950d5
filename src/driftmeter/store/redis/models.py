"""Models and their profiles in Redis: register, read, delete."""

from __future__ import annotations

import logging
import secrets
import zlib
from urllib.parse import quote

from driftmeter.errors import StoreUnavailableError, UnknownProfileError
from driftmeter.panes.timing import Timing
from driftmeter.store.records import ModelRecord
from driftmeter.store.redis.replies import read_model
from driftmeter.store.redis.session import RedisSession
from driftmeter.types import Milliseconds

_DELETION: Milliseconds = 60_000
"""A process that deletes a model has this long; after that another one may finish the deletion."""

_log = logging.getLogger(__name__)


class RedisModels:
    """The models of a store. Its methods do what those of Store do."""

    def __init__(self, session: RedisSession) -> None:
        """Work on the models of a session."""
        self._session = session
        self._connection = session.connection
        self._token = secrets.token_hex(8)
        self._is_checked = False

    def register(self, model: str, digest: str, profile: bytes, timing: Timing, *, reactivate: bool) -> None:
        """Add a profile, and make it the newest."""
        self._check_server()
        values = (digest, zlib.compress(profile), timing.pane, timing.lateness, int(reactivate), secrets.token_hex(8))
        # Listed before: a name without a model is passed over, a model without its name would not be seen. And listed
        # after: a model of this name may just have been deleted.
        self._list(model)
        if self._session.run("register", model, *values) == -1:
            self._finish_deletion(model)
            if self._session.run("register", model, *values) == -1:
                raise _being_deleted(model)
        self._list(model)

    def _list(self, model: str) -> None:
        self._session.run_shared("add_model", "models", quote(model, safe=""))

    def models(self) -> list[ModelRecord]:
        """Return all models, sorted by name."""
        hashes = self._session.models()
        now = self._session.now()
        return [read_model(name, fields, now) for name, fields in hashes.items()]

    def model(self, model: str) -> ModelRecord:
        """Return one model."""
        return read_model(model, self._session.fields(model), self._session.now())

    def digests(self, model: str) -> list[str]:
        """Return the digests of the model's profiles, oldest first."""
        reply = self._connection.command("ZRANGE", self._session.key(model, "digests"), 0, -1)
        return [digest.decode() for digest in reply]

    def profile(self, model: str, digest: str) -> bytes:
        """Return a profile as it was registered."""
        body = self._connection.command("HGET", self._session.key(model, "profiles"), digest)
        if body is None:
            self.model(model)
            raise UnknownProfileError(model, digest, tuple(self.digests(model)))
        return zlib.decompress(body)

    def delete(self, model: str) -> bool:
        """Delete a model and everything that belongs to it; return False if another process has finished that."""
        # From here on it is unknown to all, and its name stays taken until everything that belonged to it is gone. If
        # this process ends in between, the next deletion or registration goes on with it.
        match self._session.run("begin_delete", model, self._token, _DELETION):
            case -1:
                raise self._session.unknown(model)
            case 0:
                raise _being_deleted(model)
        return self._unlink(model)

    def _finish_deletion(self, model: str) -> None:
        """Finish the deletion that a process began some time ago and did not finish."""
        if self._session.run("begin_delete", model, self._token, _DELETION, "only_finish") == 1:
            self._unlink(model)

    def _unlink(self, model: str) -> bool:
        def is_ours() -> bool:
            token = self._connection.command("HGET", self._session.tag(model), "token")
            return bool(token == self._token.encode())

        self._connection.unlink_all(self._session.key(model, ""), is_ours)
        if not is_ours():  # it took so long that another process has taken over
            return False
        self._connection.command("SREM", self._session.shared_key("models"), quote(model, safe=""))
        self._session.run("finish_delete", model, self._token)
        return True

    def _check_server(self) -> None:
        """Warn once of a server that may lose what it has acknowledged."""
        if self._is_checked:
            return
        info = self._connection.info()
        self._is_checked = True
        address = self._connection.address
        if info and not info.get("aof_enabled"):
            _log.warning(
                "%s: appendonly is off: what was acknowledged is lost when the server ends; set appendonly yes"
                " and appendfsync always",
                address,
            )
        policy = info.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            _log.warning("%s: maxmemory-policy is %s: set noeviction, or counts get lost", address, policy)


def _being_deleted(model: str) -> StoreUnavailableError:
    return StoreUnavailableError(f"model {model!r} is being deleted")
