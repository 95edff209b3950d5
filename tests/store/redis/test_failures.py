"""What each server's refusals mean: their texts as Redis 6.2.14, 7.0.15 and 8.2.3, Valkey 8.1.8 and 9.1.2 sent them."""

from __future__ import annotations

import re

import pytest
from redis._parsers import BaseParser

from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store.redis.connection import RedisConnection
from driftmeter.store.redis.failures import code_of

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


@pytest.fixture
def link() -> RedisConnection:
    return RedisConnection("redis://127.0.0.1:1/0")


def said(link: RedisConnection, answer: str) -> StoreError:
    """Return what a caller hears of an answer, as redis-py reads it."""
    with pytest.raises(StoreError) as raised, link._reachable():
        raise BaseParser.parse_error(answer)
    return raised.value


@pytest.mark.parametrize("around", SCRIPT.values(), ids=SCRIPT)
@pytest.mark.parametrize("refusal", AWAY)
def test_what_no_server_can_write_just_now_is_unavailable_in_a_script_as_in_a_command(
    link: RedisConnection, refusal: str, around: str
) -> None:
    answer = around.format(refusal)
    assert code_of(BaseParser.parse_error(answer)) == refusal.partition(" ")[0]
    error = said(link, answer)
    assert isinstance(error, StoreUnavailableError)
    assert str(error) == f"the store {link.address} cannot be reached or written now: {AWAY[refusal] or refusal}"


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
def test_what_is_over_in_a_moment_is_unavailable(link: RedisConnection, answer: str) -> None:
    assert isinstance(said(link, answer), StoreUnavailableError)


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
def test_what_does_not_pass_by_itself_is_an_error(link: RedisConnection, answer: str, message: str) -> None:
    error = said(link, answer)
    assert not isinstance(error, StoreUnavailableError)
    assert re.match(f"the store {link.address} {message}", str(error))
