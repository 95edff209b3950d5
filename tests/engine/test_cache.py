"""The caches: what is stale, and what is dropped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from driftmeter.engine.cache import AgingCache, ProfileCache
from tests.support.clocks import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock(100)


@pytest.fixture
def aging(clock: SetClock) -> AgingCache[str, str]:
    return AgingCache(5, clock)


def test_a_value_is_fresh_for_as_long_as_it_was_said(aging: AgingCache[str, str], clock: SetClock) -> None:
    aging.put("m", "record", read_at=100)
    clock.now = 105
    assert aging.fresh("m") == "record"
    clock.now = 106
    assert aging.fresh("m") is None


def test_the_age_of_a_value_counts_from_when_it_was_asked_for(aging: AgingCache[str, str], clock: SetClock) -> None:
    clock.now = 104
    aging.put("m", "record", read_at=98)  # the answer took six seconds
    assert aging.fresh("m") is None


def test_a_stale_value_is_there_for_callers_that_can_use_it(aging: AgingCache[str, str], clock: SetClock) -> None:
    aging.put("m", "record", read_at=100)
    clock.now = 1_000
    assert aging.fresh_or_stale("m") == "record"
    assert aging.fresh_or_stale("other") is None


def test_an_expired_value_is_stale_until_it_is_put_anew(aging: AgingCache[str, str]) -> None:
    aging.put("m", "old", read_at=100)
    aging.expire("m")
    assert (aging.fresh("m"), aging.fresh_or_stale("m")) == (None, "old")
    aging.put("m", "new", read_at=100)
    assert aging.fresh("m") == "new"


def test_a_value_is_renewed_only_in_place_of_an_older_one(aging: AgingCache[str, str], clock: SetClock) -> None:
    aging.renew("m", "never asked for", read_at=100)
    assert aging.fresh_or_stale("m") is None
    aging.put("m", "old", read_at=100)
    aging.renew("m", "new", read_at=104)
    aging.renew("m", "overtaken", read_at=102)
    clock.now = 109
    assert aging.fresh("m") == "new"


def test_a_value_that_was_dropped_or_expired_meanwhile_is_not_renewed(aging: AgingCache[str, str]) -> None:
    for forget in (aging.drop, aging.expire):
        aging.put("m", "old", read_at=90)
        forget("m")
        aging.renew("m", "asked for before", read_at=100)
        assert aging.fresh("m") is None


@pytest.mark.parametrize("forget", [AgingCache.drop, AgingCache.expire])
def test_a_value_that_was_asked_for_before_is_stale_when_it_comes(
    aging: AgingCache[str, str], clock: SetClock, forget: Callable[[AgingCache[str, str], str], None]
) -> None:
    clock.now = 101
    forget(aging, "m")
    aging.put("m", "asked for before", read_at=100)
    assert (aging.fresh("m"), aging.fresh_or_stale("m")) == (None, "asked for before")
    aging.put("m", "new", read_at=101)
    assert aging.fresh("m") == "new"


def test_to_expire_or_drop_what_is_not_there_does_nothing(aging: AgingCache[str, str]) -> None:
    aging.expire("m")
    aging.drop("m")
    assert aging.fresh_or_stale("m") is None


def test_a_dropped_value_is_gone(aging: AgingCache[str, str]) -> None:
    aging.put("m", "record", read_at=100)
    aging.drop("m")
    assert aging.fresh_or_stale("m") is None


def test_beyond_its_weight_a_profile_cache_drops_what_was_used_least_recently() -> None:
    cache: ProfileCache[str] = ProfileCache(6, len)
    for model in ("a", "b", "c"):
        cache.put(model, "1", model * 2)
    assert cache.get("a", "1") == "aa"
    cache.put("d", "1", "dd")
    assert [cache.get(model, "1") for model in "abcd"] == ["aa", None, "cc", "dd"]
    cache.put("e", "1", "eeee")
    assert [cache.get(model, "1") for model in "acde"] == [None, None, "dd", "eeee"]


def test_a_value_heavier_than_all_is_kept_alone() -> None:
    cache: ProfileCache[str] = ProfileCache(3, len)
    cache.put("a", "1", "aa")
    cache.put("b", "1", "bbbbb")
    assert (len(cache), cache.get("b", "1")) == (1, "bbbbb")


def test_a_value_that_is_put_again_counts_once() -> None:
    cache: ProfileCache[str] = ProfileCache(4, len)
    cache.put("a", "1", "aa")
    cache.put("b", "1", "bb")
    cache.put("a", "1", "cc")
    assert (cache.get("a", "1"), cache.get("b", "1"), len(cache)) == ("cc", "bb", 2)


def test_a_profile_cache_without_a_bound_keeps_all() -> None:
    cache: ProfileCache[int] = ProfileCache()
    for number in range(100):
        cache.put("m", str(number), number)
    assert len(cache) == 100


def test_a_model_is_dropped_with_all_its_profiles_and_no_other_model() -> None:
    cache: ProfileCache[int] = ProfileCache()
    for model, digest in (("m", "1"), ("m", "2"), ("n", "1")):
        cache.put(model, digest, 0)
    cache.drop_model("m")
    assert (len(cache), cache.get("n", "1")) == (1, 0)
