"""Settings of an invented holder: what is declared is read, checked and written, and nothing else is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.settings.declare import Setting, changed, check, declared, parts, read, setting, write
from driftmeter.settings.kinds import RowCount, TimeLength, YesNo
from driftmeter.timestamps import HOUR


@dataclass(frozen=True)
class Span:
    length: int = 5
    rows: int = 7


@dataclass(frozen=True)
class Holder:
    loud: bool = field(default=False, metadata=setting(YesNo(), "whether it is loud"))
    span: Span = field(
        default_factory=Span,
        metadata=parts(
            length=Setting(RowCount(), "how long", "span"), rows=Setting(RowCount(1), "how many", "span_rows")
        ),
    )
    short: int = field(default=HOUR, metadata=setting(TimeLength(1, 5 * HOUR), "the short one", "inner.short"))
    long: int = field(default=2 * HOUR, metadata=setting(TimeLength("short", 5 * HOUR), "the long one", "inner.long"))
    other: int = 3

    def __post_init__(self) -> None:
        check(self)


def given(data: object) -> Holder:
    keys, _ = read(Holder(), data, "it")
    return replace(Holder(), **changed(Holder(), keys))


def test_every_declared_field_is_a_setting_and_no_other() -> None:
    keys = [one.key for one in declared(Holder)]
    assert keys == ["loud", "span", "span_rows", "inner.short", "inner.long"]
    assert [one.default for one in declared(Holder)] == [False, 5, 7, HOUR, 2 * HOUR]


def test_what_is_written_is_read_back() -> None:
    assert write(Holder()) == {"loud": False, "span": 5, "span_rows": 7, "inner": {"short": "1h", "long": "2h"}}
    holder = Holder(loud=True, span=Span(1, 2), short=1, long=HOUR)
    assert given(write(holder)) == holder
    assert given({}) == Holder()


def test_only_what_differs_may_be_written() -> None:
    assert write(Holder(), all_of_them=False) == {}
    assert write(Holder(long=3 * HOUR), all_of_them=False) == {"inner": {"long": "3h"}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"lod": True}, "it.lod: expected one of loud, span, span_rows, inner, got 'lod' (did you mean 'loud'?)"),
        ({"inner": {"lng": "1h"}}, "it.inner.lng: expected one of short, long, got 'lng' (did you mean 'long'?)"),
        ({"inner": 3}, "it.inner: expected a table of settings, got 3"),
        ({"loud": 1}, "it.loud: expected true or false, got 1"),
        ({"span_rows": 0}, "span_rows: expected 1 to 1000000000 rows, got 0"),
        ({"inner": {"long": "5m"}}, "inner.long: expected 1h to 5h, got 5m"),
        ({"other": 4}, "it.other: expected one of loud, span, span_rows, inner, got 'other'"),
    ],
)
def test_what_cannot_be_is_refused_by_its_path(data: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        given(data)
    assert str(caught.value) == message


def test_a_key_besides_the_settings_is_handed_on() -> None:
    keys, rest = read(Holder(), {"loud": True, "more": {"any": "thing"}}, "it", besides="more")
    assert (keys, rest) == ({"loud": True}, {"any": "thing"})
    assert read(Holder(), {}, "it", besides="more") == ({}, {})
