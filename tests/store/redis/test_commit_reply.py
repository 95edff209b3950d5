from __future__ import annotations

from typing import Any

import pytest

from driftmeter.panes.totals import SourceTotals
from driftmeter.store.redis.commit_reply import (
    CommitReply,
    ModelChanged,
    ModelMissing,
    ModelState,
    PaneReply,
    ProfileMissing,
    SumsBehind,
    UsedKey,
    WritesMade,
    parse_commit_reply,
)

HEAD = [b"1700000000000", b"born", b"1699999990000", b"10000"]
STATE = ModelState(1_700_000_000_000, b"born", 1_699_999_990_000, 10_000)
TOTALS = b'{"observed": 7, "counted": 5, "dropped": {"queue full": 2}}'

PARSED: list[tuple[list[Any], CommitReply]] = [
    ([b"unknown model"], ModelMissing()),
    ([b"unknown profile", "größe".encode()], ProfileMissing("größe")),
    ([b"behind"], SumsBehind()),
    ([b"changed", *HEAD, []], ModelChanged(STATE, {})),
    (
        [b"changed", *HEAD, [[b"one", b"print", b"3"], ["zwölf".encode(), b"", b"9007199254740991"]]],
        ModelChanged(STATE, {"one": UsedKey(b"print", 3), "zwölf": UsedKey(b"", 2**53 - 1)}),
    ),
    ([b"written", *HEAD, []], WritesMade(STATE, ())),
    (
        [b"written", *HEAD, [[0, 1, 2, 3, b""], [1, 0, 0, 0, TOTALS]]],
        WritesMade(
            STATE,
            (
                PaneReply(False, 1, 2, 3, b""),
                PaneReply(True, 0, 0, 0, TOTALS),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("reply", "expected"), PARSED)
def test_each_outcome_has_a_type_of_its_own(reply: list[Any], expected: CommitReply) -> None:
    assert parse_commit_reply(reply) == expected


@pytest.mark.parametrize("reply", [[], [b"done"], [b"changed"], [b"written", *HEAD], [b"unknown profile"]])
def test_what_the_script_never_answers_is_an_error(reply: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"expected a reply of commit\.lua, got"):
        parse_commit_reply(reply)


def test_a_pane_says_what_its_source_had_reported_before() -> None:
    assert PaneReply(False, 1, 2, 3, b"").totals_before == SourceTotals()
    assert PaneReply(True, 0, 0, 0, TOTALS).totals_before == SourceTotals(7, 5, {"queue full": 2})
