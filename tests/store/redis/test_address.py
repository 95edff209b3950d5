"""The address of a store in Redis: what each part of it means, and what cannot be an address."""

from __future__ import annotations

from typing import Any

import pytest

from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store import open_store
from driftmeter.store.redis.address import RedisAddress

PARSED: dict[str, dict[str, Any]] = {
    "redis://host": {"scheme": "redis", "location": "host", "path": "", "database": 0},
    "redis://host:6379/3": {"location": "host:6379", "path": "/3", "database": 3},
    "redis://[::1]:6379/": {"location": "[::1]:6379", "path": "/", "database": 0},
    "rediss://host:6380/0?ssl_ca_certs=ca.pem": {"scheme": "rediss", "client_options": {"ssl_ca_certs": "ca.pem"}},
    "unix:///run/redis.sock": {"scheme": "unix", "location": "", "path": "/run/redis.sock", "database": 0},
    "redis://user:se%2Fcret@host/0": {"username": "user", "password": "se/cret", "login": "user:se%2Fcret@"},
    "redis://:secret@host/0": {"username": None, "password": "secret"},
    "redis://host/0?prefix=mine": {"prefix": "mine", "client_options": {}},
    "redis://host/0?replicas=2": {"replicas": 2, "client_options": {}},
    "redis://host/0?cluster=true": {"cluster": True, "client_options": {}},
    "redis://host/0?cluster=false": {"cluster": False},
    "redis://host/0?replicas=1&replicas=2": {"replicas": 2},
    "redis://host/0?socket_timeout=5&prefix=mine": {"prefix": "mine", "client_options": {"socket_timeout": "5"}},
    "redis+sentinel://user:se%40cret@one:1,two:2/4?master=main": {
        "sentinels": (("one", 1), ("two", 2)),
        "master": "main",
        "username": "user",
        "password": "se@cret",
        "database": 4,
    },
    "redis+sentinel://one:1": {"sentinels": (("one", 1),), "master": "mymaster", "database": 0},
}


@pytest.mark.parametrize("url", PARSED)
def test_an_address_is_taken_apart(url: str) -> None:
    address = RedisAddress.parse(url)
    assert {name: getattr(address, name) for name in PARSED[url]} == PARSED[url]


def test_what_an_address_does_not_say_has_a_default() -> None:
    address = RedisAddress.parse("redis://host/0")
    assert address == RedisAddress("redis", "host", "/0")
    defaults = (address.prefix, address.replicas, address.cluster, address.master, address.sentinels)
    assert defaults == ("driftmeter", 0, False, "mymaster", ())


@pytest.mark.parametrize(
    ("url", "client_url"),
    [
        ("redis://user:se%2Fcret@host:1/2?replicas=1&prefix=a", "redis://user:se%2Fcret@host:1/2"),
        ("redis://host/0?client_name=a%3Db%26c&cluster=true", "redis://host/0?client_name=a%3Db%26c"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("rediss://host", "rediss://host"),
    ],
)
def test_the_client_is_given_the_login_and_its_own_options_as_they_were_escaped(url: str, client_url: str) -> None:
    assert RedisAddress.parse(url).client_url == client_url


@pytest.mark.parametrize("url", ["redis://user:secret@host:1/2?prefix=a", "redis+sentinel://user:secret@host:1/2"])
def test_an_address_shows_neither_user_nor_password(url: str) -> None:
    address = RedisAddress.parse(url)
    assert str(address) == url.replace("user:secret@", "").partition("?")[0]
    for shown in (str(address), repr(address)):
        assert "secret" not in shown
        assert "user" not in shown.replace("username", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("replica=2", r"^store: unknown option 'replica'; known: prefix, replicas, cluster, master and [\w ,-:]*$"),
        ("cluster=yes", "expected cluster=true or cluster=false, got 'yes'"),
        ("cluster=true&nonsense=1", "unknown option 'nonsense'"),
        ("replicas=-1", "expected a number of replicas, got '-1'"),
        ("replicas=two", "expected a number of replicas, got 'two'"),
        ("prefix={a}", "expected a prefix without braces"),
        ("socket_timeout=long", "option 'socket_timeout' cannot be 'long'"),
        ("decode_responses=true", "decode_responses"),
    ],
)
def test_an_unknown_or_unfit_option_is_refused_by_name(options: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        open_store(f"redis://127.0.0.1:1/0?{options}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://", "redis://host:port/database, got 'redis://'"),
        ("redis://:1/0", "redis://host:port/database, got redis://…"),
        ("redis://host:port/0", "a port that is a number"),
        ("redis://host:99999/0", "a port that is a number from 1 to 65535"),
        ("redis://host/name", "a database that is a number"),
        ("redis://[::1/0", "redis://"),
        ("redis://host/0?protocol=9", "redis://host:port/database with options that fit, got 'redis://host/0'"),
        ("unix://", "unix:///path"),
        ("redis://host/3?cluster=true", "database 0"),
        ("redis+sentinel://", "redis\\+sentinel://host:port/database, got 'redis\\+sentinel://'"),
        ("redis+sentinel://host/0", "a port that is a number"),
        ("redis+sentinel://host:1,host:port/0", "a port that is a number"),
        ("redis+sentinel://host:1/name", "a database that is a number"),
        ("redis+sentinel://host:1/0?socket_timeout=1", "no options but"),
    ],
)
def test_an_address_that_can_be_none_is_refused(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=f"^store: expected {message}") as raised:
        open_store(url)
    assert not isinstance(raised.value, StoreUnavailableError)
