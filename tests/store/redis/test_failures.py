"""What each server's refusals mean: their texts as Redis 6.2.14, 7.0.15 and 8.2.3, Valkey 8.1.8 and 9.1.2 sent them."""

from __future__ import annotations

import re
import socket
import ssl

import pytest
from redis import exceptions
from redis._parsers import BaseParser
from redis.sentinel import MasterNotFoundError

from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store.redis.address import RedisAddress
from driftmeter.store.redis.failures import RedisFailure, code_of

SCRIPT = {
    "6.2": "ERR Error running script (call to f_1f8f4cfba6f3375f8c4ec02b9de4361a5dea5c64): @user_script:1:"
    " @user_script: 1: -{}",
    "7.0, 8.2, Valkey 8.1": "{} script: 1f8f4cfba6f3375f8c4ec02b9de4361a5dea5c64, on @user_script:1.",
    "Valkey 9.1": "{} script: on @user_script:1.",
    "all, of a command": "{}",
}
"""What is put around what a script was refused."""

FULL = "OOM command not allowed when used memory > 'maxmemory'."
REPLICA = "READONLY You can't write against a read only replica."
ALONE = "NOREPLICAS Not enough good replicas to write."
NO_DISK = "MISCONF {} is configured to save RDB snapshots, but it"
AWAY = {
    FULL: "Redis is full (maxmemory)",
    REPLICA: "it is a replica, which takes no writes",
    ALONE: ALONE,
    # the rest of the text is the same
    NO_DISK.format("Redis") + " is currently not able to persist on disk.": None,
    NO_DISK.format("Redis") + "'s currently unable to persist to disk.": None,
    NO_DISK.format("Valkey") + "'s currently unable to persist to disk.": None,
}


ADDRESS = RedisAddress.parse("redis://127.0.0.1:1/0")
CLUSTER = RedisAddress.parse("redis://127.0.0.1:1/0?cluster=true")
SENTINEL = RedisAddress.parse("redis+sentinel://127.0.0.1:1/0?master=main")


def parsed(answer: str) -> Exception:
    """Return the error that redis-py makes of an answer."""
    error: Exception = BaseParser.parse_error(answer)  # type: ignore[no-untyped-call] # redis-py has no types for it
    return error


def store_error(error: Exception, address: RedisAddress = ADDRESS) -> StoreError:
    return RedisFailure(error, address, 2.5).store_error()


def caused_by(cause: Exception, message: str = "Error 1 connecting to 127.0.0.1:1.") -> Exception:
    error = exceptions.ConnectionError(message)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("around", SCRIPT.values(), ids=SCRIPT)
@pytest.mark.parametrize("refusal", AWAY)
def test_what_no_server_can_write_just_now_is_unavailable_in_a_script_as_in_a_command(
    refusal: str, around: str
) -> None:
    answer = around.format(refusal)
    assert code_of(parsed(answer)) == refusal.partition(" ")[0]
    error = store_error(parsed(answer))
    assert isinstance(error, StoreUnavailableError)
    assert str(error) == f"the store {ADDRESS} cannot be reached or written now: {AWAY[refusal] or refusal}"


@pytest.mark.parametrize(
    "answer",
    [
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "CLUSTERDOWN Hash slot not served",
        "CLUSTERDOWN The cluster is down",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
        "ERR max number of clients reached",
        "ERR Error running script (call to f_694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7): @user_script:1: Script killed"
        " by user with SCRIPT KILL...",
        "ERR Script killed by user with SCRIPT KILL... script: 694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7, on"
        " @user_script:1.",
        "ERR Script killed by user with SCRIPT KILL. script: on @user_script:1.",
    ],
)
def test_what_is_over_in_a_moment_is_unavailable(answer: str) -> None:
    assert isinstance(store_error(parsed(answer)), StoreUnavailableError)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("NOPERM this user has no permissions to run the 'wait' command or its subcommand", "refuses us: this user"),
        ("NOPERM User u has no permissions to run the 'wait' command", "refuses us: User u has"),
        ("NOAUTH Authentication required.", "needs a password"),
        ("WRONGPASS invalid username-password pair or user is disabled.", "refuses us: invalid username-password"),
        (
            "ERR ACL failure in script: User u has no permissions to run the 'set' command script: on @user_script:1.",
            "failed: ACL failure in script: User u has no permissions to run the 'set' command$",
        ),
        ("MOVED 11978 127.0.0.1:21738", r"is one of a cluster: expected \?cluster=true$"),
        ("BUSYGROUP Consumer Group name already exists", "failed: BUSYGROUP"),
        (
            "ERR Error running script (call to f_620cd258c2c9c88c9d10db67812ccf663d96bdc6): @user_script:1: WRONGTYPE"
            " Operation against a key holding the wrong kind of value",
            "failed: WRONGTYPE Operation against a key holding the wrong kind of value$",
        ),
        (
            "WRONGTYPE Operation against a key holding the wrong kind of value script: on @user_script:1.",
            "failed: WRONGTYPE Operation against a key holding the wrong kind of value$",
        ),
        (
            "ERR Error running script (call to f_cf0efd7895bbde8aab6ffbb44ec6bca4bd5ef4c3): @user_script:1:"
            " user_script:1: attempt to index local 'x' (a nil value)",
            r"failed: attempt to index local 'x' \(a nil value\)$",
        ),
        (
            "ERR user_script:1: attempt to index local 'x' (a nil value) script: on @user_script:1.",
            r"failed: attempt to index local 'x' \(a nil value\)$",
        ),
        ("ERR This instance has cluster support disabled", "is no cluster"),
        ("ERR unknown command `SENTINEL`, with args beginning with: `get-master-addr-by-name`", "is no Sentinel"),
        ("ERR unknown command 'SENTINEL', with args beginning with: 'get-master-addr-by-name' 'x'", "is no Sentinel"),
    ],
)
def test_what_does_not_pass_by_itself_is_an_error(answer: str, message: str) -> None:
    error = store_error(parsed(answer))
    assert not isinstance(error, StoreUnavailableError)
    assert re.match(f"the store {ADDRESS} {message}", str(error))


@pytest.mark.parametrize("answer", ["MOVED 11978 127.0.0.1:21738", "ASK 11978 127.0.0.1:21738"])
def test_a_slot_of_a_cluster_that_has_moved_is_unavailable_until_the_slots_are_learnt(answer: str) -> None:
    assert isinstance(store_error(parsed(answer), CLUSTER), StoreUnavailableError)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (caused_by(socket.gaierror(-2, "Name or service not known")), "unknown host"),
        (caused_by(ConnectionRefusedError(111, "Connection refused")), "connection refused"),
        (caused_by(FileNotFoundError(2, "No such file or directory")), "no such file or directory"),
        (caused_by(TimeoutError(), "Timeout connecting to server"), "no answer within 2 s"),
        (exceptions.TimeoutError("Timeout reading from socket"), "no answer within 2.5 s"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection reset by peer"),
        (
            caused_by(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")),
            "TLS: wrong version number",
        ),
        (exceptions.ConnectionError("1 of 2 replicas have it"), "1 of 2 replicas have it"),
        (MasterNotFoundError("No master found for 'main'"), "no Sentinel knows the master 'main'"),
        (MasterNotFoundError("No master found for 'main' : Redis<...> - Timeout"), "no Sentinel can be asked"),
    ],
)
def test_a_server_that_is_away_is_unavailable_for_the_reason_that_came_first(error: Exception, reason: str) -> None:
    failure = store_error(error, SENTINEL)
    assert isinstance(failure, StoreUnavailableError)
    assert str(failure) == f"the store {SENTINEL} cannot be reached or written now: {reason}"


def test_a_refused_login_in_the_chain_counts_more_than_the_error_that_it_led_to() -> None:
    refused = exceptions.AuthenticationError("invalid username-password pair")
    failure = store_error(caused_by(refused))
    assert not isinstance(failure, StoreUnavailableError)
    assert str(failure) == f"the store {ADDRESS} refuses us: invalid username-password pair"


def test_an_earlier_error_of_the_store_is_no_cause() -> None:
    error = exceptions.ConnectionError("closed")
    error.__context__ = StoreUnavailableError("away")
    error.__context__.__context__ = ConnectionRefusedError(111, "Connection refused")
    assert str(store_error(error)).endswith("now: closed")
