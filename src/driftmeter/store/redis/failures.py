"""What an error of redis-py means for a caller of the store: a table of conditions and sentences.

The code of an answer says what it means; the words around the code differ from version to version. Before Redis 7.0 the
refusal of a script is a plain ERR, and the code follows after two positions in the script.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.sentinel import MasterNotFoundError

from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store.redis.address import OPTIONS, RedisAddress

CONNECT_TIMEOUT = 2.0
"""Seconds to wait for a connection."""

_CLASSES: tuple[tuple[type[Exception], str], ...] = (
    (OutOfMemoryError, "OOM"),
    (ReadOnlyError, "READONLY"),
    (BusyLoadingError, "LOADING"),
    (MasterDownError, "MASTERDOWN"),  # a subclass of ClusterDownError in redis-py
    (ClusterDownError, "CLUSTERDOWN"),
    (TryAgainError, "TRYAGAIN"),
    (MovedError, "MOVED"),  # a subclass of AskError in redis-py
    (AskError, "ASK"),
    (NoPermissionError, "NOPERM"),
)
"""Codes that redis-py removes from the text and turns into classes; which codes depends on its version."""
_CODE = re.compile(r"[A-Z]{2,}\b")
_NOISE = re.compile(
    r"^Command # \d+ \(.*\) of pipeline caused error: "
    r"|Error running script \(call to \w+\): |@?user_script:\d+: |@user_script: \d+: -?"
    r"|,? ?script: (?:\w+, )?on @user_script:\d+\.?",
    re.DOTALL,
)
"""The text with which Redis and redis-py say where in a script or pipeline an answer came from."""
_TEMPORARY_CODES = frozenset(
    {"OOM", "READONLY", "MISCONF", "NOREPLICAS", "BUSY", "UNBLOCKED"}
    | {"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"}
)
"""Codes of a server that cannot do what it is asked now, and may be able to later."""
_TEMPORARY_ERRORS = (RedisConnectionError, RedisTimeoutError, RedisClusterException, OSError)
_KILLED = "Script killed by user"
"""The answer, without a code, of a script that somebody killed. It has written nothing, or it could not be killed."""


@dataclass(frozen=True)
class RedisFailure:
    """An error of redis-py, or of the operating system, at a store's address."""

    error: Exception
    address: RedisAddress
    answer_timeout: float
    """Seconds that the connection waits for an answer."""

    @cached_property
    def code(self) -> str:
        """The code of the answer, such as OOM; empty for the general ERR."""
        return code_of(self.error)

    @cached_property
    def text(self) -> str:
        """The text of the answer, without its origin."""
        return text_of(self.error)

    @cached_property
    def causes(self) -> tuple[BaseException, ...]:
        """What led to the error, the first cause first; the error itself is the last."""
        return tuple(reversed(list(_chain(self.error))))

    @property
    def is_of_login(self) -> bool:
        """Whether the server did not accept the login."""
        return any(isinstance(cause, AuthenticationError) for cause in self.causes)

    @property
    def is_temporary(self) -> bool:
        """Whether the same call may succeed later, if none of `PERMANENT` holds."""
        moved = self.address.cluster and self.code in ("MOVED", "ASK")
        refused = self.code in _TEMPORARY_CODES or self.text.startswith(_KILLED)
        return moved or refused or isinstance(self.error, _TEMPORARY_ERRORS)

    def store_error(self) -> StoreError:
        """Return the error for the store's caller: StoreUnavailableError if it may pass by itself."""
        for applies, sentence in PERMANENT:
            if applies(self):
                return StoreError(f"the store {self.address} {self._filled(sentence)}")
        if self.is_temporary:
            return StoreUnavailableError(f"the store {self.address} cannot be reached or written now: {self.reason}")
        return StoreError(f"the store {self.address} failed: {self.text}")

    @property
    def reason(self) -> str:
        """Why the server cannot be used now, in a few words."""
        for applies, sentence in REASONS:
            if applies(self):
                return self._filled(sentence)
        for cause in self.causes:
            for kind, say in CAUSES:
                if isinstance(cause, kind) and (reason := say(cause, self)):
                    return reason
        return self.text

    def _filled(self, sentence: str) -> str:
        return sentence.format(
            scheme=self.address.scheme, master=self.address.master, text=self.text, first=text_of(self.causes[0])
        )


PERMANENT: tuple[tuple[Callable[[RedisFailure], bool], str], ...] = (
    (
        lambda failure: (
            failure.is_of_login and ("HELLO must be called" in failure.text or "uthentication required" in failure.text)
        ),
        "needs a password: {scheme}://:password@host:port/0",
    ),
    (lambda failure: failure.is_of_login, "refuses us: {first}"),
    (
        lambda failure: isinstance(failure.error, AuthorizationError) or failure.code == "NOPERM",
        "refuses us: {text}",
    ),
    (
        lambda failure: failure.code == "MOVED" and not failure.address.cluster,
        "is one of a cluster: expected ?cluster=true",
    ),
    (
        lambda failure: "Cluster mode is not enabled" in failure.text or "cluster support disabled" in failure.text,
        "is no cluster: leave out cluster=true",
    ),
    (
        lambda failure: bool(re.search("unknown command .SENTINEL", failure.text, re.IGNORECASE)),
        "is no Sentinel: expected Sentinels, or redis://host:port/0",
    ),
)
"""Failures that somebody has to mend, with the sentence that says how. The first that applies counts."""

REASONS: tuple[tuple[Callable[[RedisFailure], bool], str], ...] = (
    (lambda failure: failure.code == "OOM", "Redis is full (maxmemory)"),
    (lambda failure: failure.code == "READONLY", "it is a replica, which takes no writes"),
    (
        # the name is followed by a long description of each Sentinel that did not answer
        lambda failure: isinstance(failure.error, MasterNotFoundError) and " : " in failure.text,
        "no Sentinel can be asked",
    ),
    (lambda failure: isinstance(failure.error, MasterNotFoundError), "no Sentinel knows the master {master!r}"),
)
"""Failures that pass by themselves, told by the answer."""


def _no_answer(_: BaseException, failure: RedisFailure) -> str:
    return f"no answer within {CONNECT_TIMEOUT if 'connecting' in failure.text else failure.answer_timeout:g} s"


CAUSES: tuple[tuple[type[BaseException], Callable[[BaseException, RedisFailure], str]], ...] = (
    (socket.gaierror, lambda cause, failure: "unknown host"),
    (ssl.SSLError, lambda cause, failure: f"TLS: {re.sub(r'^.SSL[^]]*. | .[(]?_ssl[.]c.*$', '', str(cause))}"),
    (ConnectionRefusedError, lambda cause, failure: "connection refused"),
    (RedisTimeoutError, _no_answer),
    (TimeoutError, _no_answer),
    (OSError, lambda cause, failure: (cause.strerror or "").lower() if isinstance(cause, OSError) else ""),
)
"""Failures that pass by themselves, told by what led to them. The first cause counts that has an entry here."""


def code_of(error: BaseException) -> str:
    """Return the code of an answer, such as OOM or READONLY; empty for the general ERR."""
    for kind, code in _CLASSES:
        if isinstance(error, kind):
            return code
    match = _CODE.match(text_of(error))
    return match[0] if match else ""


def text_of(error: BaseException) -> str:
    """Return the text of an error, without the place in a script or pipeline that it came from."""
    return _NOISE.sub("", str(error)).strip()


def unfit_options(error: Exception, address: RedisAddress) -> StoreError:
    """Return the error for an option that redis-py does not know, or whose value it does not take."""
    if match := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
        others = "those of redis-py, such as socket_timeout, and ssl_ca_certs with rediss://"
        return StoreError(f"store: unknown option {match[1]!r}; known: {', '.join(OPTIONS)} and {others}")
    options = address.client_options
    if (match := re.search(r"Invalid value for '(\w+)'", str(error))) and match[1] in options:
        return StoreError(f"store: option {match[1]!r} cannot be {options[match[1]]!r}")
    return StoreError(f"store: expected redis://host:port/database with options that fit, got {str(address)!r}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, but none from before an earlier StoreError, which has been reported."""
    while error is not None and not isinstance(error, StoreError):
        yield error
        error = error.__cause__ or error.__context__
